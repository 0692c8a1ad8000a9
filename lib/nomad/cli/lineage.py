"""`nomad lineage`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from nomad.cli import options

if TYPE_CHECKING:
    from nomad.plan.lineage import ColumnName, Lineage
    from nomad.workspace import Workspace


@click.command("lineage")
@click.argument("what", metavar="TABLE[.COLUMN]", shell_complete=options.complete_tables)
@options.output("text", "json")
@options.workspace
def command(workspace: Workspace, what: str, output: str) -> None:
    """Trace columns to the columns they are computed from, down to the sources.

    Where that can't be told for sure (through PIVOT, LATERAL, UNION BY NAME, VALUES), it is said.

    Example: nomad lineage dwd.dwd_daily_stock_price.close_avg
    """
    from nomad.cli import printing
    from nomad.plan.lineage import ColumnName, Lineage
    from nomad.plan.schemas import Schemas

    table, column = _parsed(workspace, what)
    traced = Lineage(
        workspace.project,
        Schemas(workspace.project, workspace.lake.remembering(), workspace.pruner),
    )
    if not traced.columns(table):
        click.echo(f"nothing is landed of {table}: its columns aren't known yet", err=True)
        columns = []
    elif column:
        columns = [traced.column(table, column)]
    else:
        columns = [ColumnName(table, name) for name in traced.columns(table)]
    if output == "json":
        printing.document(
            {"version": 1, "table": str(table), "columns": [_row(traced, c) for c in columns]},
            sys.stdout,
        )
        return
    for text in (t for c in columns for t in _tree(traced, c, depth=0)):
        click.echo(text)


def _parsed(workspace: Workspace, what: str) -> tuple[Any, str]:
    """Read `table`, `layer.table`, `table.column` or `layer.table.column`."""
    from nomad.errors import UnknownName
    from nomad.project.project import find

    head, _, last = what.rpartition(".")
    try:
        return find(workspace.project, what), ""
    except UnknownName:
        if not head:
            raise
        return find(workspace.project, head), last


def _row(traced: Lineage, column: ColumnName) -> dict[str, Any]:
    def pairs(names: frozenset[ColumnName]) -> list[dict[str, str]]:
        return [{"table": str(n.table), "column": n.column} for n in sorted(names)]

    return {
        "column": column.column,
        "inputs": pairs(traced.inputs(column)),
        "sources": pairs(traced.sources(column)),
        **({"untraced": why} if (why := traced.untraced(column)) else {}),
    }


def _tree(traced: Lineage, column: ColumnName, *, depth: int) -> Iterator[str]:
    why = traced.untraced(column)
    name = str(column) if depth else column.column
    yield "  " * depth + (f"{name} (not traced: {why})" if why else name)
    for below in sorted(traced.inputs(column) - {column}):
        yield from _tree(traced, below, depth=depth + 1)
