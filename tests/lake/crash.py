"""Run nomad and kill the process, with SIGKILL, right before its n-th change to the disk.

Usage: python crash.py N PART WORDS…   Only changes to paths that hold PART count.

Exit 0 without a word: there were fewer than N of them. An fsync is none: whoever reads meanwhile,
or after a kill, sees the same with it and without.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from nomad.cli import main

COUNT = 0


def dying(act, name, at, part):
    def wrapper(*words, **named):
        global COUNT  # noqa: PLW0603
        COUNT += part in " ".join(map(str, words))
        if at == COUNT:
            os.write(2, f"killed before {name} {words[0]}\n".encode())
            os.kill(os.getpid(), signal.SIGKILL)
        return act(*words, **named)

    return wrapper


def arm(at: int, part: str) -> None:
    """Make every call that changes the disk count, and the n-th of them the last."""
    for name in ("replace", "unlink", "mkdir", "rmdir", "write_text", "write_bytes"):
        setattr(Path, name, dying(getattr(Path, name), name, at, part))


if __name__ == "__main__":
    arm(int(sys.argv[1]), sys.argv[2])
    sys.argv = ["nomad", *sys.argv[3:]]
    main()
