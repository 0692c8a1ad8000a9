"""`nomad show`."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import click

from nomad.cli import options

if TYPE_CHECKING:
    from nomad.workspace import Workspace


@click.command("show")
@click.argument("table", shell_complete=options.complete_tables)
@click.option("--dt", metavar="DATE", help="Print the manifest of this partition.")
@options.output()
@options.workspace
def command(workspace: Workspace, table: str, dt: str | None, output: str) -> None:
    """List what is published of a table or source, or print one partition's manifest.

    Example: nomad show dwd_daily_stock_price --dt 2024-01-02
    """
    from nomad.cli import printing
    from nomad.partitions import text
    from nomad.project.project import find

    name = find(workspace.project, table)
    partitioned = workspace.project.partitioned(name)
    if dt:
        (partition,) = options.partitions(workspace, name, options.When(dt))
        found = workspace.lake.required(name, partition)
        printing.document(json.loads(found.to_json()), sys.stdout)
        return
    rows = [
        {
            "partition_date": text(m.partition),
            "row_count": m.row_count,
            "file_count": len(m.files),
            "bytes": m.size,
            "run_id": m.run_id,
            "generated_at": m.generated_at,
            "content_hash": m.content_hash,
        }
        for m in workspace.lake.readable(name, partitioned=partitioned)
    ]
    columns = ["partition_date", "row_count", "file_count", "bytes", "run_id", "generated_at"]
    printing.listing("partitions", columns, rows, output=output, out=sys.stdout)
