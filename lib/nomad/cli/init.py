"""`nomad init`."""

from __future__ import annotations

from pathlib import Path

import click

TEMPLATE = Path(__file__).parents[1] / "template"


@click.command("init")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
def command(folder: Path) -> None:
    """Make a new project in a folder: one source, two tables, a Makefile, and how to begin.

    Files that are there already are kept as they are.

    Example: nomad init prices
    """
    import shlex

    from nomad.cli.scaffold import scaffold

    for path, new in scaffold(TEMPLATE, folder):
        click.echo(path if new else f"{path}: kept as it was", err=not new)
    click.echo(f"next: cd {shlex.quote(str(folder))} && make daily DT=2024-01-02", err=True)
