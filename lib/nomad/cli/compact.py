"""`nomad compact`."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING

import click

from nomad.cli import options
from nomad.cli.report import Report, worst

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nomad.run.compact import Gain
    from nomad.workspace import Workspace

_UNITS = {"KB": 1000, "MB": 1000**2, "GB": 1000**3}


@click.command("compact")
@options.selection
@options.dates
@click.option("--target", metavar="SIZE", default="128MB", show_default=True, help="Of a file.")
@click.option("--dry-run", is_flag=True, help="Only list files, bytes and gain.")
@options.talk
@options.output()
@options.workspace
def command(
    *,
    workspace: Workspace,
    chosen: options.Chosen,
    when: options.When,
    target: str,
    dry_run: bool,
    report: Report,
) -> None:
    """Rewrite partitions of many small files as few; the rows stay the same.

    Sorted by the contract's `unique_key`, if there is one. Published like any build; the small
    files go to the history.

    Example: nomad compact ods_trade --from 2024-01-01 --to 2024-01-31 --dry-run
    """
    from nomad.run.compact import compact, worthwhile
    from nomad.run.recovery import recover

    if not dry_run:
        recover(workspace)
    tables = chosen.tables(workspace)
    gains = list(worthwhile(workspace, tables, options.days(workspace, when), _bytes(target)))
    if dry_run:
        _list(gains, report.output)
        return
    if not gains:
        click.echo("nothing to compact", err=True)
        return
    with report.going(len(gains)):
        run_id, results = compact(workspace, gains, report=report.step)
    report.finish(run_id, results, workspace.requests)
    sys.exit(worst(results))


def _bytes(text: str) -> int:
    match = re.fullmatch(r"(\d+)\s*(KB|MB|GB)", text.strip().upper())
    if not match or not int(match[1]):
        raise click.BadParameter(f"`{text}` is no size like 128MB", param_hint="--target")
    return int(match[1]) * _UNITS[match[2]]


def _list(gains: Sequence[Gain], output: str) -> None:
    from nomad.cli import printing
    from nomad.partitions import text

    rows = [
        {
            "table": str(g.manifest.dest),
            "partition_date": text(g.manifest.partition),
            "files": len(g.manifest.files),
            "bytes": g.manifest.size,
            "files_after": g.target_files,
        }
        for g in gains
    ]
    columns = ["table", "partition_date", "files", "bytes", "files_after"]
    printing.listing("partitions", columns, rows, output=output, out=sys.stdout)
