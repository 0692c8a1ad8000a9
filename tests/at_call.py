"""Run nomad, and at the n-th call of one of its functions (0: each) have something happen.

Usage: python at_call.py FUNCTION N kill|interrupt|fail|FILE WORDS…

It dies by SIGKILL, is interrupted as by Ctrl-C, fails for want of room, or waits for FILE, while
FILE.reached is there.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from itertools import count
from pathlib import Path
from pkgutil import resolve_name

from nomad.cli import main
from nomad.errors import LakeError


def arm(function: str, nth: int, what: str) -> None:
    """Replace a function by one that does so before its n-th call."""
    owner, _, name = function.rpartition(".")
    real, calls = resolve_name(function), count(1)

    def wrapper(*words, **named):
        if nth in (0, next(calls)):
            happen(what)
        return real(*words, **named)

    setattr(resolve_name(owner), name, wrapper)


def happen(what: str) -> None:
    """Die, fail, or wait for a file."""
    if what == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if what == "interrupt":
        raise KeyboardInterrupt
    if what == "fail":
        raise LakeError("no room")
    Path(f"{what}.reached").touch()
    while not Path(what).exists():
        time.sleep(0.01)


if __name__ == "__main__":
    arm(sys.argv[1], int(sys.argv[2]), sys.argv[3])
    sys.argv = ["nomad", *sys.argv[4:]]
    main()
