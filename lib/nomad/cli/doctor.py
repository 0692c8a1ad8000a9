"""`nomad doctor`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from nomad.cli import options
from nomad.names import counted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from nomad.workspace import Workspace


@click.command("doctor")
@click.option("--fix", is_flag=True, help="Remove orphans, set marks, rebuild the catalog.")
@options.output()
@options.workspace
def command(workspace: Workspace, *, fix: bool, output: str) -> None:
    """Check that every manifest's files are there and whole, and find what crashed runs left.

    Of a lake in S3, it also asks the server how it behaves. Exits 3 where that can't be reached or
    does not keep to conditional writes, 1 where something is amiss, or with --fix where something
    is left amiss. Nothing that a manifest or the history names is ever removed. What is left of
    tables and sources that are gone is only listed.

    Example: nomad doctor --fix
    """
    from nomad.cli import printing
    from nomad.files import IN_THE_WAY
    from nomad.lake import doctor
    from nomad.run.recovery import examine, recover

    server = _server(workspace)
    extra = {"server": [dict(zip(_SERVER, v, strict=True)) for v in server]} if server else None
    if server and output == "table":
        printing.table(_SERVER, server, sys.stdout)
    unfit = any(verdict == "bad" for _, _, verdict in server)
    reachable = not server or server[0][2] != "bad"
    left = workspace.died() if reachable else []
    findings = examine(workspace, left, deep=True) if reachable else []
    rows = [f.told for f in findings]
    rows += [
        {"where": str(p), "what": "left in scratch by a run that died", "remedy": doctor.FIX}
        for p in left
    ]
    path = workspace.catalog_path
    if reachable and (what := _catalog_fault(workspace)):
        remedy = IN_THE_WAY if path.is_dir() else doctor.FIX
        rows.append({"where": str(path), "what": what, "remedy": remedy})
    faults, wrong, refreshed = len(rows), len(rows), None
    rows += _orphans(workspace) if reachable else []
    if fix and not unfit:
        if left:
            recover(workspace)
            findings = [f for f in findings if f.remedy is None]
        wrong = len(doctor.repair(workspace.store, findings))
        refreshed = workspace.refresh_catalog()
    if rows or output != "table":
        columns = ["where", "what", "remedy"]
        printing.listing("findings", columns, rows, output=output, out=sys.stdout, extra=extra)
    mended = f", {faults - wrong} fixed" if fix else ""
    verdict = "the server is not fit for a lake" if unfit else "all is well"
    click.echo(
        f"{counted(len(rows), 'finding')}{mended}" if rows and not unfit else verdict,
        err=True,
    )
    if refreshed and refreshed.fault:
        raise refreshed.fault
    sys.exit(3 if unfit else 1 if wrong else 0)


def _orphans(workspace: Workspace) -> list[dict[str, str]]:
    """Tell what is left of tables that are gone: that does no harm, and may be wanted."""
    from nomad.errors import Misuse
    from nomad.run.orphans import orphans

    try:
        found = orphans(workspace)
    except Misuse:
        return []
    told = "nomad gc --orphans" if workspace.project.tables else "bring back the files of sql/"
    return [{"where": o.table.key, "what": o.what, "remedy": told} for o in found]


def _catalog_fault(workspace: Workspace) -> str | None:
    """Say what is wrong with the catalog; while a run is at work, it may be behind."""
    from nomad.catalog import catalog
    from nomad.lake.claims import live

    path = workspace.catalog_path
    if not path.exists():
        return None if live(workspace.place.scratch) else "the catalog is missing"
    if fault := catalog.fault(path):
        return f"the catalog can't be used: {fault}"
    if workspace.catalog_is_due and not live(workspace.place.scratch):
        if (noted := workspace.catalogs.get(path.name)) and not noted.startswith(catalog.SCHEMA):
            return "the catalog was made by another version of nomad"
        return "the catalog is of another lake, or behind this one"
    return None


_SERVER = ["check", "found", "verdict"]


def _server(workspace: Workspace) -> Sequence[tuple[str, str, str]]:
    """Ask a server how it behaves; of a disk there is nothing to ask."""
    from nomad.store.capabilities import Diagnosable

    if not isinstance(workspace.store, Diagnosable):
        return []
    found = list(workspace.store.diagnose())
    return [*found, *_read_by_duckdb(workspace)] if found[0].verdict != "bad" else found


def _read_by_duckdb(workspace: Workspace) -> Iterator[tuple[str, str, str]]:
    """See that DuckDB reaches the lake by the same way."""
    from nomad.errors import NomadError
    from nomad.query import reads

    try:
        reads(workspace)
    except NomadError as e:
        hint = "check `lake.style`, `lake.endpoint` and `lake.ca`"
        yield "DuckDB", f"{e.what.splitlines()[0]}; {hint}", "bad"
    else:
        yield "DuckDB", "reads what was written", "good"
