"""`nomad catalog migrate` and `nomad catalog refresh`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from nomad.cli import options

if TYPE_CHECKING:
    from nomad.workspace import Workspace


@click.group("catalog")
def command() -> None:
    """Migrate or refresh the catalog file, catalog/catalog.duckdb.

    Example: nomad catalog refresh
    """


@command.command("migrate")
@options.workspace
def migrate(workspace: Workspace) -> None:
    """Apply the migrations in catalog/migrations/ that are new; refuse edited or missing ones.

    Example: nomad catalog migrate
    """
    from nomad import catalog

    done = catalog.refresh(workspace.project, workspace.lake, now=workspace.now())
    for name in done.applied:
        click.echo(f"applied  {name}")
    click.echo(f"{done.path}: {len(done.applied)} migrations applied", err=True)


@command.command("refresh")
@options.workspace
def refresh(workspace: Workspace) -> None:
    """Build the catalog anew from the lake as it is now, and rename it in.

    Example: nomad catalog refresh
    """
    from nomad import catalog

    done = catalog.refresh(workspace.project, workspace.lake, now=workspace.now())
    click.echo(f"{done.path}: {done.views} views", err=True)
