"""`nomad quarantine list`, `nomad quarantine show` and `nomad quarantine replay`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from nomad.cli import options
from nomad.cli.report import Report, worst

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from nomad.lake.manifest import Manifest
    from nomad.names import TableName
    from nomad.partitions import Partition
    from nomad.workspace import Workspace


@click.group("quarantine")
def command() -> None:
    """List or show the rows that tests refused, or run their partitions again.

    Example: nomad quarantine list
    """


@command.command("list")
@options.selection
@options.output()
@options.workspace
def list_(workspace: Workspace, chosen: options.Chosen, output: str) -> None:
    """List the partitions that have rows in quarantine, and which tests sent them there.

    Example: nomad quarantine list ods
    """
    from nomad.cli import printing

    rows = [_row(m) for m in _held(workspace, chosen)]
    columns = ["table", "partition_date", "rows", "published", "tests", "run_id"]
    printing.listing("quarantine", columns, rows, output=output, out=sys.stdout)


def _row(m: Manifest) -> dict[str, Any]:
    from nomad.partitions import text

    tests = [f"{c['test']}: {c['failed']}" for c in m.checks if c["status"] == "quarantined"]
    return {
        "table": str(m.dest),
        "partition_date": text(m.partition),
        "rows": m.quarantined.rows if m.quarantined else 0,
        "published": m.row_count,
        "tests": ", ".join(tests),
        "run_id": m.run_id,
    }


def _held(workspace: Workspace, chosen: options.Chosen) -> Iterator[Manifest]:
    """Give the manifests of partitions with refused rows."""
    for name in chosen.tables(workspace):
        dated = workspace.project.partitioned(name)
        found = workspace.lake.readable(name, partitioned=dated)
        yield from (m for m in found if m.quarantined)


@command.command("show")
@click.argument("table", shell_complete=options.complete_tables)
@options.dates
@click.option("--limit", type=click.IntRange(1), default=100, show_default=True)
@options.output("table", "line", "json", "csv")
@options.workspace
def show(*, workspace: Workspace, table: str, when: options.When, limit: int, output: str) -> None:
    """Show refused rows: each with its test, column, value and row number, and where it came from.

    Example: nomad quarantine show ods_trade --dt 2024-01-02
    """
    from nomad.cli import printing
    from nomad.engine.answer import in_json, in_text
    from nomad.project.project import find
    from nomad.query import refused

    name = find(workspace.project, table)
    partitions = options.partitions(workspace, name, when)
    how = in_json if output == "json" else in_text
    answer = refused(workspace, name, partitions, limit=limit, how=how)
    if not answer.rows:
        _tell_none(workspace, name, partitions)
        if output == "table":
            return
    printing.answer(*answer, output=output, out=sys.stdout)


def _tell_none(
    workspace: Workspace, name: TableName, partitions: Sequence[Partition | None]
) -> None:
    """Say why there is nothing to show: all rows passed, or none are published."""
    if any(workspace.lake.manifest(name, p) for p in partitions):
        click.echo("nothing is in quarantine there", err=True)
    else:
        options.tell_nothing([name], partitions)


@command.command("replay")
@options.selection
@options.dates
@options.talk
@options.output()
@options.workspace
def replay(
    *,
    workspace: Workspace,
    chosen: options.Chosen,
    when: options.When,
    report: Report,
) -> None:
    """Run partitions with rows in quarantine again, once the rule or the source is corrected.

    Without a date, all of them. A source that was corrected is to be extracted first.

    Example: nomad quarantine replay ods_trade
    """
    from nomad.plan.planner import plan
    from nomad.run.scheduler import Options, run

    held = list(_held(workspace, chosen))
    if any(when):
        days = options.days(workspace, when)
        held = [m for m in held if m.partition is None or m.partition.start in days]
    results = []
    for name in dict.fromkeys(m.dest for m in held):
        dates = [m.partition.start for m in held if m.dest == name and m.partition]
        found = plan(
            workspace.project, workspace.lake, workspace.pruner,
            tables=frozenset([name]), dates=dates, force=True,
        )  # fmt: skip
        run_id, done = run(workspace, found, Options(force=True), report=report.step)
        report.finish(run_id, done, workspace.requests)
        results += done
    if not held:
        click.echo("nothing is in quarantine there", err=True)
    sys.exit(worst(results))
