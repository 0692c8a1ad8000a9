"""`nomad ls`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from nomad.cli import options

if TYPE_CHECKING:
    from nomad.workspace import Workspace


@click.command("ls")
@options.selection
@options.output()
@options.workspace
def command(workspace: Workspace, chosen: options.Chosen, output: str) -> None:
    """List the tables, and what each reads.

    Example: nomad ls dwd+
    """
    from nomad import render

    project = workspace.project
    rows = [
        {
            "name": str(t.name),
            "layer": t.name.layer,
            "path": t.sql.path,
            "partitioned": t.partitioned,
            "inputs": [str(i) for i in t.inputs],
            "description": t.description,
        }
        for t in (project.tables[n] for n in chosen.tables(workspace))
    ]
    columns = ["name", "partitioned", "inputs", "description"]
    if output == "csv":
        columns = list(rows[0])
    render.listing("tables", columns, rows, output=output, out=sys.stdout)
