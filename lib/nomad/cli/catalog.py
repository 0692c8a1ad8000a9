"""`nomad catalog migrate`, `nomad catalog refresh` and `nomad catalog connect`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from nomad.cli import options

if TYPE_CHECKING:
    from nomad.workspace import Workspace


@click.group("catalog")
def command() -> None:
    """Migrate or refresh the catalog file, catalog/catalog.duckdb, or say how to open it.

    Example: nomad catalog refresh
    """


@command.command("migrate")
@options.workspace
def migrate(workspace: Workspace) -> None:
    """Apply the migrations in catalog/migrations/ that are new; refuse edited or missing ones.

    Example: nomad catalog migrate
    """
    done = workspace.refresh_catalog()
    for name in done.applied:
        click.echo(f"applied  {name}")
    click.echo(f"{done.path}: {len(done.applied)} migrations applied", err=True)
    if done.fault:
        raise done.fault


@command.command("refresh")
@options.workspace
def refresh(workspace: Workspace) -> None:
    """Rebuild the catalog from the lake as it is now, and rename it in.

    Example: nomad catalog refresh
    """
    done = workspace.refresh_catalog()
    click.echo(f"{done.path}: {done.views} views", err=True)
    if done.fault:
        raise done.fault


@command.command("connect")
@options.workspace
def connect(workspace: Workspace) -> None:
    """Print what DuckDB's own command line needs to open the catalog, for you to paste.

    For a lake in S3 it prints a CREATE SECRET, in which the key is named and not shown.

    Example: duckdb -cmd "$(nomad catalog connect --env minio)"
    """
    for statement in workspace.connecting():
        click.echo(f"{statement};")
