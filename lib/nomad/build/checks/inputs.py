"""What contract and checks need to know beside the rows: other tables, and the days before."""

from __future__ import annotations

from datetime import timedelta

from nomad.build import stage
from nomad.build.checks.inspection import Others
from nomad.dates import Partition
from nomad.errors import MissingPartition
from nomad.lake.lake import Lake
from nomad.lake.manifest import Input, Over
from nomad.names import RAW, TableName
from nomad.plan.pruning import Pruner
from nomad.plan.schemas import Schemas
from nomad.project.project import Project, Table

_FEW_DAYS = 7
"""So many days back, an earlier partition is looked for one by one; then the table is listed."""


def gather(
    project: Project, lake: Lake, pruner: Pruner, table: Table, partition: Partition
) -> Others:
    """Look up what a table's contract and checks read of other tables.

    Raises:
        MissingPartition: such a table has nothing for the date.
    """
    parents: dict[str, str] = {}
    inputs: list[Input] = []
    for test, name in table.related:
        if name == table.name:
            parents[test] = ""
            continue
        bound = _parent(project, lake, table, name, partition)
        parents[test] = bound.select
        inputs += bound.inputs
    schemas = Schemas(project, lake, pruner)
    bounds = {
        c.name: _bound(schemas, project, lake, table.of_check(c), partition) for c in table.checks
    }
    made = {name: _views(table, name, found) for name, found in bounds.items()}
    past = {n: b.select for n, found in bounds.items() for b in found if b.table == table.name}
    inputs += [i for found in bounds.values() for b in found for i in b.inputs]
    return Others(parents, made, past, tuple(dict.fromkeys(inputs)))


def _bound(
    schemas: Schemas, project: Project, lake: Lake, seen: Table, partition: Partition
) -> tuple[stage.Bound, ...]:
    """Look up the inputs of a check, seen as a table of its own.

    Of the table it is of, these are the earlier partitions; that of the day is not published yet.
    """
    found = schemas.reads(seen, partition)
    if found is None:
        others = [n for n in seen.queried if n != seen.name]
        return tuple(stage.related(project, lake, n, partition) for n in others)
    bound = stage.gather(project, lake, seen, [r for r in found if r.table != seen.name])
    past = [r for r in found if r.table == seen.name and r.spans]
    return (*bound, *stage.gather(project, lake, seen, past, allow_missing=True))


def _parent(
    project: Project, lake: Lake, table: Table, name: TableName, partition: Partition
) -> stage.Bound:
    try:
        return stage.related(project, lake, name, partition)
    except MissingPartition as e:
        e.where = table.contract.path if table.contract else None
        act = "extract" if name.layer == RAW else "run"
        e.hint = f"publish it first: nomad {act} {name.name}"
        raise


def _views(
    table: Table, name: str, bounds: tuple[stage.Bound, ...]
) -> list[tuple[tuple[str, str], str]]:
    check = next(c for c in table.checks if c.name == name)
    selects: dict[TableName, str] = {b.table: b.select for b in bounds}
    return [
        ((r.ref.schema, r.ref.name), selects[r.table])
        for r in check.reads
        if r.table in selects and r.table != table.name
    ]


def rows_before(lake: Lake, table: Table, partition: Partition, over: Over | None) -> int | None:
    """Count the rows of the latest earlier partition that has some; of a full table, of itself."""
    if partition is None:
        return over.manifest.row_count if over and over.manifest else None
    near = [partition - timedelta(days=n) for n in range(1, _FEW_DAYS + 1)]
    found = (m.row_count for d in near for m in lake.readable(table.name, days=[d]))
    if rows := next((n for n in found if n), None):
        return rows
    counts = {m.partition_date: m.row_count for m in lake.readable(table.name) if m.row_count}
    before = [day for day in counts if day and day < near[-1]]
    return counts[max(before)] if before else None
