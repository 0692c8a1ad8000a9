"""`nomad history`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from nomad.cli import options

if TYPE_CHECKING:
    from nomad.workspace import Workspace


@click.command("history")
@click.argument("table", shell_complete=options.complete_tables)
@options.dates
@options.output()
@options.workspace
def command(
    workspace: Workspace,
    table: str,
    when: options.When,
    output: str,
) -> None:
    """List the versions of a partition: the published one, and those kept since it replaced them.

    Example: nomad history dwd_daily_stock_price --dt 2024-01-02
    """
    from nomad.cli import printing
    from nomad.partitions import text
    from nomad.project.project import find
    from nomad.run.history import Past, versions

    name = find(workspace.project, table)
    past = Past(workspace)
    partitions = options.partitions(workspace, name, when)
    rows = [
        {
            "partition_date": text(partition),
            "run_id": v.manifest.run_id,
            "state": "published" if v.published else "kept",
            "generated_at": v.manifest.generated_at,
            "row_count": v.manifest.row_count,
            "content_hash": v.manifest.content_hash,
        }
        for partition in partitions
        for v in versions(workspace, past, (name, partition))
    ]
    columns = ["partition_date", "run_id", "state", "generated_at", "row_count", "content_hash"]
    if not rows:
        options.tell_nothing([name], partitions)
    if rows or output != "table":
        printing.listing("versions", columns, rows, output=output, out=sys.stdout)
