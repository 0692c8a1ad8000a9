"""How far each source is, by date or by part: each fetch that ends, well or badly, is noted.

It is noted in the run's journal, from which the catalog has `nomad.backfill_progress`.
"""

from __future__ import annotations

from enum import StrEnum

from nomad.catalog import live
from nomad.errors import NomadError, SourceMissing, Stopped
from nomad.names import TableName
from nomad.partitions import text
from nomad.run.context import Context
from nomad.run.result import Result, Status
from nomad.workspace import Workspace

ALL = "all"
"""What a source is fetched by that has neither dates nor parts."""


class Fetched(StrEnum):
    """How the last fetch of a date or a part ended; `missing`: the source has nothing of it."""

    DONE = "done"
    FAILED = "failed"
    WAITING = "waiting"
    MISSING = "missing"


_ENDS = {
    Status.PUBLISHED: Fetched.DONE,
    Status.FRESH: Fetched.DONE,
    Status.MISSING: Fetched.MISSING,
    Status.WAITING: Fetched.WAITING,
}


def read(workspace: Workspace) -> dict[tuple[str, str], str]:
    """Tell of each source and part how its last fetch ended, as `nomad.backfill_progress` does."""
    words = {"backfill_progress"}
    with workspace.reader().session() as session:
        live.describe(session, workspace.project, workspace.lake, workspace.temporary, words=words)
        found = session.execute("SELECT source, part, status FROM nomad.backfill_progress")
    return {(source, part): status for source, part, status in found}


def note_step(context: Context, result: Result) -> None:
    """Note how the fetch of a date, or of all, ended."""
    day = text(result.partition)
    context.journal.add({
        "event": "fetch",
        "run_id": context.run.id,
        "at": context.workspace.now().isoformat(),
        "table": str(result.table),
        "partition_date": day,
        "part": day or ALL,
        "status": _ENDS.get(result.status, Fetched.FAILED),
        "row_count": result.row_count,
        "error": str(result.error) if result.error else _reason(result),
    })  # fmt: skip


def _reason(result: Result) -> str | None:
    return result.reason if result.status is Status.WAITING else None


def note_part(
    context: Context,
    table: TableName,
    part: str,
    *,
    rows: int | None = None,
    error: NomadError | None = None,
) -> None:
    """Note how the fetch of a part ended; `rows` came, or (None) nothing new."""
    context.journal.add({
        "event": "fetch",
        "run_id": context.run.id,
        "at": context.workspace.now().isoformat(),
        "table": str(table),
        "part": part or ALL,
        "status": _ended(error),
        "row_count": rows,
        "error": str(error) if error else None,
    })  # fmt: skip


def _ended(error: NomadError | None) -> Fetched:
    if isinstance(error, Stopped):
        return Fetched.WAITING
    if isinstance(error, SourceMissing):
        return Fetched.MISSING
    return Fetched.FAILED if error else Fetched.DONE
