"""`nomad render`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from nomad.cli import options

if TYPE_CHECKING:
    from nomad.workspace import Workspace


@click.command("render")
@click.argument("table", shell_complete=options.complete_tables)
@options.dates
@options.workspace
def command(workspace: Workspace, table: str, when: options.When) -> None:
    """Print the SQL of a table as it will run: variables filled in, its statements in order.

    Example: nomad render dwd_daily_stock_price --dt 2024-01-02
    """
    from nomad.errors import masked

    found = options.table(workspace, table)
    for partition in options.partitions(workspace, found.name, when):
        setup, query = found.sql.statements(partition)
        for statement in (*setup, query):
            click.echo(masked(f"{statement};"))
