"""Locks on folders, taken in turn by processes of one machine: none waits silently, or for ever.

The kernel lets go of a lock when its process dies. Who holds one says so in a file in the folder; a
process that was stopped, or whose disk hangs, is thus named to those that wait for it.
"""

from __future__ import annotations

import fcntl
import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event

from nomad.errors import Busy

_log = logging.getLogger(__name__)

HOLDER = ".holder"
"""The file in a locked folder that names who holds the lock."""

_SILENT = 1.5
"""Seconds to wait without a word."""

_HURRIED = 2.0
"""Seconds to wait at most once somebody wants to be gone."""

_POLL = 0.05


@dataclass
class Waiter:
    """Who takes locks, and for how many seconds it waits while one and the same holds them."""

    who: str = "nomad"
    limit: float = 60.0
    hurried: Event = field(default_factory=Event, repr=False)

    @property
    def _patience(self) -> float:
        return min(self.limit, _HURRIED) if self.hurried.is_set() else self.limit

    def take(self, handle: int, folder: Path) -> None:
        """Take a lock, or give up.

        Raises:
            Busy: one and the same process has held it all the while.
        """
        began, told, holder = time.monotonic(), False, ""
        while not tried(handle):
            if (now := _holder(folder)) != holder:
                began, holder = time.monotonic(), now
            waited = time.monotonic() - began
            if waited > self._patience:
                raise _busy(folder, holder, waited)
            if waited > _SILENT and not told:
                _log.warning("waiting for %s, which holds %s", holder or _ANOTHER, folder)
                told = True
            time.sleep(_POLL)


@contextmanager
def locked(folder: Path, waiter: Waiter, *, named: bool = True) -> Iterator[None]:
    """Hold a folder's lock, and say so in it if `named`; the kernel drops it when the process dies.

    Raises:
        Busy: another process has held it for too long.
    """
    handle = os.open(folder, os.O_RDONLY)
    try:
        waiter.take(handle, folder)
        with _signed(folder, waiter.who) if named else nullcontext():
            yield
    finally:
        os.close(handle)


@contextmanager
def _signed(folder: Path, who: str) -> Iterator[None]:
    path = folder / HOLDER
    with suppress(OSError):
        path.write_text(f"process {os.getpid()} ({who})", encoding="utf-8")
    try:
        yield
    finally:
        with suppress(OSError):
            path.unlink()


_ANOTHER = "another process"


def tried(handle: int, kind: int = fcntl.LOCK_EX) -> bool:
    """Take a lock if nobody holds it; of the kind LOCK_SH, if nobody holds it alone."""
    try:
        fcntl.flock(handle, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _holder(folder: Path) -> str:
    """Name who holds a lock; empty where it has not said so."""
    with suppress(OSError, UnicodeDecodeError):
        return (folder / HOLDER).read_text(encoding="utf-8")
    return ""


def _busy(folder: Path, holder: str, waited: float) -> Busy:
    return Busy(
        f"{holder or _ANOTHER} has held {folder} for {waited:.0f} s",
        hint="is it stopped or hung? let it go on, or end it; then run the same command again",
    )
