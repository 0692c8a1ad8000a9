"""Which run is building which cells, so that two of them don't build one cell at once.

A claim is a file in the run's scratch folder, held locked by its process: the kernel lets go of it
when the process dies, so a dead run claims nothing. Claims are courtesy between the runs of one
machine, to save work; what keeps two publishers apart is the commit.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from nomad.errors import Busy
from nomad.store.local import locked

FILE = "claim.json"
_POLL = 0.2
"""Seconds between two looks while waiting for another run."""


@contextmanager
def claim(
    scratch: Path, run_id: str, cells: Iterable[str], *, wait: bool = False
) -> Iterator[None]:
    """Claim cells for as long as the block lasts; `scratch` is the folder of all runs' scratch.

    Raises:
        Busy: another live run has one of the cells, and `wait` is off.
    """
    wanted = set(cells)
    handle = _take(scratch, run_id, wanted)
    while isinstance(handle, Busy):
        if not wait:
            raise handle
        time.sleep(_POLL)
        handle = _take(scratch, run_id, wanted)
    try:
        yield
    finally:
        os.close(handle)


def _take(scratch: Path, run_id: str, wanted: set[str]) -> int | Busy:
    """Look at all live claims and add one's own, in one step."""
    with locked(scratch):
        for other, cells in live(scratch).items():
            if shared := wanted & cells:
                return _busy(other, sorted(shared))
        path = scratch / run_id / FILE
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


def live(scratch: Path) -> dict[str, set[str]]:
    """Give the cells that each live run has claimed, by run id."""
    found: dict[str, set[str]] = {}
    for path in scratch.glob(f"*/{FILE}"):
        try:
            handle = os.open(path, os.O_RDONLY)
        except FileNotFoundError:
            continue
        try:
            if _is_locked(handle):
                found[path.parent.name] = set(json.loads(path.read_text(encoding="utf-8")))
        finally:
            os.close(handle)
    return found


def _is_locked(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    return False
