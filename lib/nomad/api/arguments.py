"""What the methods take, read as the command line reads words: tables, dates, options."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

from nomad import dates as calendar
from nomad.api.results import Options
from nomad.errors import BadDate, Misuse
from nomad.names import TableName
from nomad.partitions import Partition, of_table
from nomad.project.selection import select as select_tables
from nomad.run import scheduler
from nomad.workspace import Workspace

Day = date | str
"""A date, or one as typed on the command line: `2024-01-15`, `yesterday`, `-7d`."""

Days = tuple[Day, Day]
"""The first and the last date of a range, both included."""


def chosen(
    workspace: Workspace,
    select: Sequence[str],
    exclude: str | Sequence[str],
    dt: Day | None,
    dates: Days | None,
) -> tuple[list[TableName], tuple[date, ...]]:
    """Name the tables selected, in the project's order; and the dates, as `days` reads them."""
    wanted = select_tables(workspace.project, select, exclude=words(exclude))
    return [n for n in workspace.project.order if n in wanted], days(workspace, dt, dates)


def words(given: str | Sequence[str]) -> tuple[str, ...]:
    """Take one word for a list of one."""
    return (given,) if isinstance(given, str) else tuple(given)


def days(workspace: Workspace, dt: Day | None, dates: Days | None) -> tuple[date, ...]:
    """Read one date or a range; yesterday where neither is given.

    Raises:
        BadDate: a word is no date, or the range ends before it begins.
        Misuse: both are given.
    """
    if dt is not None and dates is not None:
        raise Misuse("give either `dt` or `dates`")
    if dates is None:
        return calendar.asked(None if dt is None else _typed(dt), None, None, today=workspace.today)
    if isinstance(dates, str) or len(dates) != 2:  # noqa: PLR2004
        raise BadDate("`dates` is a first and a last date", hint='("2024-01-01", "2024-01-31")')
    first, last = map(_typed, dates)
    return calendar.asked(None, first, last, today=workspace.today)


def _typed(day: Day) -> str:
    return str(day.date() if isinstance(day, datetime) else day)


def partitions(
    workspace: Workspace, name: TableName, dt: Day | None, dates: Days | None
) -> Sequence[Partition | None]:
    """Name the partitions of a table by date; a full table has the one partition None."""
    dated = workspace.project.partitioned(name)
    return of_table(days(workspace, dt, dates), partitioned=dated)


def how(options: Options) -> scheduler.Options:
    """Say how to run, in the scheduler's own words."""
    return scheduler.Options(
        force=options.force or options.full_refresh,
        allow_missing=options.allow_missing,
        dry_run=options.dry_run,
        fail_fast=options.fail_fast,
        wait=options.wait,
        jobs=options.jobs or 0,
        full_refresh=options.full_refresh,
    )
