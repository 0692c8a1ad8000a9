"""`nomad files`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from nomad.cli import options

if TYPE_CHECKING:
    from nomad.workspace import Workspace


@click.command("files")
@click.argument("table", shell_complete=options.complete_tables)
@options.dates
@options.workspace
def command(workspace: Workspace, table: str, when: options.When) -> None:
    """Print the exact paths of the files that are published now, one a line.

    For other tools: a glob may meet two versions of a partition for a second, these paths never do.
    Over a range, dates without a partition are passed over.

    Example: nomad files dwd_daily_stock_price --dt 2024-01-02
    """
    from nomad.project.project import find

    name = find(workspace.project, table)
    for path in workspace.files(name, options.partitions(workspace, name, when)):
        click.echo(path)
