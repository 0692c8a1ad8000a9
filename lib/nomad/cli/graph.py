"""`nomad graph`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from nomad.cli import options

if TYPE_CHECKING:
    from nomad.workspace import Workspace


@click.command("graph")
@options.selection
@options.output("text", "mermaid", "json")
@options.workspace
def command(workspace: Workspace, chosen: options.Chosen, output: str) -> None:
    """Show what reads what, from the sources on; `-o mermaid` is for Markdown pages.

    Example: nomad graph +ads_top_movers -o mermaid
    """
    from nomad.cli import printing

    project = workspace.project
    tables = [project.tables[n] for n in chosen.tables(workspace)]
    edges = [(str(i), str(t.name)) for t in tables for i in t.inputs]
    if output == "json":
        rows = [{"from": a, "to": b} for a, b in edges]
        names = [str(t.name) for t in tables]
        printing.document({"version": 1, "tables": names, "edges": rows}, sys.stdout)
    elif output == "mermaid":
        alone = [f"  {t.name}" for t in tables if not t.inputs]
        click.echo("\n".join(["graph LR", *(f"  {a} --> {b}" for a, b in edges), *alone]))
    else:
        for t in tables:
            click.echo("\n".join([str(t.name), *(f"  ← {i}" for i in t.inputs)]))
