"""`nomad shell`."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING

import click

from nomad.cli import options, say, signals

if TYPE_CHECKING:
    from nomad.workspace import Workspace


@click.command("shell")
@options.workspace
def command(workspace: Workspace) -> None:
    """Ask the live lake, one query after another; each ends with `;`.

    Every query sees what is published at that moment. `.tables` lists the tables, `.help` tells
    more, `.quit` ends, a Ctrl-C breaks off a query or drops what is typed. Fed from a pipe, it
    exits with the code of the first error.

    Example: echo "from dws.dws_market_daily;" | nomad shell
    """
    from nomad.cli import printing
    from nomad.errors import NomadError
    from nomad.query import ask

    interactive, worst = sys.stdin.isatty(), 0
    for query in _queries(interactive=interactive):
        try:
            if query == ".help":
                click.echo(_HELP)
            elif query == ".tables":
                names = [(str(n),) for n in workspace.project.order]
                printing.table(["name"], names, sys.stdout)
            else:
                printing.answer(*ask(workspace, query), output="table", out=sys.stdout)
        except NomadError as e:
            say(e)
            worst = worst or e.exit_code
        except KeyboardInterrupt:
            if not _at_prompt(interactive=interactive):
                raise
            click.echo()
    sys.exit(0 if interactive else worst)


def _at_prompt(*, interactive: bool) -> bool:
    """Tell whether the shell goes on after an interrupt: after a Ctrl-C at a terminal it does."""
    return interactive and signals.code() == 128 + signal.SIGINT


_HELP = """\
A query ends with `;` and may take several lines: from ods.x; or from ods.x_dt('2024-01-02');
.tables   list the tables
.help     this
.quit     end; so does Ctrl-D"""


def _queries(*, interactive: bool) -> Iterator[str]:
    """Read queries up to their `;`, or a line that begins with a dot."""
    with suppress(ImportError):
        import readline  # noqa: F401
    held: list[str] = []
    with suppress(EOFError):
        while True:
            try:
                line = input(("nomad> " if not held else "  ...> ") if interactive else "")
            except KeyboardInterrupt:
                if not _at_prompt(interactive=interactive):
                    raise
                click.echo()
                held = []
                continue
            if not held and line.strip() in (".quit", ".exit"):
                return
            held.append(line)
            text = "\n".join(held).strip()
            if text.endswith(";") or text.startswith("."):
                held = []
                yield text.rstrip(";")
    if "".join(held).strip():
        yield "\n".join(held)
