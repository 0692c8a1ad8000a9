"""What each table's columns are or will be. Which days of it a query reads, `inputs` says."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from nomad.errors import QueryFailed
from nomad.lake.lake import Lake
from nomad.names import RAW, TableName
from nomad.partitions import COLUMN, Partition
from nomad.plan.pruning import ANY_DAY, Pruner, Relation, Relations
from nomad.project.project import Project, Table
from nomad.project.references import Query
from nomad.schema import Column

Columns = Callable[[TableName, Partition | None], tuple[Column, ...] | None]
"""Names the columns of a table or source as they are for a date (None: the latest), if known."""


def describe_inputs(
    project: Project, query: Query, columns: Columns, *, near: Partition | None = None
) -> Relations | None:
    """Describe the inputs of a query as it sees them; `near` is the date it runs for."""
    relations: dict[TableName, Relation] = {}
    for name in query.tables:
        schema = columns(name, near)
        if schema is None:
            return None
        relations[name] = describe_input(project, query, name, schema)
    return relations


def describe_input(
    project: Project, query: Query, name: TableName, schema: tuple[Column, ...]
) -> Relation:
    """Describe one input of a query as it sees that."""
    return Relation(query.spellings(name), schema, project.partitioned(name))


def without_dt(columns: Iterable[Column], *, partitioned: bool) -> tuple[Column, ...]:
    """Leave out the column that is in the path."""
    return tuple(c for c in columns if not (partitioned and c.name.lower() == COLUMN))


def settled(
    query: Query, bind: Callable[[tuple[Column, ...]], tuple[Column, ...] | None]
) -> tuple[Column, ...] | None:
    """Find the columns of a table that reads itself: of no type at first, until they settle.

    `bind` gives those of the query where its own table has the columns it is called with.
    """
    columns = tuple(Column(c, _UNTYPED) for c in query.sql.outputs if c.lower() != COLUMN)
    for _ in range(_MOST_TRIES):
        bound = bind(columns)
        if bound is None or bound == columns:
            return bound
        columns = bound
    return None


_UNTYPED = '"NULL"'
_MOST_TRIES = 8
"""Rounds of typing after which a table that reads itself is given up."""


class Schemas:
    """Answers from the manifests, or by binding a query that was never built to its inputs."""

    def __init__(self, project: Project, lake: Lake, pruner: Pruner) -> None:
        self._project, self._lake, self._pruner = project, lake, pruner
        self._known: dict[TableName, tuple[Column, ...] | None] = {}

    def columns(self, name: TableName, near: Partition | None = None) -> tuple[Column, ...] | None:
        """Name the columns of a table or source; None where they can't be known yet.

        Of the partitions that are published, the one of the date `near` tells, or else the latest.
        """
        if near is not None and (exact := self._published(name, near)):
            return exact
        if name not in self._known:
            self._known[name] = self._looked_up(name, near)
        return self._known[name]

    def _looked_up(self, name: TableName, near: Partition | None) -> tuple[Column, ...] | None:
        """Ask the query first where a date is wanted: that needs no look at the lake's folders."""
        if near is not None and self._project.partitioned(name):
            return self._derived(name, near) or self._published(name)
        return self._published(name) or self._derived(name)

    def _published(
        self, name: TableName, partition: Partition | None = None
    ) -> tuple[Column, ...] | None:
        partitioned = self._project.partitioned(name)
        if partition is None:
            manifest = self._lake.latest(name, partitioned=partitioned)
        else:
            asked = [partition] if partitioned else []
            manifest = next(iter(self._lake.readable(name, partitions=asked)), None)
        sql = self._project.tables[name].sql if name.layer != RAW else None
        if manifest is None or (sql and manifest.sql_hash != sql.sql_hash):
            return None
        return manifest.schema

    def _derived(self, name: TableName, near: Partition | None = None) -> tuple[Column, ...] | None:
        """Bind a query that was never built to its inputs' columns, to learn its own."""
        if name.layer == RAW:
            return None
        table = self._project.tables[name]
        others = describe_inputs(self._project, table.query.of_others, self.columns, near=near)
        if others is None:
            return None
        bind = self._of_itself if table.query.reads_itself else self._bound
        return bind(table, others)

    def _of_itself(self, table: Table, others: Relations) -> tuple[Column, ...] | None:
        """Bind a query that reads its own table, where its text names its columns."""

        def bind(columns: tuple[Column, ...]) -> tuple[Column, ...] | None:
            own = describe_input(self._project, table.query, table.name, columns)
            return self._bound(table, {**others, table.name: own}) if columns else None

        return settled(table.query, bind)

    def _bound(self, table: Table, inputs: Relations) -> tuple[Column, ...] | None:
        setup, query = table.sql.statements(ANY_DAY if table.partitioned else None)
        try:
            columns = self._pruner.schema(setup, query, inputs)
        except QueryFailed:
            return None
        return without_dt(columns, partitioned=table.partitioned)
