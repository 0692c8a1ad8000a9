"""Run nomad, and at the n-th call of one of its functions die by SIGKILL, or wait for a file.

Usage: python at_call.py FUNCTION N kill|FILE WORDS…      FILE.reached tells that it waits for FILE.
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


def arm(function: str, nth: int, what: str) -> None:
    """Replace a function by one that does so before its n-th call."""
    owner, _, name = function.rpartition(".")
    real, calls = resolve_name(function), count(1)

    def wrapper(*words, **named):
        if next(calls) == nth:
            if what == "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            Path(f"{what}.reached").touch()
            while not Path(what).exists():
                time.sleep(0.01)
        return real(*words, **named)

    setattr(resolve_name(owner), name, wrapper)


if __name__ == "__main__":
    arm(sys.argv[1], int(sys.argv[2]), sys.argv[3])
    sys.argv = ["nomad", *sys.argv[4:]]
    main()
