"""`nomad test-connection`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from nomad.cli import options, say

if TYPE_CHECKING:
    from nomad.workspace import Workspace


@click.command("test-connection")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--dt", metavar="DATE", help="Of sources by date.  [default: the latest]")
@options.output()
@options.workspace
def command(workspace: Workspace, names: tuple[str, ...], dt: str | None, output: str) -> None:
    """Reach the lake, the sources and the attached databases, and say what is there.

    NAME is `lake`, a source or a database. All are tried, and nothing is landed or written. A
    source by date is asked for yesterday; files on this machine are looked for up to ten days back,
    and at the date that was landed last. Exits 3 if one can't be reached, 2 if it is configured
    wrongly.

    Example: nomad test-connection
    """
    from nomad.cli import printing
    from nomad.ingest.connections import chosen, exit_code, tried

    day = options.days(workspace, options.When(dt))[0] if dt else None
    found = list(tried(workspace, chosen(workspace, names), day))
    rows = [
        {
            "name": t.connection.name,
            "kind": str(t.connection.kind),
            "status": "failed" if t.error else "ok",
            "detail": t.detail,
            "hint": t.error.hint if t.error else None,
        }
        for t in found
    ]
    columns = ["name", "kind", "status", "detail"]
    printing.listing("connections", columns, rows, output=output, out=sys.stdout)
    for error in (t.error for t in found if t.error):
        say(error)
    sys.exit(exit_code(found))
