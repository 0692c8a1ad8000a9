"""What no source delivered: which dates are lacking, which weren't due, and what is no error."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date

from nomad.config.sources import SourceConfig
from nomad.errors import SourceMissing, worst
from nomad.ingest.due_cells import is_dated
from nomad.names import RAW, TableName
from nomad.partitions import Partition, of_days
from nomad.plan.due import DueDates
from nomad.run.due import due_dates
from nomad.run.result import Result, Status, code_of
from nomad.workspace import Workspace


def judged(result: Result, due: DueDates) -> Result:
    """Note of what is missing whether a calendar names the date."""
    if result.status is not Status.MISSING or result.partition is None:
        return result
    return result._replace(required=due(result.table).must_be(result.partition))


def outside_calendar(
    workspace: Workspace,
    sources: Iterable[SourceConfig],
    dates: Sequence[date],
    results: Sequence[Result],
) -> list[Partition]:
    """Name the dates on which no source by date was due, if there is such a source."""
    done = {r.partition for r in results}
    undone = [p for p in of_days(dates) if p not in done]
    due_of = due_dates(workspace, ())
    dated = (s for s in sources if undone and is_dated(s, workspace.variables))
    due = [due_of(TableName(RAW, s.name)) for s in dated]
    return [p for p in undone if due and not any(d.is_due(p) for d in due)]


def undelivered(results: Sequence[Result], *, single: bool) -> tuple[list[Result], list[Partition]]:
    """Name what no source has: as failures, or of a range of which something came, by date."""
    missing = [r for r in results if r.status is Status.MISSING]
    if single or all(r.status is Status.MISSING for r in results if not r.again):
        return missing, []
    others = {r.partition for r in missing if r.partition and not r.required}
    return [r for r in missing if r.required], sorted(others)


def exit_code(results: Sequence[Result], *, single: bool) -> int:
    """Choose the exit code.

    Dates missing from a range are no error, unless a calendar names them or nothing came at all.
    """
    missing, _ = undelivered(results, single=single)
    return worst((SourceMissing.exit_code if missing else 0, code_of(results)))
