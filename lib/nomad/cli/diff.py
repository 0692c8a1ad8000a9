"""`nomad diff`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from nomad.cli import options

if TYPE_CHECKING:
    from nomad.workspace import Workspace


_NO_KEY = """\
no key tells rows apart here: a changed row is one removed and one added
  try: name it as `unique_key` in the table's contract"""


@click.command("diff")
@click.argument("table", shell_complete=options.complete_tables)
@click.argument("runs", nargs=-1, metavar="[RUN_A [RUN_B]]")
@click.option("--dt", metavar="DATE", help="The partition.  [default: yesterday]")
@click.option("--staged", is_flag=True, help="Build it in scratch, and compare with the published.")
@options.output("table", "json")
@options.workspace
def command(
    *,
    workspace: Workspace,
    table: str,
    runs: tuple[str, ...],
    dt: str | None,
    staged: bool,
    output: str,
) -> None:
    """Show which rows two versions of a partition differ in, and in which columns.

    Without runs: the published version against the one before it. Rows are matched by the
    contract's key; without one, a changed row is one removed and one added. A column whose type
    changed is compared as text.

    Example: nomad diff ods_trade --dt 2024-01-02 --staged
    """
    from nomad.cli import printing
    from nomad.project.project import find
    from nomad.run import diff

    if len(runs) > 2 or (staged and runs):  # noqa: PLR2004
        raise click.UsageError("give two runs at most, or --staged")
    name = find(workspace.project, table)
    (partition,) = options.partitions(workspace, name, options.When(dt))
    first, second = (*runs, None, None)[:2]
    found = (
        diff.staged(workspace, name, partition)
        if staged
        else diff.between(workspace, name, partition, first, second)
    )
    if output == "json":
        keys = ("kind", "row", "column", "old", "new")
        body = {
            "version": 1, "key": list(found.key), "added": found.added, "removed": found.removed,
            "changed": found.changed, "columns": found.columns,
            "columns_added": list(found.gained), "columns_removed": list(found.lost),
            "columns_retyped": {c: {"old": a, "new": b} for c, a, b in found.retyped},
            "examples": [dict(zip(keys, e, strict=True)) for e in found.examples],
        }  # fmt: skip
        printing.document(body, sys.stdout)
        return
    if staged:
        click.echo("published → staged", err=True)
    else:
        click.echo(diff.named(workspace, name, partition, first, second), err=True)
    if not found.key and (found.added or found.removed):
        click.echo(_NO_KEY, err=True)
    for line in diff.lines(found):
        click.echo(line)
