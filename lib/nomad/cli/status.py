"""`nomad status`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from nomad.cli import options

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import date

    from nomad.run.status import State
    from nomad.workspace import Workspace

_COLOURS = {"published": "green", "empty": "cyan", "stale": "yellow", "failed": "red",
            "quarantined": "magenta"}  # fmt: skip


@click.command("status")
@options.selection
@options.dates
@options.output()
@options.workspace
def command(
    *,
    workspace: Workspace,
    chosen: options.Chosen,
    when: options.When,
    output: str,
) -> None:
    """Show a calendar: which partitions are published, empty, stale, missing, failed, quarantined.

    Without dates, the last 30 days.

    Example: nomad status ods --from 2024-01-01 --to 2024-03-31
    """
    from nomad.cli import printing
    from nomad.partitions import text
    from nomad.run.status import status

    tables = chosen.tables(workspace)
    dates = options.days(workspace, when if any(when) else options.When(None, "-30d", "yesterday"))
    states = status(workspace, tables, dates)
    if output != "table":
        rows = [
            {
                "table": str(s.table),
                "partition_date": text(s.partition),
                "state": s.state,
                "reason": s.reason,
                "row_count": s.rows,
            }
            for s in states
        ]
        columns = ["table", "partition_date", "state", "reason", "row_count"]
        printing.listing("cells", columns, rows, output=output, out=sys.stdout)
        return
    for line in _calendar(states, dates):
        click.echo(line)


def _calendar(states: Sequence[State], dates: Sequence[date]) -> Iterator[str]:
    """Write a line for each table and month; full tables have one mark."""
    from nomad.partitions import Partition
    from nomad.run.status import MARKS

    width = max((len(str(s.table)) for s in states), default=0)
    months = list(dict.fromkeys((d.year, d.month) for d in dates))
    by_cell = {(s.table, s.partition): s for s in states}
    yield f"{'':<{width}}           {_ruler()}"
    for name in dict.fromkeys(s.table for s in states):
        if (name, None) in by_cell:
            yield f"{name!s:<{width}}  {'':<7}  {_mark(by_cell[name, None])}"
            continue
        label = str(name)
        for year, month in months:
            days = {
                d.day: by_cell.get((name, Partition(d)))
                for d in dates
                if (d.year, d.month) == (year, month)
            }
            marks = "".join(_mark(days[n]) if n in days else " " for n in range(1, 32))
            yield f"{label:<{width}}  {year}-{month:02d}  {marks}".rstrip()
            label = ""
    told = (f"{click.style(mark, fg=_COLOURS.get(state))} {state}" for state, mark in MARKS.items())
    yield "  ".join(told)


def _ruler() -> str:
    """Number the days of a month: every fifth."""
    return "".join(f"{n:<5}" for n in (1, 6, 11, 16, 21, 26, 31)).rstrip()


def _mark(state: State | None) -> str:
    from nomad.run.status import MARKS

    if state is None:
        return " "
    return click.style(MARKS[state.state], fg=_COLOURS.get(state.state))
