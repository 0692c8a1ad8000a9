"""Columns to columns: what each column of a table is computed from, down to the sources."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.lineage import Node, lineage

from nomad.errors import SqlFileError, UnknownName
from nomad.names import RAW, TableName, did_you_mean
from nomad.partition import COLUMN
from nomad.project import Project, Table
from nomad.schemas import Schemas
from nomad.sqlfile.references import parse_one, tables_in


@dataclass(frozen=True, order=True)
class ColumnName:
    """A column of a table or of a source."""

    table: TableName
    column: str

    def __str__(self) -> str:
        return f"{self.table}.{self.column}"


class Lineage:
    """Answers for a whole project; each query is taken apart once."""

    def __init__(self, project: Project, schemas: Schemas) -> None:
        self._project, self._schemas = project, schemas
        self._known: dict[TableName, dict[str, frozenset[ColumnName]]] = {}

    def columns(self, table: TableName) -> tuple[str, ...]:
        """Name the columns of a table, in order."""
        if table.layer == RAW:
            return tuple(c.name for c in self._schemas.columns(table) or ())
        return tuple(self._table(table))

    def inputs(self, column: ColumnName) -> frozenset[ColumnName]:
        """Name the columns that a column is computed from directly; none for a source's.

        Raises:
            UnknownName: the table has no such column.
            SqlFileError: the query can't be taken apart.
        """
        if column.table.layer == RAW:
            return frozenset()
        found = self._table(column.table)
        if column.column not in found:
            hint = did_you_mean(column.column, found) or f"it has: {', '.join(found)}"
            raise UnknownName(f"no column `{column.column}` in {column.table}", hint=hint)
        return found[column.column]

    def sources(self, column: ColumnName) -> frozenset[ColumnName]:
        """Follow a column down to what no query computes: columns of sources, as a rule."""
        seen: set[ColumnName] = set()
        ends: set[ColumnName] = set()
        edge = [column]
        while edge:
            current = edge.pop()
            if current in seen:
                continue
            seen.add(current)
            below = self.inputs(current) - {current}
            edge += below
            if not below and current != column:
                ends.add(current)
        return frozenset(ends)

    def _table(self, name: TableName) -> dict[str, frozenset[ColumnName]]:
        if name not in self._known:
            self._known[name] = self._taken_apart(self._project.tables[name])
        return self._known[name]

    def _taken_apart(self, table: Table) -> dict[str, frozenset[ColumnName]]:
        tree = self._qualified(table)
        try:
            found = lineage(None, tree, self._schema(table), dialect="duckdb")
        except SqlglotError as e:
            raise SqlFileError(
                f"its columns can't be traced: {str(e).splitlines()[0]}", where=table.sql.path
            ) from e
        columns = {c: frozenset(self._leaves(node, table)) for c, node in found.items()}
        if table.partitioned:
            columns.pop(COLUMN, None)
        return columns

    def _qualified(self, table: Table) -> exp.Expr:
        """Parse the query, each table by its full name."""
        tree = parse_one(table.sql.query, path=table.sql.path, first_line=table.sql.line)
        means = {(r.ref.schema.lower(), r.ref.name.lower()): r.table for r in table.reads}
        for node in list(tables_in(tree)):
            if target := means.get((node.db.lower(), node.name.lower())):
                alias = node.alias or node.name
                full = exp.table_(target.name.lower(), db=target.layer.lower(), alias=alias)
                for key in ("joins", "laterals", "pivots"):
                    full.set(key, node.args.get(key))
                node.replace(full)
        return tree

    def _schema(self, table: Table) -> dict[str, dict[str, dict[str, str]]]:
        schema: dict[str, dict[str, dict[str, str]]] = {}
        for name in table.queried:
            columns = self._columns(name, reader=table)
            if self._project.partitioned(name):
                columns[COLUMN] = "DATE"
            schema.setdefault(name.layer.lower(), {})[name.name.lower()] = columns
        return schema

    def _columns(self, name: TableName, *, reader: Table) -> dict[str, str]:
        """Name an input's columns and types; before anything is extracted, by its own text."""
        known = self._schemas.columns(name)
        if known is not None or name.layer == RAW:
            return {c.name: c.type for c in known or ()}
        own = name == reader.name
        return dict.fromkeys(reader.sql.outputs if own else self._table(name), "VARCHAR")

    def _leaves(self, node: Node, table: Table) -> Iterator[ColumnName]:
        means = {str(i).lower(): i for i in table.queried}
        for found in node.walk():
            source = found.expression
            if isinstance(source, exp.Table):
                name = means.get(f"{source.db}.{source.name}".lower())
                column = found.name.rsplit(".", 1)[-1].strip('"')
                if name is not None and column != COLUMN:
                    yield ColumnName(name, self._spelled(name, column))

    def _spelled(self, table: TableName, column: str) -> str:
        """Give a column's name as the table spells it."""
        names = {c.name.lower(): c.name for c in self._schemas.columns(table) or ()}
        return names.get(column.lower(), column)
