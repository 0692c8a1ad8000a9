"""`nomad contract infer`, `nomad contract check` and `nomad contract diff`."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from nomad.cli import check as check_command
from nomad.cli import options

if TYPE_CHECKING:
    from nomad.workspace import Workspace


@click.group("contract")
def command() -> None:
    """Write a contract from the data, test what is published, or weigh a change.

    Example: nomad contract infer ods_trade --dt 2024-01-02
    """


@command.command("infer")
@click.argument("table", shell_complete=options.complete_tables)
@options.dates
@options.workspace
def infer(workspace: Workspace, table: str, when: options.When) -> None:
    """Print a contract that a published partition keeps to.

    Example: nomad contract infer ods_trade --dt 2024-01-02 > sql/ods/ods_trade.yml
    """
    from nomad.project.project import find
    from nomad.run import contracts

    name = find(workspace.project, table)
    partition = options.partitions(workspace, name, when)[-1]
    click.echo(contracts.infer(workspace, name, partition), nl=False)


@command.command("diff")
@click.argument("table", shell_complete=options.complete_tables)
@options.output()
@options.workspace
def diff(workspace: Workspace, table: str, output: str) -> None:
    """Show what the contract of now would do to the partitions already published.

    Of each: would it pass, lose rows to quarantine, or be refused; and how many rows that are in
    quarantine would come back. Changes nothing.

    Example: nomad contract diff ods_trade
    """
    from nomad.cli import printing
    from nomad.partitions import text
    from nomad.run import contracts

    name = options.table(workspace, table).name
    rows = [asdict(c) for c in contracts.diff(workspace, name)]
    columns = ["partition", "rows", "outcome", "quarantined", "released", "note"]
    rows = [{**r, "partition": text(r["partition"])} for r in rows]
    printing.listing("partitions", columns, rows, output=output, out=sys.stdout)


command.add_command(check_command.command, "check")
