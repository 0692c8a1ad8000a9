"""`nomad plan`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Timer
from typing import TYPE_CHECKING, Any

import click

from nomad.cli import options
from nomad.cli.ls import tell_full_scans
from nomad.cli.report import MANY, Report

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nomad.plan.steps import Plan, Step
    from nomad.workspace import Workspace


@click.command("plan")
@options.selection
@options.dates
@click.option("--force", is_flag=True, help="Plan to build what is fresh, too.")
@options.output()
@options.workspace
def command(workspace: Workspace, output: str, **words: Any) -> None:
    """Show what is stale, in the order in which it would run, and why. Changes nothing.

    Of many steps, the table leaves out those that are fresh, and counts them. Exits 2 where a file
    is broken: its table would fail, and block what needs it.

    Example: nomad plan --from 2024-01-02 --to 2024-01-05
    """
    report = Report(output)
    found = make(workspace, report, **words)
    shown, fresh = _shown(found, output)
    if shown or not fresh:
        listing(shown, output)
    if fresh:
        click.echo(f"{fresh} fresh{'' if shown else ', nothing to do'}", err=True)
    tell_passed_over(workspace, found)
    tell_full_scans(workspace, dict.fromkeys(s.table for s in found.steps))
    sys.exit(words["chosen"].fault_code(workspace))


def listing(steps: Sequence[Step], output: str) -> None:
    """Print what would be done, and why."""
    from nomad.cli import printing
    from nomad.partitions import text

    rows = [
        {
            "table": str(s.table),
            "partition_date": text(s.partition),
            "action": s.action,
            "reason": "" if output == "table" and s.reason == s.action else s.reason,
        }
        for s in steps
    ]
    columns = ["table", "partition_date", "action", "reason"]
    printing.listing("steps", columns, rows, output=output, out=sys.stdout)


def _shown(found: Plan, output: str) -> tuple[Sequence[Step], int]:
    """Choose the steps to list, and count those left out."""
    if output != "table" or len(found.steps) <= MANY:
        return found.steps, 0
    from nomad.plan.steps import Action

    stale = [s for s in found.steps if s.action is not Action.FRESH]
    return stale, len(found.steps) - len(stale)


def make(
    workspace: Workspace,
    report: Report,
    *,
    chosen: options.Chosen,
    when: options.When,
    force: bool,
) -> Plan:
    """Plan as the words say, and tell of the dates that no table is due on."""
    from nomad.run import planning

    tables, dates = chosen.tables(workspace), options.days(workspace, when)
    with _said(f"planning {len(tables)} tables over {len(dates)} dates …"):
        found = planning.make(workspace, tables, dates, force=force)
    report.left_out(planning.outside_calendar(found), dates)
    return found


_PATIENCE = 1.0
"""Seconds after which someone at a terminal is told what goes on."""


@contextmanager
def _said(text: str, *, after: float = _PATIENCE) -> Iterator[None]:
    """Say on a terminal what goes on, where it takes long."""
    if not sys.stderr.isatty():
        yield
        return
    timer = Timer(after, click.echo, (text,), {"err": True})
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def tell_passed_over(workspace: Workspace, found: Plan) -> None:
    """Say which dates of a range no source has, and which of them only wait to be extracted."""
    if not found.passed_over:
        return
    from nomad.partitions import briefly
    from nomad.run.planning import passed_over

    absent, waiting, early = passed_over(workspace, found)
    if early:
        click.echo(f"not due yet: {briefly(early)}", err=True)
    if absent:
        click.echo(f"no source for {briefly(absent)}: passed over", err=True)
    if waiting:
        first, last = min(waiting), max(waiting)
        words = f"--dt {first}" if first == last else f"--from {first} --to {last}"
        click.echo(f"not extracted: {briefly(waiting)}; `nomad extract {words}` first", err=True)
