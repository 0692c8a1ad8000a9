"""`nomad init`."""

from __future__ import annotations

from pathlib import Path

import click

TEMPLATE = Path(__file__).parents[1] / "template"


@click.command("init")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
def command(folder: Path) -> None:
    """Make a new project in a folder: one source, two tables, a Makefile, and how to begin.

    Example: nomad init prices
    """
    import shlex

    from nomad.scaffold import scaffold

    for path in scaffold(TEMPLATE, folder):
        click.echo(path)
    click.echo(f"next: cd {shlex.quote(str(folder))} && make daily DT=2024-01-02", err=True)
