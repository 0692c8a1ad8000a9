"""`nomad run`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from nomad import errors
from nomad.cli import options
from nomad.cli.plan import make, tell_passed_over
from nomad.cli.report import Report, worst

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nomad.run.result import Result
    from nomad.run.scheduler import Options
    from nomad.workspace import Workspace


@click.command("run")
@options.selection
@options.dates
@click.option("--full-refresh", is_flag=True, help="Of tables that merge, forget the old rows.")
@click.option("--allow-missing", is_flag=True, help="Read a missing partition as empty.")
@click.option("--dry-run", is_flag=True, help="Build in scratch and publish nothing.")
@options.building
@options.talk
@options.output()
@options.workspace
def command(
    *,
    workspace: Workspace,
    report: Report,
    how: Options,
    fail_on_quarantine: bool,
    full_refresh: bool,
    allow_missing: bool,
    dry_run: bool,
    **words: Any,
) -> None:
    """Build and publish what is stale; what is fresh is not built again.

    A failed table blocks what needs it; all else goes on. The same command again picks up where it
    stopped.

    Example: nomad run +ads_top_movers --dt 2024-01-02
    """
    how = how._replace(
        force=how.force or full_refresh,
        allow_missing=allow_missing,
        dry_run=dry_run,
        full_refresh=full_refresh,
    )
    results = build(workspace, report, how, **words)
    code = worst(results, fail_on_quarantine=fail_on_quarantine)
    sys.exit(errors.worst((code, words["chosen"].fault_code(workspace))))


def build(workspace: Workspace, report: Report, how: Options, **words: Any) -> Sequence[Result]:
    """Plan, run and tell of it."""
    from nomad.run.scheduler import run

    workspace.counting = report.verbose
    found = make(workspace, report, force=how.force, **words)
    if not report.quiet:
        tell_passed_over(workspace, found)
    with report.going(len(found.steps)):
        run_id, results = run(workspace, found, how, report=report.step)
    report.finish(run_id, results, workspace.requests)
    return results
