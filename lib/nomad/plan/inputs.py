"""Which partitions of its inputs a query reads, for plan, build and checks alike.

It goes by the columns that the inputs have, and by what DuckDB's optimizer makes of the query then.
"""

from __future__ import annotations

from collections.abc import Hashable

from nomad.dates import ALL
from nomad.errors import QueryFailed
from nomad.lake.lake import Lake
from nomad.names import TableName
from nomad.partitions import Partition
from nomad.plan.pruning import ANY_DAY, Pruner, Relations
from nomad.plan.reads import InputRead, before
from nomad.plan.schemas import Columns, Schemas, describe_inputs
from nomad.project.project import Project, Table
from nomad.project.references import Query


class Inputs:
    """Resolves queries of one project; `columns` tells those of each table and source."""

    def __init__(self, project: Project, pruner: Pruner, columns: Columns) -> None:
        self._project, self._pruner, self._columns = project, pruner, columns
        self._one_day: dict[Hashable, bool] = {}

    @classmethod
    def of_lake(cls, project: Project, lake: Lake, pruner: Pruner) -> Inputs:
        """Go by what is published, or will be."""
        return cls(project, pruner, Schemas(project, lake, pruner).columns)

    def resolve(self, query: Query, partition: Partition | None) -> tuple[InputRead, ...] | None:
        """Say what a query reads for one date; None where an input's columns aren't known yet.

        Of the table it belongs to, that is earlier partitions. A query whose result changes by
        itself reads all: what its clock says is not asked.
        """
        if not any(map(self._project.partitioned, query.tables)):
            return tuple(InputRead(name, None) for name in query.tables)
        relations = self._relations(query, partition)
        if relations is None:
            return None
        return tuple(self._read(query, partition, name, relations) for name in query.tables)

    def for_any_date(self, query: Query) -> tuple[InputRead, ...] | None:
        """Say what a query by date reads for some date; None before the columns are known."""
        relations = self._relations(query)
        if relations is None:
            return None
        return tuple(self._days(query, ANY_DAY, name, relations) for name in query.tables)

    def of_itself(self, query: Query) -> InputRead | None:
        """Say what a query reads of its own table for some date; None before that is known."""
        relations = self._relations(query)
        return None if relations is None else self._read(query, ANY_DAY, query.table, relations)

    def fits(self, query: Query) -> bool:
        """Tell whether a query can be bound; one with a PIVOT may need rows for that."""
        try:
            self._pruner.schema(*query.sql.statements(ANY_DAY), self._relations(query) or {})
        except QueryFailed:
            return "pivot" in query.sql.query.lower()
        return True

    def looks_back(self, table: Table, partition: Partition | None) -> bool:
        """Tell whether the verdict on a cell hangs on earlier ones; in doubt it does."""
        if partition is None or (table.contract and table.contract.compares):
            return partition is not None
        own = (c.query for c in table.checks if c.query.reads_itself)
        resolved = (self.resolve(query, partition) for query in own)
        return any(
            reads is None or any(r.table == table.name and r.spans for r in reads)
            for reads in resolved
        )

    def _relations(self, query: Query, near: Partition | None = None) -> Relations | None:
        return describe_inputs(self._project, query, self._columns, near=near)

    def _read(
        self, query: Query, partition: Partition | None, name: TableName, relations: Relations
    ) -> InputRead:
        read = self._days(query, partition, name, relations)
        return before(read, partition, relations[name].schema) if name == query.table else read

    def _days(
        self, query: Query, partition: Partition | None, name: TableName, relations: Relations
    ) -> InputRead:
        if not self._project.partitioned(name):
            return InputRead(name, None)
        if query.sql.volatile:
            return InputRead(name, ALL)
        if partition and query.sql.same_day and self._asks_one_day(query, name, relations):
            return InputRead(name, (partition.span,), (partition.start,))
        return self._pruner.read(*query.sql.statements(partition), name, relations)

    def _asks_one_day(self, query: Query, name: TableName, relations: Relations) -> bool:
        """Tell by some date whether a query that treats them alike reads its own date alone."""
        key = (query.table, query.sql.sql_hash, name, *relations.items())
        if key not in self._one_day:
            read = self._pruner.read(*query.sql.statements(ANY_DAY), name, relations)
            expected = ((ANY_DAY.span,), (ANY_DAY.start,))
            self._one_day[key] = (read.spans, read.asked) == expected
        return self._one_day[key]
