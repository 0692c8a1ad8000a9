"""`nomad sql`."""

from __future__ import annotations

import shutil
import sys
from typing import TYPE_CHECKING

import click

from nomad.cli import options

if TYPE_CHECKING:
    from nomad.workspace import Workspace


@click.command("sql")
@click.argument("query")
@options.output("table", "line", "json", "csv", "parquet")
@options.workspace
def command(workspace: Workspace, query: str, output: str) -> None:
    """Ask the live lake; `-` reads the query from standard input.

    Tables are read as dwd.x, one partition of them as dwd.x_dt('2024-01-02').

    Example: nomad sql "select count(*) from dwd.dwd_daily_stock_price_dt('2024-01-02')"
    """
    from nomad.cli import printing
    from nomad.engine.answer import in_json, in_text
    from nomad.query import ask, prepared

    given = sys.stdin.read() if query == "-" else query
    given = given.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    text = prepared(workspace, given)
    if output == "parquet":
        _parquet(workspace, text)
        return
    answer = ask(workspace, text, in_json if output == "json" else in_text)
    printing.answer(*answer, output=output, out=sys.stdout)


def _parquet(workspace: Workspace, query: str) -> None:
    from nomad.query import ask_into

    if sys.stdout.isatty():
        raise click.UsageError(
            "Parquet is not for a terminal: send it to a file with `> x.parquet`"
        )
    path = workspace.temporary / "answer.parquet"
    ask_into(workspace, query, path)
    with path.open("rb") as answer:
        shutil.copyfileobj(answer, sys.stdout.buffer)
    sys.stdout.flush()
