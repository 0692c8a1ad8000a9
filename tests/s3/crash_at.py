"""Run nomad and kill the process, with SIGKILL, at a named step of the publish of one table.

Usage: python crash_at.py STEP TABLE WORDS…      A step is `before CALL` or `after CALL`.
"""

from __future__ import annotations

import os
import signal
import sys

from nomad.cli import main
from nomad.store.s3 import S3Store
from nomad.workspace import Workspace

STEPS = {
    "before the data": ("put", "", False),
    "after the data": ("put", "", True),
    "before the commit": ("write_if", "manifest.json", False),
    "after the commit": ("write_if", "manifest.json", True),
    "before the mark": ("write", "_SUCCESS", False),
    "after the mark": ("write", "_SUCCESS", True),
    "before the catalog": ("refresh_catalog", "", False),
    "before the history": ("write", "manifest.json", False),
    "half-way to the history": ("move", "", False),
    "after the history": ("move", "", True),
}


def dying(act, marks, *, after):
    def wrapper(self, *words, **named):
        mine = all(m in str(words[0] if words else "") for m in marks)
        if mine and not after:
            os.kill(os.getpid(), signal.SIGKILL)
        done = act(self, *words, **named)
        if mine:
            os.kill(os.getpid(), signal.SIGKILL)
        return done

    return wrapper


if __name__ == "__main__":
    call, name, after = STEPS[sys.argv[1]]
    owner, marks = (S3Store, (sys.argv[2], name)) if call != "refresh_catalog" else (Workspace, ())
    setattr(owner, call, dying(getattr(owner, call), marks, after=after))
    sys.argv = ["nomad", *sys.argv[3:]]
    main()
