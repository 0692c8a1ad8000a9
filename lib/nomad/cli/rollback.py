"""`nomad rollback`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from nomad.cli import options
from nomad.cli.report import Report, worst

if TYPE_CHECKING:
    from nomad.run.history import Return
    from nomad.workspace import Workspace


@click.command("rollback")
@click.argument("table", required=False, shell_complete=options.complete_tables)
@click.option("--dt", metavar="DATE", help="The partition.  [default: yesterday]")
@click.option("--to", "version", metavar="RUN_ID", help="The version to return to.")
@click.option("--run", "run_id", metavar="RUN_ID", help="Undo all that this run published.")
@click.option("--dry-run", is_flag=True, help="Only say what would be done.")
@options.talk
@options.output()
@options.workspace
def command(
    *,
    workspace: Workspace,
    table: str | None,
    dt: str | None,
    version: str | None,
    run_id: str | None,
    dry_run: bool,
    report: Report,
) -> None:
    """Publish an old version again, of one partition, or of all that a run published.

    A run is undone as a whole or not at all: not where one of its partitions has moved on since.

    Example: nomad rollback dwd_daily_stock_price --dt 2024-01-02 --to 20240103T020000Z-7f3a9c
    """
    from nomad.run.history import rollback
    from nomad.run.recovery import recover

    if not dry_run:
        recover(workspace)
    returns = _chosen(workspace, table, dt, version, run_id)
    if dry_run:
        for one in returns:
            name, partition = one.to.cell
            then = f"from {one.over.manifest.run_id} to {one.to.run_id}"
            click.echo(f"{name} {partition or ''}: {then}{one.lost}")
        return
    done, results = rollback(workspace, returns, report=report.step)
    report.finish(done, results, workspace.requests)
    sys.exit(worst(results))


def _chosen(
    workspace: Workspace, table: str | None, dt: str | None, version: str | None, run_id: str | None
) -> list[Return]:
    from nomad.project.project import find
    from nomad.run.history import of_run, to_version

    if run_id and not (table or version or dt):
        return of_run(workspace, run_id)
    if not (table and version) or run_id:
        raise click.UsageError("give TABLE, --dt and --to RUN_ID, or --run RUN_ID alone")
    name = find(workspace.project, table)
    found = options.partitions(workspace, name, options.When(dt))
    return [to_version(workspace, name, p, version) for p in found]
