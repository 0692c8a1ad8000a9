"""How a step ended."""

from __future__ import annotations

import resource
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, NamedTuple

from nomad.errors import DiskFull, Late, NomadError, NoRoom, OutOfMemory, worst
from nomad.lake.manifest import Over, Published
from nomad.names import TableName
from nomad.partitions import Partition, text


class Status(StrEnum):
    """How a step ended. `built`: in a dry run; `missing`: no source has the date.

    `waiting`: it isn't ready yet, or what it needs isn't; a later run tries again.
    """

    PUBLISHED = "published"
    BUILT = "built"
    FRESH = "fresh"
    FAILED = "failed"
    BLOCKED = "blocked"
    MISSING = "missing"
    WAITING = "waiting"


OUT_OF_MEMORY, NO_ROOM = "out of memory", "no room on the disk"
"""Why a step was tried once more."""


def shortage(error: NomadError | None) -> str | None:
    """Say what a step ran short of that others, at work beside it, may have held."""
    if isinstance(error, OutOfMemory):
        return OUT_OF_MEMORY
    return NO_ROOM if isinstance(error, (NoRoom, DiskFull)) else None


class Result(NamedTuple):
    """How one step ended. `seconds` is wall time, `bytes` the size of the files published.

    `waited` are the seconds before it had a slot; `seconds` is without them.
    `retried` says why it was tried once more, alone. `required`: a calendar names the date, so that
    the source must have it. `again`: `lookback` asks for the date once more.
    """

    table: TableName
    partition: Partition | None
    status: Status
    reason: str
    row_count: int | None = None
    file_count: int | None = None
    bytes: int | None = None
    seconds: float = 0.0
    error: NomadError | None = None
    location: str | None = None
    run_id: str | None = None
    checks: tuple[Mapping[str, Any], ...] = ()
    quarantined: int = 0
    retried: str | None = None
    waited: float = 0.0
    required: bool = False
    again: bool = False

    @property
    def rows_landed(self) -> int:
        """The rows that came; of what is fresh, none."""
        return 0 if self.status is Status.FRESH else self.row_count or 0

    def as_row(self) -> dict[str, Any]:
        """Give the step as `--output json` shows it."""
        return {
            "table": str(self.table),
            "partition_date": text(self.partition),
            "status": self.status,
            "reason": self.reason,
            "row_count": self.row_count,
            "file_count": self.file_count,
            "bytes": self.bytes,
            "seconds": round(self.seconds, 3),
            "error": _words(self.error) if self.error else None,
            "quarantined": self.quarantined,
            "retried": self.retried,
            "checks": [c for c in self.checks if c["status"] != "pass"],
        }

    def as_log(self) -> dict[str, Any]:
        """Give the step as a line of the log; `peak_memory` is the process's so far, in bytes."""
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        return {**self.as_row(), "run_id": self.run_id, "location": self.location,
                "peak_memory": peak, "waited": round(self.waited, 3)}  # fmt: skip


class Outcome(NamedTuple):
    """What came of a step, for the run to apply: how it ended, and what is published there now.

    `old` is what a commit superseded. It pickles: a step may have run in another process.
    """

    result: Result
    new: Published | None = None
    old: Over | None = None


def code_of(results: Sequence[Result]) -> int:
    """Choose the exit code: the worst of the errors, or 1 where something was only blocked.

    Where something is only waited for, that is 5.
    """
    failed = [r.error.exit_code for r in results if r.error and r.status is Status.FAILED]
    blocked = any(r.status is Status.BLOCKED for r in results)
    waiting = any(r.status is Status.WAITING for r in results)
    return worst([*(failed or [int(blocked)]), Late.exit_code if waiting else 0])


def _words(error: NomadError) -> str:
    return f"{error}; try: {error.hint}" if error.hint else str(error)
