"""`nomad backfill`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from nomad import errors
from nomad.cli import options
from nomad.cli.plan import listing, make, tell_passed_over
from nomad.cli.report import Report, worst

if TYPE_CHECKING:
    from nomad.run.scheduler import Options
    from nomad.workspace import Workspace


@click.command("backfill")
@options.selection
@options.dates
@click.option("--only", metavar="STATE,…", help="missing, failed, stale, or all of them.  [all]")
@click.option("--order", type=click.Choice(("asc", "desc")), default="asc", show_default=True)
@click.option("--max-steps", type=click.IntRange(1), help="Build so many partitions at most.")
@click.option("--dry-run", is_flag=True, help="Only list what would be built, and why.")
@options.building
@options.talk
@options.output()
@options.workspace
def command(
    *,
    workspace: Workspace,
    report: Report,
    only: str | None,
    order: str,
    max_steps: int | None,
    dry_run: bool,
    how: Options,
    fail_on_quarantine: bool,
    **words: Any,
) -> None:
    """Build a range of dates: what is missing, what failed and what waited for it, what is stale.

    Dates go side by side where the SQL allows it, in order where a table, or a test of it, looks
    at earlier ones. Interrupted or killed, the same command goes on where it stopped.

    Example: nomad backfill ods dwd --from 2024-01-01 --to 2024-03-31 --only missing,failed
    """
    from nomad.run import planning
    from nomad.run.scheduler import run

    wanted = _states(only)
    workspace.counting = report.verbose
    found = make(workspace, report, force=how.force, **words)
    found = planning.backfill(
        found,
        wanted,
        force=how.force,
        newest_first=order == "desc",
        most=max_steps or 0,
    )
    if not report.quiet:
        tell_passed_over(workspace, found)
    if dry_run:
        if not found.steps:
            click.echo("nothing to do", err=True)
        if found.steps or report.output != "table":
            listing(found.steps, report.output)
        return
    with report.going(len(found.steps)):
        run_id, results = run(workspace, found, how, report=report.step)
    report.finish(run_id, results, workspace.requests)
    code = worst(results, fail_on_quarantine=fail_on_quarantine)
    sys.exit(errors.worst((code, words["chosen"].fault_code(workspace))))


def _states(only: str | None) -> set[str]:
    """Read `missing,failed`."""
    from nomad.run.planning import ALL, ONLY

    wanted = set((only or ALL).split(","))
    if strays := sorted(wanted - set(ONLY)):
        raise click.BadParameter(f"`{strays[0]}` is none of {', '.join(ONLY)}", param_hint="--only")
    return wanted
