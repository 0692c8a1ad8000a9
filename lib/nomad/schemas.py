"""What each table's columns are or will be, and from that which partitions a query reads."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

from nomad.errors import QueryFailed
from nomad.lake import Lake
from nomad.manifest import Column
from nomad.names import RAW, TableName
from nomad.partition import Partition
from nomad.project import Project, Table
from nomad.pruning import Pruner, Read, Relation, Relations


class Schemas:
    """Answers from the manifests, or by binding a query that was never built to its inputs."""

    def __init__(self, project: Project, lake: Lake, pruner: Pruner) -> None:
        self._project, self._lake, self._pruner = project, lake, pruner
        self._known: dict[TableName, tuple[Column, ...] | None] = {}

    def reads(self, table: Table, partition: Partition) -> tuple[Read, ...] | None:
        """Say what a cell reads of each input; None where an input's columns aren't known yet."""
        if not any(self._project.partitioned(i) for i in table.inputs):
            return tuple(Read(i, None) for i in table.inputs)
        relations = self.relations(table)
        if relations is None:
            return None
        setup, query = table.sql.statements(partition)
        found = []
        for name in table.inputs:
            read = Read(name, None)
            if self._project.partitioned(name):
                read = self._pruner.read(setup, query, name, relations)
            found.append(_past(read, partition) if name == table.name else read)
        return tuple(found)

    def relations(self, table: Table) -> Relations | None:
        """Describe the inputs of a table as its query sees them."""
        found: dict[TableName, Relation] = {}
        for name in table.inputs:
            schema = self.columns(name, own=name == table.name)
            if schema is None:
                return None
            spelled = tuple((r.ref.schema, r.ref.name) for r in table.reads if r.table == name)
            found[name] = Relation(spelled, schema, self._project.partitioned(name))
        return found

    def columns(self, name: TableName, *, own: bool = False) -> tuple[Column, ...] | None:
        """Name the columns of a table or source; None where they can't be known yet."""
        if name not in self._known:
            self._known[name] = None
            self._known[name] = self._published(name) or (None if own else self._derived(name))
        return self._known[name]

    def _published(self, name: TableName) -> tuple[Column, ...] | None:
        latest = self._lake.latest(name, partitioned=self._project.partitioned(name))
        sql = self._project.tables[name].sql if name.layer != RAW else None
        if latest is None or (sql and latest.sql_hash != sql.sql_hash):
            return None
        return latest.schema

    def _derived(self, name: TableName) -> tuple[Column, ...] | None:
        """Bind a query that was never built to its inputs' columns, to learn its own."""
        if name.layer == RAW:
            return None
        table = self._project.tables[name]
        relations = self.relations(table)
        if relations is None:
            return None
        setup, query = table.sql.statements(date(2000, 1, 1) if table.partitioned else None)
        try:
            return self._pruner.schema(setup, query, relations)
        except QueryFailed:
            return None


def _past(read: Read, partition: Partition) -> Read:
    """Keep of a table's own partitions those before the one being built."""
    if partition is None or read.spans is None:
        return read
    end = partition - timedelta(days=1)
    spans = tuple(replace(s, last=min(s.last, end)) for s in read.spans if s.first <= end)
    return replace(read, spans=spans, asked=tuple(d for d in read.asked if d <= end))
