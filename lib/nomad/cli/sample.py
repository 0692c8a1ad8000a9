"""`nomad sample`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from nomad.cli import options

if TYPE_CHECKING:
    from nomad.workspace import Workspace


@click.command("sample")
@click.argument("source")
@click.option("--dt", metavar="DATE", help="Of a source by date.  [default: the latest]")
@click.option("--limit", type=click.IntRange(1), default=10, show_default=True, help="Rows.")
@options.output("table", "line", "json", "csv")
@options.workspace
def command(workspace: Workspace, source: str, dt: str | None, limit: int, output: str) -> None:
    """Show rows of what a source would deliver, by the names and types that they would land with.

    Nothing is landed or kept. Of a source in parts it is the first part, of one by watermark as if
    nothing had been landed; of one by date yesterday, or the newest file on this machine. Types are
    those of the rows shown: of JSON, others may have more.

    Example: nomad sample orders --dt 2024-01-02
    """
    from nomad.cli import printing
    from nomad.engine.answer import in_json, in_text
    from nomad.ingest.sample import sample
    from nomad.names import counted
    from nomad.run.chosen import chosen

    (found,) = chosen(workspace, [source])
    day = options.days(workspace, options.When(dt))[0] if dt else None
    how = in_json if output == "json" else in_text
    of, columns, answer = sample(workspace, found, day, limit=limit, how=how)
    if output == "json":
        listed = [{"name": c.name, "type": c.type} for c in columns]
        about = {"source": found.name, "of": of, "columns": listed}
        rows = [dict(zip(answer.columns, row, strict=True)) for row in answer.rows]
        printing.listing("rows", answer.columns, rows, output=output, out=sys.stdout, extra=about)
    else:
        printing.answer(*answer, output=output, out=sys.stdout)
    told = ", ".join(f"{c.name} {c.type}" for c in columns)
    click.echo(
        f"{counted(len(answer.rows), 'row')} of {found.name}{f', {of}' if of else ''}: {told}",
        err=True,
    )
