"""`nomad gc`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from nomad.cli import options

if TYPE_CHECKING:
    from nomad.workspace import Workspace


@click.command("gc")
@click.option(
    "--dry-run", is_flag=True, help="Only list.  [default on a terminal, and with --orphans]"
)
@click.option("--yes", is_flag=True, help="Remove.")
@click.option("--journals", "days", metavar="DAYS", type=click.IntRange(1), default=365,
              show_default=True, help="Keep journals for so long.")  # fmt: skip
@click.option("--orphans", is_flag=True,
              help="Also what is left of tables and sources that are gone.")  # fmt: skip
@options.output()
@options.workspace
def command(
    *, workspace: Workspace, dry_run: bool, yes: bool, days: int, orphans: bool, output: str
) -> None:
    """Remove old history, orphaned files of crashed runs, and old journals.

    On a terminal, and with --orphans anywhere, it only lists, until --yes is given. What a manifest
    names, published or kept, is never touched, but with --orphans: tables that no SQL file makes
    any more, sources that are not in nomad.yaml any more, and what a table published that was by
    date and isn't, or the reverse.

    Example: nomad gc --dry-run
    """
    from nomad.cli import printing
    from nomad.run import gc

    if dry_run and yes:
        raise click.UsageError("give either --dry-run or --yes")
    found = gc.waste(workspace, journal_days=days, orphaned=orphans)
    only_list = not yes and (dry_run or orphans or sys.stdout.isatty())
    if not only_list:
        found = gc.remove(workspace, found, journal_days=days)
    if found or output != "table":
        rows = [{"key": w.key, "why": w.why} for w in found]
        printing.listing("waste", ["key", "why"], rows, output=output, out=sys.stdout)
    told = "would be removed; give --yes" if only_list and found else "removed"
    click.echo(f"{len(found)} objects {told}" if found else "nothing to remove", err=True)
