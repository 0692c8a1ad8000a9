"""`nomad gc`."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from nomad.cli import options

if TYPE_CHECKING:
    from nomad.workspace import Workspace


@click.command("gc")
@click.option("--dry-run", is_flag=True, help="Only list.  [default on a terminal]")
@click.option("--yes", is_flag=True, help="Remove.")
@click.option("--journals", "days", metavar="DAYS", type=click.IntRange(1), default=365,
              show_default=True, help="Keep journals for so long.")  # fmt: skip
@options.output()
@options.workspace
def command(*, workspace: Workspace, dry_run: bool, yes: bool, days: int, output: str) -> None:
    """Remove history past its keep, leftovers of crashed runs, and old journals.

    On a terminal it only lists, until --yes is given. What a manifest names, published or kept, is
    never touched.

    Example: nomad gc --dry-run
    """
    from nomad import render
    from nomad.run import gc

    if dry_run and yes:
        raise click.UsageError("give either --dry-run or --yes")
    found = gc.waste(workspace, journal_days=days)
    only_list = dry_run or (sys.stdout.isatty() and not yes)
    if not only_list:
        gc.remove(workspace, found, journal_days=days)
    if found or output != "table":
        render.listing("waste", ["key", "why"], [asdict(w) for w in found], output=output,
                       out=sys.stdout)  # fmt: skip
    told = "would be removed; give --yes" if only_list and found else "removed"
    click.echo(f"{len(found)} objects {told}" if found else "nothing to remove", err=True)
