"""Faults by file, line and column, found without any data: each query bound to its inputs' columns.

What an input's columns are is told by its contract, its query, its manifest or its source's header.
A table of which that is not known, or that reads files, is left out, and so is what reads it.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import date
from typing import Any, NamedTuple

from nomad.build.stage import refuse_names
from nomad.cache import Cache
from nomad.dates import ALL, COLUMN
from nomad.engine.instance import Place
from nomad.engine.version import VERSION
from nomad.errors import CycleError, QueryFailed, Unreachable
from nomad.extract.base import OnDisk
from nomad.hashing import digest
from nomad.lint.contracts import Promises, without_dt
from nomad.lint.finding import Finding, Rule, Severity, of_error, of_query, placed
from nomad.names import RAW, TableName
from nomad.plan.full_scans import full_scans
from nomad.plan.own_past import refuse_same_date
from nomad.plan.pruning import Read, Relation, Relations
from nomad.plan.schemas import own_past
from nomad.project.project import Project, Table
from nomad.schema import Column
from nomad.workspace import Workspace

_FORMAT = "3"
"""Part of every key of the cache: raise it when rules change."""

_ANY_DAY = date(2000, 1, 1)
_UNTYPED = '"NULL"'
_MOST_TRIES = 8


def of_project(
    workspace: Workspace, tables: Iterable[TableName], *, strays: bool = False
) -> list[Finding]:
    """Look at some tables, and at the variables of the whole project.

    With `strays`, at the files as well that belong to no table.
    """
    wanted = set(tables)
    linter = _Linter(workspace)
    found = [f for name, f in linter.of_tables() if name in wanted]
    found += linter.of_variables()
    found += linter.of_outdated(wanted)
    found += [f for e in workspace.project.strays if strays for f in of_error(e)]
    return sorted(dict.fromkeys(placed(f, workspace.root) for f in found))


# Tables ----------------------------------------------------------------------------------------


class _Bound(NamedTuple):
    """What came of a table: its columns, where they are known, and its faults."""

    columns: tuple[Column, ...] | None
    faults: tuple[Finding, ...] = ()


class _Linter:
    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._project: Project = workspace.project
        self._cache: Cache = workspace.linted
        self._columns: dict[TableName, tuple[Column, ...] | None] = {}

    def of_tables(self) -> Iterator[tuple[TableName, Finding]]:
        """Give the faults of each table, in the project's order: inputs come first."""
        for source in self._project.config.sources.values():
            self._columns[TableName(RAW, source.name)] = self._of_source(source.name)
        for name in self._project.order:
            table = self._project.tables[name]
            if table.fault:
                self._columns[name] = None
                yield from ((name, f) for f in of_error(table.fault))
                continue
            bound = self._of_table(table)
            self._columns[name] = bound.columns
            for check in table.checks:
                seen = replace(table, sql=check.sql, reads=check.reads, contract=None, checks=())
                faults = self._kept(seen, own=False).faults
                yield from ((name, f._replace(rule=Rule.CHECK)) for f in faults)
            yield from ((name, f) for f in bound.faults)
            if not any(f.rule == Rule.QUERY for f in bound.faults):
                yield from ((name, f) for f in self._full_scans(table))
                yield from ((name, f) for f in self._same_date(table))

    def of_outdated(self, wanted: Container[TableName]) -> Iterator[Finding]:
        """Warn of words in contracts that have new names."""
        for name, table in self._project.tables.items():
            for e in table.contract.outdated if table.contract and name in wanted else ():
                yield from (f._replace(severity=Severity.WARNING) for f in of_error(e))

    def _same_date(self, table: Table) -> Iterator[Finding]:
        """Tell of a table that asks itself for the date it writes, as its build would."""
        relations = self._relations(table, own=False) if table.reads_own_past else None
        if relations is None or table.sql.volatile:
            return
        statements = table.sql.statements(_ANY_DAY)
        read = self._workspace.pruner.read(*statements, table.name, relations)
        asked = own_past(read, _ANY_DAY, relations[table.name]).asked
        try:
            refuse_same_date(table, _ANY_DAY, asked)
        except CycleError as e:
            yield from (f._replace(line=table.sql.line, rule=Rule.QUERY) for f in of_error(e))

    def _full_scans(self, table: Table) -> Iterator[Finding]:
        cache = self._cache
        for scan in full_scans(self._project, table, cache, lambda: self._reads(table)):
            message = f"reads every partition of {scan.table}: {scan.why}"
            yield Finding(
                table.sql.path, table.sql.line, 1, Rule.FULL_SCAN, message, "", Severity.WARNING
            )

    def _reads(self, table: Table) -> tuple[Read, ...] | None:
        """Say what a query reads for some date, by the columns that its inputs will have."""
        relations = self._relations(table, own=False)
        if relations is None:
            return None
        statements = table.sql.statements(_ANY_DAY)
        return tuple(
            Read(n, ALL)
            if table.sql.volatile
            else self._workspace.pruner.read(*statements, n, relations)
            for n in table.queried
            if self._project.partitioned(n)
        )

    def _of_source(self, name: str) -> tuple[Column, ...] | None:
        table = TableName(RAW, name)
        try:
            dated = self._project.partitioned(table)
            if (found := self._workspace.lake.latest(table, partitioned=dated)) is not None:
                return found.schema
        except Unreachable:
            pass
        source = self._project.config.sources[name]
        connector = self._workspace.connectors[source.connector]
        if not isinstance(connector, OnDisk):
            return None
        return connector.header(source, self._project.root)

    def _of_table(self, table: Table) -> _Bound:
        bound = self._kept(table, own=table.reads_own_past)
        if table.contract and table.contract.complete:
            told = tuple(Column(c.name, c.type) for c in table.contract.columns)
            return bound._replace(columns=without_dt(told, table))
        return bound

    def _kept(self, table: Table, *, own: bool) -> _Bound:
        """Bind a query; what was bound before to the same columns is not bound again."""
        relations = self._relations(table, own=own)
        if relations is None:
            return _Bound(None)
        if table.volatile:
            return self._found(table, relations, own=own)
        key = digest("lint", _FORMAT, VERSION, *_basis(table, relations))
        if (kept := self._cache.get(key)) is None:
            bound = self._found(table, relations, own=own)
            kept = [bound.columns and [tuple(c) for c in bound.columns], list(bound.faults)]
            self._cache.put(key, kept)
        return _from_body(*kept)

    def _relations(self, table: Table, *, own: bool) -> dict[TableName, Relation] | None:
        found: dict[TableName, Relation] = {}
        for name in table.queried:
            if name == table.name and own:
                continue
            columns = self._columns.get(name)
            if columns is None:
                return None
            found[name] = self._relation(table, name, columns)
        return found

    def _relation(self, table: Table, name: TableName, columns: tuple[Column, ...]) -> Relation:
        spelled = tuple((r.ref.schema, r.ref.name) for r in table.reads if r.table == name)
        return Relation(spelled, columns, self._project.partitioned(name))

    def _found(self, table: Table, relations: Relations, *, own: bool) -> _Bound:
        try:
            columns = self._settled(table, relations) if own else self._bind(table, relations)
        except Unreachable:
            return _Bound(None)
        except QueryFailed as e:
            return _Bound(None, () if _unknowable(e, table) else (of_query(e, table),))
        promises = Promises(
            table, columns, self._workspace.blank, self._columns, attached=self._attached
        )
        return _Bound(without_dt(columns, table), tuple(promises.faults()))

    def _attached(self, query: str) -> None:
        """Bind a query of no input to the attached databases, where they are up."""
        with suppress(Unreachable):
            self._workspace.pruner.schema((), query, {})

    def _bind(self, table: Table, relations: Relations) -> tuple[Column, ...]:
        setup, query = table.sql.statements(_ANY_DAY if table.partitioned else None)
        at = Place(table.sql.path, table.sql.line)
        columns = self._workspace.pruner.schema(setup, query, relations, at=at)
        refuse_names(columns, table)
        return columns

    def _settled(self, table: Table, relations: Relations) -> tuple[Column, ...]:
        """Bind a query that reads its own table: of no type at first, until its columns settle."""
        columns = tuple(Column(c, _UNTYPED) for c in table.sql.outputs if c.lower() != COLUMN)
        for _ in range(_MOST_TRIES):
            own = self._relation(table, table.name, columns)
            found = without_dt(self._bind(table, {**relations, table.name: own}), table)
            if found == columns:
                break
            columns = found
        return columns

    def of_variables(self) -> Iterator[Finding]:
        """Name the variables of nomad.yaml that nothing reads."""
        config = self._project.config
        used = {m.upper() for text in self._texts() for m in _USE.findall(text)}
        origins = {k.upper(): origin for k, origin in config.origins.items()}
        for name in config.vars:
            file, _, line = origins.get(f"VARS.{name}", "").rpartition(":")
            if file and name not in used:
                message = f"nothing reads the variable `{name.lower()}`"
                hint = f"write $<{name}> where it is meant, or take it out"
                yield Finding(file, int(line), 1, Rule.VARIABLE, message, hint, Severity.WARNING)

    def _texts(self) -> Iterator[str]:
        root = self._project.root
        for pattern in ("sql/**/*.sql", "sql/**/*.y*ml", "nomad.yaml"):
            for path in root.glob(pattern):
                try:
                    yield path.read_text(encoding="utf-8", errors="replace")
                except OSError:
                    continue


_USE = re.compile(r"\$[<{]([A-Za-z_]\w*)")
_OUTSIDE = re.compile(
    r"Cannot (access|open) |No files found|[Nn]o such file|IO Error|HTTP |none that a query may"
)
"""What a query that reads files says where they are not to be had: no fault of its text."""


def _unknowable(e: QueryFailed, table: Table) -> bool:
    """Tell of what is no fault of a query's text; a PIVOT's columns may depend on its rows."""
    without_rows = "SELECT list is empty" in e.what and "pivot" in table.sql.query.lower()
    return without_rows or bool(_OUTSIDE.search(e.what))


def _basis(table: Table, relations: Relations) -> Iterator[str]:
    """Name all that decides about what is found of a table."""
    yield from (table.sql.path, str(table.sql.line), *table.sql.setup, table.sql.query)
    yield from (f"{n} {r.fingerprint}" for n, r in sorted(relations.items()))
    if table.contract:
        yield repr(table.contract)


def _from_body(columns: Sequence[Sequence[Any]] | None, faults: Sequence[Sequence[Any]]) -> _Bound:
    told = None if columns is None else tuple(Column(*c) for c in columns)
    return _Bound(told, tuple(Finding(*f) for f in faults))
