"""`nomad extract`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from nomad.cli import options, say
from nomad.cli.report import MANY, Report

if TYPE_CHECKING:
    from nomad.run.result import Result
    from nomad.workspace import Workspace


@click.command("extract")
@click.argument("sources", nargs=-1, metavar="[SOURCE]...")
@options.dates
@click.option("--wait", is_flag=True, help="Wait for a run that lands the same dates.")
@click.option("--force", is_flag=True, help="Land again what is unchanged, or can't be read.")
@click.option("--only", metavar="STATES", help="Any of missing, failed, waiting, done.")
@click.option("--max-requests", type=click.IntRange(1), help="So many requests to servers now.")
@click.option("--parallel", type=click.IntRange(1), help="Sources side by side.")
@options.talk
@options.output()
@options.workspace
def command(
    *,
    workspace: Workspace,
    sources: tuple[str, ...],
    when: options.When,
    wait: bool,
    force: bool,
    only: str | None,
    max_requests: int | None,
    parallel: int | None,
    report: Report,
) -> None:
    """Land raw data from the sources, under raw/<source>/dt=….

    What a source delivers again unchanged is not landed again. Dates outside a source's calendar
    are not asked for. Over a range, dates for which a source has nothing (holidays, say) are named
    and passed over; a single date without a file is an error, as is one that the calendar names.

    --only lands what last ended so, as `nomad.backfill_progress` tells; what was never tried is
    missing. After so many requests as --max-requests, the run exits with 5: what is whole stays,
    and with --only failed,missing,waiting the next run goes on.

    Example: nomad extract --from 2024-01-01 --to 2024-03-31 --only failed,missing
    """
    sys.exit(
        land(
            workspace,
            report,
            sources,
            when,
            wait=wait,
            force=force,
            only=tuple((only or "").split(",")) if only else (),
            most=max_requests or 0,
            parallel=parallel or 0,
        )
    )


def land(
    workspace: Workspace,
    report: Report,
    sources: tuple[str, ...],
    when: options.When,
    *,
    wait: bool,
    force: bool = False,
    only: Sequence[str] = (),
    most: int = 0,
    parallel: int = 0,
) -> int:
    """Land sources and tell of it; give the exit code."""
    from nomad.config.lookback import lookback_of
    from nomad.ingest.extraction import extract
    from nomad.ingest.undelivered import outside_calendar
    from nomad.run.chosen import chosen

    workspace.counting = report.verbose
    found, dates = chosen(workspace, sources), options.days(workspace, when)
    with report.going(sum(len(dates) - 1 + lookback_of(s.options) for s in found), fetching=True):
        run_id, results = extract(
            workspace,
            found,
            dates,
            report=report.step,
            wait=wait,
            force=force,
            only=only,
            most=most,
            meter=report.meter,
            parallel=parallel,
        )
    report.left_out(outside_calendar(workspace, found, dates, results), dates)
    code = _judge(results, single=len(dates) == 1, quiet=report.quiet)
    report.finish(run_id, results, workspace.requests)
    return code


def _judge(results: Sequence[Result], *, single: bool, quiet: bool) -> int:
    """Say what no source has, and choose the exit code."""
    from nomad.ingest.undelivered import exit_code, undelivered
    from nomad.partitions import briefly

    missing, absent = undelivered(results, single=single)
    for table in dict.fromkeys(r.table for r in missing):
        _tell_missing([r for r in missing if r.table == table])
    if absent and not quiet:
        click.echo(f"no source for {briefly(absent)}: passed over", err=True)
    return exit_code(results, single=single)


def _tell_missing(missing: Sequence[Result]) -> None:
    """Say what a source lacks: of a few dates each error, of many the first, and the others."""
    from nomad.partitions import briefly

    few = missing if len(missing) <= MANY else missing[:1]
    for result in few:
        if result.error:
            say(result.error)
    if rest := [r.partition for r in missing[len(few) :] if r.partition]:
        click.echo(f"{missing[0].table} lacks {len(rest)} dates more: {briefly(rest)}", err=True)
