"""How far each source is, by date or by part: each fetch that ends, well or badly, is noted.

It is noted in the run's journal, from which the catalog has `nomad.backfill_progress`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from enum import StrEnum
from typing import NamedTuple

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


class Progress(NamedTuple):
    """How the last fetch of each source and part `ended`.

    Of the sources in parts that are `waiting`, a date wasn't complete when it was cut of them.
    """

    ended: Mapping[tuple[str, str], str] = {}
    waiting: Collection[str] = ()


def read(workspace: Workspace) -> Progress:
    """Tell how far each source is, as `nomad.backfill_progress` does."""
    words = {"backfill_progress"}
    with workspace.reader().session() as session:
        live.describe(session, workspace.project, workspace.lake, workspace.temporary, words=words)
        found = session.execute("SELECT source, part, dt, status FROM nomad.backfill_progress")
    ended = {(source, part): status for source, part, _, status in found}
    late = {s for s, part, dt, status in found if status == Fetched.WAITING and (dt or part == ALL)}
    return Progress(ended, late)


def note_step(context: Context, result: Result) -> None:
    """Note how the fetch of a date, or of all, ended."""
    _note(context, "fetch", result)


def note_waiting(context: Context, result: Result) -> None:
    """Note of a date that was cut of parts that it waits."""
    _note(context, "cut", result)


def note_cut(context: Context, table: TableName) -> None:
    """Note that all dates of a source in parts were cut: others than the noted ones don't wait."""
    context.journal.add({
        "event": "cut",
        "run_id": context.run.id,
        "at": context.workspace.now().isoformat(),
        "table": str(table),
        "status": Fetched.DONE,
    })  # fmt: skip


def _note(context: Context, event: str, result: Result) -> None:
    day = text(result.partition)
    context.journal.add({
        "event": event,
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
