"""`nomad lint`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from nomad.cli import options
from nomad.names import counted

if TYPE_CHECKING:
    from nomad.lint.finding import Finding


@click.command("lint")
@options.selection
@options.output("text", "json")
@options.opening
def command(opened: options.Opener, chosen: options.Chosen, output: str) -> None:
    """Find faults without any data: in SQL files, contracts, variables and nomad.yaml.

    Each query is bound to the columns of its inputs, each contract is held against its query. A
    line says file, line, column and fault. Exits 2 where there is an error; a warning is none.

    Example: nomad lint ods
    """
    from nomad.lint.finding import Severity

    found = _found(opened, chosen)
    if output == "json":
        from nomad.cli import printing

        rows = [f._asdict() for f in found]
        printing.listing("findings", list(rows[0]) if rows else [], rows, output=output,
                       out=sys.stdout)  # fmt: skip
    else:
        _tell(found)
    errors = sum(f.severity == Severity.ERROR for f in found)
    warnings = counted(len(found) - errors, "warning")
    click.echo(f"{counted(errors, 'error')}, {warnings}", err=True)
    sys.exit(2 if errors else 0)


def _found(opened: options.Opener, chosen: options.Chosen) -> Sequence[Finding]:
    """Give the faults; those that keep the project from being read are all there is to give."""
    from nomad.errors import ConfigError, CycleError, SqlFileError, UnknownName
    from nomad.lint.finding import of_error
    from nomad.lint.linter import of_project

    try:
        with opened() as workspace:
            workspace.tell = lambda _: None
            _ = workspace.project
            return of_project(workspace, chosen.tables(workspace), strays=not chosen.words)
    except (ConfigError, CycleError, SqlFileError, UnknownName) as e:
        return of_error(e)


def _tell(found: Sequence[Finding]) -> None:
    from nomad.errors import masked

    for f in found:
        click.echo(masked(str(f)))
        if f.hint:
            click.echo(masked(f"  try: {f.hint}"))
