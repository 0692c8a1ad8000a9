"""`nomad ls`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from nomad.cli import options

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nomad.names import TableName
    from nomad.workspace import Workspace


@click.command("ls")
@options.selection
@options.output()
@options.workspace
def command(workspace: Workspace, chosen: options.Chosen, output: str) -> None:
    """List the tables, and what each reads.

    Example: nomad ls dwd+
    """
    from nomad.cli import printing

    project = workspace.project
    rows = [
        {
            "name": str(t.name),
            "layer": t.name.layer,
            "path": t.sql.path,
            "partitioned": t.partitioned,
            "inputs": [str(i) for i in t.inputs],
            "description": t.description,
            "full_scans": [
                {"input": str(scan.table), "why": scan.why} for scan in workspace.full_scans(t)
            ],
        }
        for t in (project.tables[n] for n in chosen.tables(workspace))
    ]
    columns = ["name", "partitioned", "inputs", "description"]
    if output == "csv":
        columns = [c for c in rows[0] if c != "full_scans"]
    printing.listing("tables", columns, rows, output=output, out=sys.stdout)
    if output == "table":
        tell_full_scans(workspace, chosen.tables(workspace))


def tell_full_scans(workspace: Workspace, tables: Iterable[TableName]) -> None:
    """Name on stderr what reads all partitions of an input for each date, and why."""
    for name in tables:
        for scan in workspace.full_scans(workspace.project.tables[name]):
            click.echo(f"{name} reads every partition of {scan.table}: {scan.why}", err=True)
