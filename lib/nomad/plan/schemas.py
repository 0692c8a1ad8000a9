"""What each table's columns are or will be, and from that which partitions a query reads."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import replace
from datetime import date, timedelta

from nomad.dates import ALL, COLUMN, Partition, Span
from nomad.errors import QueryFailed
from nomad.lake.lake import Lake
from nomad.names import RAW, TableName
from nomad.plan.pruning import Pruner, Read, Relation, Relations
from nomad.project.project import Project, Table
from nomad.schema import Column


class Schemas:
    """Answers from the manifests, or by binding a query that was never built to its inputs."""

    def __init__(self, project: Project, lake: Lake, pruner: Pruner) -> None:
        self._project, self._lake, self._pruner = project, lake, pruner
        self._known: dict[TableName, tuple[Column, ...] | None] = {}
        self._one_day: dict[Hashable, bool] = {}

    def reads(self, table: Table, partition: Partition) -> tuple[Read, ...] | None:
        """Say what a cell reads of each input; None where an input's columns aren't known yet.

        A query whose result changes by itself reads all: what its clock says is not asked.
        """
        if not any(self._project.partitioned(i) for i in table.queried):
            return tuple(Read(i, None) for i in table.queried)
        relations = self.relations(table, near=partition)
        if relations is None:
            return None
        own = table.name
        found = (self._read(table, partition, name, relations) for name in table.queried)
        return tuple(own_past(r, partition, relations[own]) if r.table == own else r for r in found)

    def looks_back(self, table: Table, partition: Partition) -> bool:
        """Tell whether the verdict on a cell hangs on earlier ones; in doubt it does."""
        if partition is None or (table.contract and table.contract.compares):
            return partition is not None
        own = (c for c in table.checks if any(r.table == table.name for r in c.reads))
        found = (self.reads(table.of_check(c), partition) for c in own)
        return any(
            reads is None or any(r.table == table.name and r.spans for r in reads)
            for reads in found
        )

    def on_any_day(self, table: Table) -> tuple[Read, ...] | None:
        """Say what a table by date reads for some date; None where that can't be known.

        Not before the columns are, nor of a query that doesn't fit them.
        """
        relations = self.relations(table)
        if relations is None:
            return None
        found = tuple(self._read(table, _ANY_DAY, name, relations) for name in table.queried)
        unsure = not table.sql.volatile and any(r.spans == ALL for r in found)
        return None if unsure and not self._fits(table, relations) else found

    def _fits(self, table: Table, relations: Relations) -> bool:
        """Tell whether a query can be bound; one with a PIVOT may need rows for that."""
        try:
            self._pruner.schema(*table.sql.statements(_ANY_DAY), relations)
        except QueryFailed:
            return "pivot" in table.sql.query.lower()
        return True

    def _read(
        self, table: Table, partition: Partition, name: TableName, relations: Relations
    ) -> Read:
        if not self._project.partitioned(name):
            return Read(name, None)
        if table.sql.volatile:
            return Read(name, ALL)
        if partition and table.sql.same_day and self._asks_one_day(table, name, relations):
            return Read(name, (Span(partition, partition),), (partition,))
        return self._pruner.read(*table.sql.statements(partition), name, relations)

    def _asks_one_day(self, table: Table, name: TableName, relations: Relations) -> bool:
        """Tell by some date whether a query that treats them alike reads its own date alone."""
        key = (table.name, table.sql.sql_hash, name, *relations.items())
        if key not in self._one_day:
            read = self._pruner.read(*table.sql.statements(_ANY_DAY), name, relations)
            expected = ((Span(_ANY_DAY, _ANY_DAY),), (_ANY_DAY,))
            self._one_day[key] = (read.spans, read.asked) == expected
        return self._one_day[key]

    def relations(self, table: Table, *, near: Partition = None) -> Relations | None:
        """Describe the inputs of a table as its query sees them; `near` is the date it runs for."""
        found: dict[TableName, Relation] = {}
        for name in table.queried:
            schema = self.columns(name, near=near)
            if schema is None:
                return None
            found[name] = self._relation(table, name, schema)
        return found

    def _relation(self, table: Table, name: TableName, schema: tuple[Column, ...]) -> Relation:
        spelled = tuple((r.ref.schema, r.ref.name) for r in table.reads if r.table == name)
        return Relation(spelled, schema, self._project.partitioned(name))

    def columns(self, name: TableName, *, near: Partition = None) -> tuple[Column, ...] | None:
        """Name the columns of a table or source; None where they can't be known yet.

        Of the partitions that are published, the one of the date `near` tells, or else the latest.
        """
        if near is not None and (exact := self._published(name, near)):
            return exact
        if name not in self._known:
            self._known[name] = None  # what a table that needs its own columns sees
            self._known[name] = self._found(name, near)
        return self._known[name]

    def _found(self, name: TableName, near: Partition) -> tuple[Column, ...] | None:
        """Ask the query first where a date is wanted: that needs no look at the lake's folders."""
        if near is not None and self._project.partitioned(name):
            return self._derived(name, near) or self._published(name)
        return self._published(name) or self._derived(name)

    def _published(self, name: TableName, day: Partition = None) -> tuple[Column, ...] | None:
        partitioned = self._project.partitioned(name)
        if day is None:
            found = self._lake.latest(name, partitioned=partitioned)
        else:
            days = [day] if partitioned else []
            found = next(iter(self._lake.readable(name, days=days)), None)
        sql = self._project.tables[name].sql if name.layer != RAW else None
        if found is None or (sql and found.sql_hash != sql.sql_hash):
            return None
        return found.schema

    def _derived(self, name: TableName, near: Partition = None) -> tuple[Column, ...] | None:
        """Bind a query that was never built to its inputs' columns, to learn its own."""
        if name.layer == RAW:
            return None
        table = self._project.tables[name]
        if table.reads_own_past:
            return self._from_itself(table, near)
        relations = self.relations(table, near=near)
        return None if relations is None else self._bound(table, relations)

    def _bound(self, table: Table, relations: Relations) -> tuple[Column, ...] | None:
        setup, query = table.sql.statements(_ANY_DAY if table.partitioned else None)
        try:
            found = self._pruner.schema(setup, query, relations)
        except QueryFailed:
            return None
        return tuple(c for c in found if not (table.partitioned and c.name.lower() == COLUMN))

    def _from_itself(self, table: Table, near: Partition) -> tuple[Column, ...] | None:
        """Find the columns of a table that reads itself: of no type at first, until they settle."""
        others = replace(table, reads=tuple(r for r in table.reads if r.table != table.name))
        relations = self.relations(others, near=near) if others.reads else {}
        columns = tuple(Column(c, _UNTYPED) for c in table.sql.outputs if c.lower() != COLUMN)
        for _ in range(_MOST_TRIES):
            if relations is None or not columns:
                return None
            own = self._relation(table, table.name, columns)
            found = self._bound(table, {**relations, table.name: own})
            if found is None or found == columns:
                return found
            columns = found
        return None


_ANY_DAY = date(2000, 1, 1)
_UNTYPED = '"NULL"'
_MOST_TRIES = 8
"""Rounds of typing after which a table that reads itself is given up."""


def own_past(read: Read, partition: Partition, own: Relation) -> Read:
    """Keep of a table's own partitions those before the one being built.

    That one stays among those asked for where a bound of the query names it: it is refused then.
    """
    if partition is None or read.spans is None:
        return read
    end = partition - timedelta(days=1)
    spans = tuple(replace(s, last=min(s.last, end)) for s in read.spans if s.first <= end)
    asked = [day for day in read.asked if day <= partition]
    if any(s.last == partition for s in read.spans):
        asked.append(partition)
    return read._replace(spans=spans, asked=tuple(dict.fromkeys(asked)), columns=own.schema)
