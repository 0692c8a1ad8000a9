"""Which run is building which cells, so that two of them don't build one cell at once.

A claim is a file in the run's scratch folder, held locked by its process: the kernel lets go of it
when the process dies, so a dead run claims nothing. Claims are courtesy between the runs of one
machine, to save work; what keeps two publishers apart is the commit.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
import re
import shutil
import stat
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from nomad.errors import Busy
from nomad.files import translated
from nomad.locks import HOLDER, Waiter, locked, tried

_log = logging.getLogger(__name__)

FILE = "claim.json"
NOTES = "superseded"
"""The folder in a run's scratch that stays as long as there is something in it."""

_POLL = 0.2
"""Seconds between two looks while waiting for another run."""


_OLD = 3600.0
"""Seconds after which a part of a file that nobody finished is given up, though runs go on."""


@contextmanager
def claim(
    top: Path,
    run_id: str,
    cells: Iterable[str],
    *,
    wait: bool = False,
    waiter: Waiter | None = None,
) -> Iterator[Path]:
    """Claim cells and a scratch folder for as long as the block lasts; the folder is given.

    `top` is the folder of all runs' scratch, whose lock `waiter` takes.

    Raises:
        Busy: another live run has one of the cells, and `wait` is off.
    """
    wanted, told = set(cells), ""
    while isinstance(handle := _take(top, run_id, wanted, waiter or Waiter()), Busy):
        if not wait:
            raise handle
        if handle.what != told:
            told = handle.what
            _log.warning("waiting: %s", told)
        time.sleep(_POLL)
    try:
        yield top / run_id
    finally:
        clear([top / run_id])
        os.close(handle)


def _take(top: Path, run_id: str, wanted: set[str], waiter: Waiter) -> int | Busy:
    """Look at all live claims and add one's own, in one step."""
    with translated(str(top)), locked(top, waiter):
        for other, cells in live(top).items():
            if shared := wanted & cells:
                return _busy(other, sorted(shared))
        path = top / run_id / FILE
        path.parent.mkdir()
        path.write_text(json.dumps(sorted(wanted)), encoding="utf-8")
        handle = os.open(path, os.O_RDONLY)
        fcntl.flock(handle, fcntl.LOCK_EX)
        return handle


def _busy(run_id: str, cells: list[str]) -> Busy:
    more = f" and {len(cells) - 1} more" if len(cells) > 1 else ""
    return Busy(
        f"run {run_id} is building {cells[0]}{more}",
        hint="wait for it to end, or give --wait",
    )


def live(top: Path) -> dict[str, set[str]]:
    """Give the cells that each live run has claimed, by run id."""
    found: dict[str, set[str]] = {}
    for path in top.glob(f"*/{FILE}"):
        try:
            handle = os.open(path, os.O_RDONLY)
        except FileNotFoundError:
            continue
        try:
            if not tried(handle, fcntl.LOCK_SH):
                found[path.parent.name] = set(json.loads(path.read_text(encoding="utf-8")))
        except FileNotFoundError:
            continue
        finally:
            os.close(handle)
    return found


def dead(top: Path, *, now: float, own: str = "", waiter: Waiter | None = None) -> list[Path]:
    """Name what runs that died left in scratch; `now` is the time of day in seconds.

    A part of a file belongs to some live run, as long as there is one and the part is young; not
    to the run `own`, which asks before it has written any.
    """
    if not top.is_dir():
        return []
    with locked(top, waiter or Waiter()):
        busy = live(top)
        others = set(busy) - {own}
        return sorted(
            p
            for p in top.iterdir()
            if p.name not in (*busy, HOLDER) and (p.is_dir() or not others or _age(p, now) > _OLD)
        )


def _age(path: Path, now: float) -> float:
    try:
        return now - path.stat().st_mtime
    except FileNotFoundError:
        return 0.0


def clear(paths: Iterable[Path]) -> None:
    """Remove what is dead, but for the notes that are left: those of `superseded`."""
    for path in paths:
        if not path.is_dir():
            path.unlink(missing_ok=True)
            continue
        for child in path.iterdir():
            if child.is_dir() and child.name != NOTES:
                shutil.rmtree(child, ignore_errors=True)
            elif child.name != NOTES:
                child.unlink(missing_ok=True)
        for folder in (path / NOTES, path):
            with suppress(OSError):
                folder.rmdir()


# Temporary folders -------------------------------------------------------------------------------

_PREFIX = "nomad-tmp-"
_OWNER = "owner"
"""The file in a temporary folder that its process holds locked, as long as it lives."""

_SAYS = "nomad: temporary folder of process "
"""What that file says, followed by the process's id: nobody else's file of this name does."""


@contextmanager
def temporary(top: Path) -> Iterator[Path]:
    """Have a folder for this process alone; what killed ones left beside it goes.

    The file of its owner gets its name once it is locked: a folder without is left alone.
    """
    sweep(top)
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=top)).resolve()
    handle, beside = tempfile.mkstemp(dir=folder)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        os.write(handle, f"{_SAYS}{os.getpid()}\n".encode())
        Path(beside).rename(folder / _OWNER)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(handle)


def sweep(top: Path) -> None:
    """Remove the temporary folders of this user's processes that were killed, and no others."""
    for folder in top.glob(f"{_PREFIX}*"):
        with suppress(OSError):
            if _is_private(folder.lstat()):
                _remove_if_dead(folder)


def _is_private(folder: os.stat_result) -> bool:
    """Whether it is a folder of this user's that only he may enter, as `mkdtemp` makes them."""
    return folder.st_mode == stat.S_IFDIR | 0o700 and folder.st_uid == os.getuid()


def _remove_if_dead(folder: Path) -> None:
    handle = os.open(folder / _OWNER, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        if _is_owner(handle) and tried(handle, fcntl.LOCK_SH):
            shutil.rmtree(folder, ignore_errors=True)
    finally:
        os.close(handle)


def _is_owner(handle: int) -> bool:
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        return False
    return re.fullmatch(f"{_SAYS}\\d+\n".encode(), os.read(handle, 100)) is not None
