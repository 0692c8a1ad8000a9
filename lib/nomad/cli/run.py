"""`nomad run`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import click

from nomad.cli import options, say
from nomad.cli.plan import make, tell_passed_over

if TYPE_CHECKING:
    from nomad.run.attempt import Result
    from nomad.workspace import Workspace


@click.command("run")
@options.selection
@options.dates
@click.option("--force", is_flag=True, help="Build what is fresh, too.")
@click.option("--allow-missing", is_flag=True, help="Read a missing partition as empty.")
@click.option("--dry-run", is_flag=True, help="Build in scratch and publish nothing.")
@click.option("--fail-fast", "-x", is_flag=True, help="Stop at the first failure.")
@click.option("--wait", is_flag=True, help="Wait for a run that builds the same partitions.")
@click.option("--jobs", "-j", type=click.IntRange(1), help="Steps side by side.")
@options.output()
@options.workspace
def command(
    *,
    workspace: Workspace,
    output: str,
    force: bool,
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

    found = make(workspace, force=force, **words)
    tell_passed_over(found)
    run_id, results = run(
        workspace,
        found,
        Options(
            force=force,
            allow_missing=allow_missing,
            rehearse=dry_run,
            fail_fast=fail_fast,
            wait=wait,
            jobs=jobs or 0,
        ),
        report=reporter(output),
    )
    finish(run_id, results, output, key="steps")
    sys.exit(worst(results))


def reporter(output: str) -> Callable[[Result], None]:
    """Choose what is told as each step ends: its line, or nothing where one document follows."""
    return line if output == "table" else (lambda _: None)


def line(result: Result) -> None:
    """Write one step's end as a line."""
    day = str(result.partition or "")
    rows = "" if result.row_count is None else f"{result.row_count} rows"
    click.echo(
        f"{result.status:<9}  {result.table!s:<40}  {day:<10}  {rows:>12}  "
        f"{result.seconds:6.2f} s  {result.reason}"
    )


def finish(run_id: str, results: Sequence[Result], output: str, *, key: str) -> None:
    """Write the results, then the errors and a summary on stderr."""
    from nomad import render

    rows = [r.as_row() for r in results]
    if output != "table":
        columns = list(rows[0]) if rows else []
        render.listing(key, columns, rows, output=output, out=sys.stdout, extra={"run_id": run_id})
    for result in results:
        if result.error and result.status == "failed":
            say(result.error)
    counts = {
        s: sum(r.status == s for r in results) for s in dict.fromkeys(r.status for r in results)
    }
    told = ", ".join(f"{n} {status}" for status, n in counts.items())
    click.echo(f"run {run_id}: {told or 'nothing to do'}", err=True)


def worst(results: Sequence[Result]) -> int:
    """Choose the exit code: that of the first error, or 1 where something was only blocked."""
    errors = [r.error.exit_code for r in results if r.error and r.status == "failed"]
    if errors:
        return errors[0]
    return 1 if any(r.status == "blocked" for r in results) else 0
