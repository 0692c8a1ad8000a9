"""Columns to columns: what each column of a table is computed from, down to the sources."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.lineage import Node, lineage

from nomad.errors import SqlFileError, UnknownName
from nomad.names import RAW, TableName, did_you_mean
from nomad.partitions import COLUMN
from nomad.plan.schemas import Schemas
from nomad.project.project import Project, Table
from nomad.sqlfile.references import parse_one, tables_in


@dataclass(frozen=True, order=True)
class ColumnName:
    """A column of a table or of a source."""

    table: TableName
    column: str

    def __str__(self) -> str:
        return f"{self.table}.{self.column}"


class Trace(NamedTuple):
    """What a column is computed from directly; `untraced` says why that can't be told."""

    inputs: frozenset[ColumnName] = frozenset()
    untraced: str = ""


class Lineage:
    """Answers for a whole project; each query is taken apart once.

    What can't be traced for sure is said to be so; what reads it is traced down to there.
    """

    def __init__(self, project: Project, schemas: Schemas) -> None:
        self._project, self._schemas = project, schemas
        self._known: dict[TableName, dict[str, Trace]] = {}

    def columns(self, table: TableName) -> tuple[str, ...]:
        """Name the columns of a table, in order."""
        if table.layer == RAW:
            return tuple(c.name for c in self._schemas.columns(table) or ())
        return tuple(self._table(table))

    def column(self, table: TableName, word: str) -> ColumnName:
        """Find the column that a word means, whatever its case.

        Raises:
            UnknownName: the table has no such column.
        """
        names = self.columns(table)
        found = [n for n in names if n == word] or [n for n in names if n.lower() == word.lower()]
        if not found and (names or table.layer != RAW):
            hint = did_you_mean(word, names) or f"it has: {', '.join(names)}"
            raise UnknownName(f"no column `{word}` in {table}", hint=hint)
        return ColumnName(table, found[0] if found else word)

    def inputs(self, column: ColumnName) -> frozenset[ColumnName]:
        """Name the columns that a column is computed from directly; none for a source's."""
        return self._trace(column).inputs

    def untraced(self, column: ColumnName) -> str:
        """Say why it can't be told what a column is computed from; empty where it can."""
        return self._trace(column).untraced

    def _trace(self, column: ColumnName) -> Trace:
        if column.table.layer == RAW:
            return Trace()
        return self._table(column.table)[column.column]

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

    def _table(self, name: TableName) -> dict[str, Trace]:
        if name not in self._known:
            self._known[name] = self._taken_apart(self._project.tables[name])
        return self._known[name]

    def _taken_apart(self, table: Table) -> dict[str, Trace]:
        """Trace each column by its place in the query; its name is the one the table has."""
        real = [c.name for c in self._schemas.columns(table.name) or ()]
        try:
            found = self._by_text(table)
        except (SqlglotError, SqlFileError) as e:
            names = real or [c for c in table.sql.outputs if c.lower() != COLUMN]
            if not names:
                what = f"its columns can't be traced: {str(e).splitlines()[0]}"
                hint = "`nomad graph` shows what each table reads"
                raise SqlFileError(what, where=table.sql.path, hint=hint) from e
            return dict.fromkeys(names, Trace(untraced=str(e).splitlines()[0]))
        if not real:
            spelled = {c.lower(): c for c in table.sql.outputs}
            return {spelled.get(c.lower(), c): trace for c, trace in found.items()}
        if len(real) == len(found):
            return dict(zip(real, found.values(), strict=True))
        by_name = {c.lower(): trace for c, trace in found.items()}
        lost = Trace(untraced="the query's text doesn't name it")
        return {c: by_name.get(c.lower(), lost) for c in real}

    def _by_text(self, table: Table) -> dict[str, Trace]:
        tree = self._qualified(table)
        found = lineage(None, tree, self._schema(table), dialect="duckdb")
        columns = {c: self._traced(node, table) for c, node in found.items()}
        if table.partitioned:
            columns.pop(COLUMN, None)
        return columns

    def _qualified(self, table: Table) -> exp.Expr:
        """Parse the query, each table by its full name, and temporary tables as its CTEs."""
        tree = parse_one(table.sql.query, path=table.sql.path, first_line=table.sql.line)
        if isinstance(tree, exp.Query):
            tree = _with_temporaries(tree, table)
        if obstacle := next((name for name, kind in _UNTRACED if _has(tree, kind)), None):
            raise SqlFileError(f"columns are not traced through {obstacle}")
        means = {
            (ref.schema.lower(), ref.name.lower()): name
            for name, refs in table.query.reads.items()
            for ref in refs
        }
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
        for name in table.query.tables:
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

    def _traced(self, node: Node, table: Table) -> Trace:
        try:
            return Trace(frozenset(self._leaves(node, table)))
        except UnknownName as e:
            return Trace(untraced=e.what)

    def _leaves(self, node: Node, table: Table) -> Iterator[ColumnName]:
        means = {str(i).lower(): i for i in table.query.tables}
        for found in node.walk():
            source = found.expression
            if isinstance(source, exp.Table):
                name = means.get(f"{source.db}.{source.name}".lower())
                column = _last_part(found.name)
                if name == table.name and column != COLUMN:
                    yield ColumnName(name, _spelled(table, column))
                elif name is not None and column != COLUMN:
                    yield self.column(name, column)


