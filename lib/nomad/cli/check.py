"""`nomad check`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from nomad.cli import options, say
from nomad.names import counted

if TYPE_CHECKING:
    from nomad.run.checks import Checked
    from nomad.workspace import Workspace


@click.command("check")
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
    """Test published partitions by their contracts, without building anything.

    The table names what does not pass, JSON and CSV all. Rows that a test sent to quarantine are
    counted, and are no fault: they are not published.
    Exits 4 where rows break a test of severity error or quarantine, 5 where a table is late, or has
    a contract and nothing published at any of the dates, 2 where a table or its contract can't be
    read.

    Example: nomad check ods_trade --dt 2024-01-02
    """
    from nomad.build.checks.result import CheckStatus
    from nomad.cli import printing
    from nomad.partitions import of_days
    from nomad.run.checks import check_all

    tables = chosen.tables(workspace)
    days = options.days(workspace, when)
    done = check_all(workspace, tables, days)
    found = done.results
    told = [c for c in found if c.status is not CheckStatus.PASS] if output == "table" else found
    rows = [_row(c) for c in told]
    if rows or output != "table":
        printing.listing("checks", _COLUMNS, rows, output=output, out=sys.stdout)
    if output == "table":
        for c in done.broken:
            click.echo(f"{c.table} {c.partition or ''}: {c.result.told()}", err=True)
    for error in done.unreadable:
        say(error)
    if done.unpublished:
        options.tell_nothing(done.unpublished, of_days(days))
    refused = sum({(c.table, c.partition): c.refused for c in found}.values())
    held = f", {counted(refused, 'row')} in quarantine" if refused else ""
    click.echo(f"{counted(len(found), 'check')}, {len(done.broken)} broken{held}", err=True)
    sys.exit(done.exit_code)


_COLUMNS = ["table", "partition_date", "test", "severity", "status", "failed", "rows", "note"]


def _row(found: Checked) -> dict[str, Any]:
    from nomad.partitions import text

    body = found.result.as_body()
    return {
        "table": str(found.table),
        "partition_date": text(found.partition),
        **{c: body.get(c, "") for c in _COLUMNS[2:]},
        "status": found.status,
        "failed": found.result.broken or found.held,
    }
