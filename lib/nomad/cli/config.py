"""`nomad config`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from nomad.cli import options

if TYPE_CHECKING:
    from nomad.workspace import Workspace


@click.command("config")
@options.output()
@options.workspace
def command(workspace: Workspace, output: str) -> None:
    """Print each value of the configuration and where it comes from.

    Example: nomad --env scratch config
    """
    from nomad.cli import printing
    from nomad.config.config import listed

    rows = [{"key": k, "value": v, "origin": o} for k, v, o in listed(workspace.config)]
    given = {f"vars.{k}".lower(): v for k, v in workspace.given.items()}
    rows = [
        {**r, "value": given[r["key"]], "origin": "--var"} if r["key"] in given else r for r in rows
    ]
    printing.listing("values", ["key", "value", "origin"], rows, output=output, out=sys.stdout)