_QUOTED = re.compile(r'"((?:[^"]|"")*)"$')


def _last_part(name: str) -> str:
    """Give the column of a dotted name.

    Example:
        >>> _last_part("t.a"), _last_part('t."max(""a.b"")"')
        ('a', 'max("a.b")')
    """
    quoted = _QUOTED.search(name)
    return quoted[1].replace('""', '"') if quoted else name.rsplit(".", 1)[-1]


def _spelled(table: Table, column: str) -> str:
    """Give a column's name as the table itself spells it."""
    return next((c for c in table.sql.outputs if c.lower() == column.lower()), column)


def _with_temporaries(tree: exp.Query, table: Table) -> exp.Query:
    """Put what a file makes before its query in front of it, as CTEs.

    Raises:
        SqlFileError: a statement does something else to a table of its own.
    """
    made: list[exp.CTE] = []
    for text in table.sql.setup:
        statement = parse_one(text, path=table.sql.path)
        if isinstance(statement, exp.Insert | exp.Update | exp.Delete):
            raise SqlFileError("columns are not traced through INSERT, UPDATE or DELETE")
        if not (isinstance(statement, exp.Create) and statement.kind in ("TABLE", "VIEW")):
            continue
        name = statement.find(exp.Table)
        if name is not None and isinstance(statement.expression, exp.Query):
            alias = exp.TableAlias(this=exp.to_identifier(name.name))
            made.append(exp.CTE(this=statement.expression.copy(), alias=alias))
    if made:
        clause = tree.args.get("with_")
        own = list(clause.expressions) if clause else []
        tree.set("with_", exp.With(expressions=[*made, *own]))
    return tree


def _has(tree: exp.Expr, kind: Callable[[exp.Expr], object]) -> bool:
    return any(kind(node) for node in tree.walk())


def _renames(node: exp.Expr) -> bool:
    """Know `t as x(a, b)`; of a CTE the same is understood."""
    alias = node.args.get("alias")
    return isinstance(node, exp.Table | exp.Subquery) and bool(alias and alias.args.get("columns"))


_UNTRACED: tuple[tuple[str, Callable[[exp.Expr], object]], ...] = (
    ("PIVOT or UNPIVOT", lambda node: isinstance(node, exp.Pivot)),
    ("LATERAL", lambda node: isinstance(node, exp.Lateral)),
    ("UNION BY NAME", lambda node: isinstance(node, exp.SetOperation) and node.args.get("by_name")),
    ("COLUMNS(…)", lambda node: isinstance(node, exp.Columns)),
    ("VALUES", lambda node: isinstance(node, exp.Values)),
    ("columns that are renamed by a table's alias", _renames),
)
"""What sqlglot traces to the wrong column, or to none."""
