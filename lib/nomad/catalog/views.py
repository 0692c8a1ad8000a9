"""The views and macros of one table: its published files by name, nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from nomad.engine import scan
from nomad.engine.instance import Macro, View
from nomad.lake.lake import Lake
from nomad.lake.manifest import Manifest
from nomad.lake.scans import REFUSED, refused_files
from nomad.names import RAW, TableName, literal, quote
from nomad.partitions import COLUMN
from nomad.project.project import Project

QUARANTINE = "quarantine"


def making(project: Project, lake: Lake, name: TableName, found: Sequence[Manifest]) -> list[str]:
    """Write the statements that make all there is of one table, where there was nothing."""
    if not found:
        return []
    things = [*relations(project, lake, name, found), *refused(project, lake, name, found)]
    return [*(t.to_sql() for t in things), *_comment(project, name)]


def dropping(name: TableName) -> list[str]:
    """Write the statements that take away all there is of one table."""
    return [
        f"DROP VIEW IF EXISTS {name.quoted}",
        f"DROP MACRO TABLE IF EXISTS {quote(name.layer)}.{quote(f'{name.name}_{COLUMN}')}",
        f"DROP VIEW IF EXISTS {quote(QUARANTINE)}.{quote(name.name)}",
    ]


def _comment(project: Project, name: TableName) -> Iterator[str]:
    text = project.tables[name].description if name.layer != RAW else ""
    if text:
        yield f"COMMENT ON VIEW {name.quoted} IS {literal(text)}"


def depends_on(project: Project, name: TableName) -> tuple[str, ...]:
    """Name what of a project can change what is made, besides what is published."""
    table = project.tables.get(name)
    contract = table.contract if table else None
    return (
        table.description if table else "",
        " ".join((table.sql.path, *map(str, table.inputs))) if table else "",
        str(project.partitioned(name)),
        str(bool(contract and contract.quarantines)),
    )


def relations(
    project: Project, lake: Lake, name: TableName, manifests: Sequence[Manifest]
) -> list[View | Macro]:
    """Give the view of a table over its published files, and the macro of one date."""
    partitioned = project.partitioned(name)
    select = scan.select(lake.files(manifests), partitioned=partitioned)
    found: list[View | Macro] = [View(name.layer, name.name, select)]
    if partitioned:
        one = f"SELECT * FROM ({select}) WHERE {COLUMN} = CAST(day AS DATE)"
        found.append(Macro(name.layer, f"{name.name}_{COLUMN}", "day", one))
    return found


def refused(
    project: Project, lake: Lake, name: TableName, manifests: Sequence[Manifest]
) -> list[View | Macro]:
    """Give the view of the rows that tests refused, where they can refuse some."""
    groups = refused_files(manifests, lake.store.uri)
    contract = project.tables[name].contract if name in project.tables else None
    if not groups and contract and contract.quarantines:
        groups = [scan.Files((), (*manifests[-1].schema, *REFUSED))]
    if not groups:
        return []
    select = scan.select(groups, partitioned=project.partitioned(name))
    return [View(QUARANTINE, name.name, select)]
