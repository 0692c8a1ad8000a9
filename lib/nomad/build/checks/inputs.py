"""What contract and checks need to know beside the rows: other tables, and the days before."""

from __future__ import annotations

from nomad.build.checks.subject import CheckInputs
from nomad.build.inputs import BoundInput, bind, bind_one, views
from nomad.errors import MissingPartition
from nomad.lake.lake import Lake
from nomad.lake.manifest import Input, Over
from nomad.lake.words import command_for
from nomad.names import TableName
from nomad.partitions import Partition
from nomad.plan.inputs import Inputs
from nomad.plan.pruning import Pruner
from nomad.plan.reads import same_date
from nomad.project.project import Project, Table
from nomad.project.references import Query

_FEW = 7
"""So many partitions back, one is looked for by itself; then the table is listed."""


def gather(
    project: Project, lake: Lake, pruner: Pruner, table: Table, partition: Partition | None
) -> CheckInputs:
    """Look up what a table's contract and checks read of other tables.

    Raises:
        MissingPartition: such a table has nothing for the date.
    """
    parents: dict[str, str] = {}
    read: list[Input] = []
    for test, name in table.related:
        if name == table.name:
            parents[test] = ""
            continue
        bound = _parent(project, lake, table, name, partition)
        parents[test] = bound.select
        read += bound.inputs
    inputs = Inputs.of_lake(project, lake, pruner)
    by_check = {c.name: _bound(inputs, project, lake, c.query, partition) for c in table.checks}
    read += [i for bounds in by_check.values() for b in bounds for i in b.inputs]
    others = {
        c.name: views(c.query, (b for b in by_check[c.name] if b.table != table.name))
        for c in table.checks
    }
    past = {n: b.select for n, bs in by_check.items() for b in bs if b.table == table.name}
    return CheckInputs(parents, others, past, tuple(dict.fromkeys(read)))


def _bound(
    inputs: Inputs, project: Project, lake: Lake, query: Query, partition: Partition | None
) -> tuple[BoundInput, ...]:
    """Look up what a check reads; before that can be told, of each other table the same date.

    Of the table it is of, these are the earlier partitions; that of the day is not published yet.
    """
    reads = inputs.resolve(query, partition)
    if reads is None:
        dated = project.partitioned
        names = query.of_others.tables
        reads = tuple(same_date(n, partition, partitioned=dated(n)) for n in names)
    others = [r for r in reads if r.table != query.table]
    past = [r for r in reads if r.table == query.table and r.spans]
    return bind(lake, query, [*others, *past])


def _parent(
    project: Project, lake: Lake, table: Table, name: TableName, partition: Partition | None
) -> BoundInput:
    read = same_date(name, partition, partitioned=project.partitioned(name))
    try:
        return bind_one(lake, read)
    except MissingPartition as e:
        where = table.contract.path if table.contract else None
        raise e.replace(where=where, hint=f"publish it first: {command_for(name)}") from e


def rows_before(
    lake: Lake, table: Table, partition: Partition | None, over: Over | None
) -> int | None:
    """Count the rows of the latest earlier partition that has some; of a full table, of itself."""
    if partition is None:
        return over.manifest.row_count if over and over.manifest else None
    near = [partition.earlier(n) for n in range(1, _FEW + 1)]
    found = (m.row_count for p in near for m in lake.readable(table.name, partitions=[p]))
    if rows := next((n for n in found if n), None):
        return rows
    counts = {m.partition: m.row_count for m in lake.readable(table.name) if m.row_count}
    before = [p for p in counts if p and p < near[-1]]
    return counts[max(before)] if before else None
