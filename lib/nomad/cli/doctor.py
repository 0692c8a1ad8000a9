"""`nomad doctor`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from nomad.cli import options

if TYPE_CHECKING:
    from nomad.workspace import Workspace


@click.command("doctor")
@click.option("--fix", is_flag=True, help="Remove leftovers, put marks right, renew the catalog.")
@options.output()
@options.workspace
def command(workspace: Workspace, *, fix: bool, output: str) -> None:
    """Check that every manifest's files are there and whole, and find what crashed runs left.

    Exits 1 where something is amiss, or with --fix where something is left amiss. Nothing that a
    manifest or the history names is ever removed.

    Example: nomad doctor --fix
    """
    from nomad import catalog, doctor, render
    from nomad.claims import clear, dead, live

    scratch = workspace.store.scratch()
    left = dead(scratch, now=workspace.now().timestamp())
    findings = list(
        doctor.examine(
            workspace.store, ("raw", *workspace.config.layers), busy=lambda: live(scratch)
        )
    )
    rows: list[dict[str, Any]] = [
        {"where": f.where, "what": f.what, "remedy": f.remedy} for f in findings
    ]
    rows += [
        {"where": str(p), "what": "left in scratch by a run that died", "remedy": "remove"}
        for p in left
    ]
    path = catalog.path_of(workspace.root, workspace.config.environment)
    if not path.exists():
        rows.append({"where": str(path), "what": "the catalog is missing", "remedy": "write"})
    amiss = len(rows)
    if fix:
        amiss = len(doctor.mend(workspace.store, findings))
        clear(left)
        catalog.refresh(workspace.project, workspace.lake, now=workspace.now())
    if rows or output != "table":
        render.listing("findings", ["where", "what", "remedy"], rows, output=output, out=sys.stdout)
    mended = f", {len(rows) - amiss} mended" if fix else ""
    click.echo(f"{len(rows)} findings{mended}" if rows else "all is well", err=True)
    sys.exit(1 if amiss else 0)
