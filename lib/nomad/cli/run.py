"""`nomad run`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from nomad.cli import options
from nomad.cli.plan import make, tell_passed_over
from nomad.cli.report import Report, worst

if TYPE_CHECKING:
    from nomad.workspace import Workspace


@click.command("run")
@options.selection
@options.dates
@click.option("--force", is_flag=True, help="Build what is fresh, too.")
@click.option("--full-refresh", is_flag=True, help="Of tables that merge, forget the old rows.")
@click.option("--allow-missing", is_flag=True, help="Read a missing partition as empty.")
@click.option("--dry-run", is_flag=True, help="Build in scratch and publish nothing.")
@click.option("--fail-fast", "-x", is_flag=True, help="Stop at the first failure.")
@click.option("--wait", is_flag=True, help="Wait for a run that builds the same partitions.")
@click.option("--jobs", "-j", type=click.IntRange(1), help="Steps side by side.")
@options.talk
@options.output()
@options.workspace
def command(
    *,
    workspace: Workspace,
    report: Report,
    force: bool,
    full_refresh: bool,
    allow_missing: bool,
    dry_run: bool,
    fail_fast: bool,
    wait: bool,
    jobs: int | None,
    **words: Any,
) -> None:
    """Build and publish what is stale; what is fresh is not built again.

    A failed table blocks what needs it; all else goes on. The same command again picks up where it
    stopped.

    Example: nomad run +ads_top_movers --dt 2024-01-02
    """
    from nomad.run.tables import Options, run

    workspace.counting = report.verbose
    found = make(workspace, force=force or full_refresh, **words)
    if not report.quiet:
        tell_passed_over(found)
    chosen = Options(
        force=force or full_refresh,
        allow_missing=allow_missing,
        rehearse=dry_run,
        fail_fast=fail_fast,
        wait=wait,
        jobs=jobs or 0,
        full_refresh=full_refresh,
    )
    with report.progress(len(found.steps)):
        run_id, results = run(workspace, found, chosen, report=report.step)
    report.finish(run_id, results, workspace.requests)
    sys.exit(worst(results))
