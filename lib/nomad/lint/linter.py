"""Faults by file, line and column, found without any data: each query bound to its inputs' columns.

What an input's columns are is told by its contract, its query, its manifest or its source's header.
A table of which that is not known, or that reads files, is left out, and so is what reads it.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Iterator, Sequence
from contextlib import suppress
from functools import cached_property
from typing import Any, NamedTuple

from nomad.build.stage import refuse_names
from nomad.cache import Cache
from nomad.engine.instance import Place
from nomad.engine.version import VERSION
from nomad.errors import CycleError, QueryFailed, Unreachable
from nomad.extract.base import OnDisk
from nomad.hashing import digest
from nomad.lint.contracts import Promises
from nomad.lint.finding import Finding, Rule, Severity, of_error, of_query, placed
from nomad.names import RAW, TableName
from nomad.partitions import Partition
from nomad.plan.full_scans import full_scans
from nomad.plan.inputs import Inputs
from nomad.plan.own_past import refuse_same_date
from nomad.plan.pruning import ANY_DAY, Relations
from nomad.plan.schemas import describe_input, describe_inputs, settled, without_dt
from nomad.project.project import Project, Table
from nomad.project.references import Query
from nomad.schema import Column
from nomad.workspace import Workspace

_FORMAT = "3"
"""Part of every key of the cache: raise it when rules change."""


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
                faults = self._kept(check.query).faults
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
        asks = table.query.reads_itself and not table.sql.volatile
        read = self._inputs.of_itself(table.query) if asks else None
        if read is None:
            return
        try:
            refuse_same_date(table, ANY_DAY, read.asked)
        except CycleError as e:
            yield from (f._replace(line=table.sql.line, rule=Rule.QUERY) for f in of_error(e))

    def _full_scans(self, table: Table) -> Iterator[Finding]:
        for scan in full_scans(self._project, table, self._cache, lambda: self._inputs):
            message = f"reads every partition of {scan.table}: {scan.why}"
            yield Finding(
                table.sql.path, table.sql.line, 1, Rule.FULL_SCAN, message, "", Severity.WARNING
            )

    @cached_property
    def _inputs(self) -> Inputs:
        """What queries read, by the columns that their inputs will have."""
        return Inputs(self._project, self._workspace.pruner, self._of_name)

    def _of_name(self, name: TableName, _near: Partition | None) -> tuple[Column, ...] | None:
        return self._columns.get(name)

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
        bound = self._kept(table.query, table)
        if table.contract and table.contract.complete:
            columns = tuple(Column(c.name, c.type) for c in table.contract.columns)
            return bound._replace(columns=without_dt(columns, partitioned=table.partitioned))
        return bound

    def _kept(self, query: Query, table: Table | None = None) -> _Bound:
        """Bind a query; what was bound before to the same columns is not bound again.

        `table` is what it builds, to be held against its contract; a check builds none.
        """
        inputs = describe_inputs(self._project, query.of_others if table else query, self._of_name)
        if inputs is None:
            return _Bound(None)
        if table.volatile if table else query.sql.volatile:
            return self._found(query, table, inputs)
        key = digest("lint", _FORMAT, VERSION, *_basis(query, table, inputs))
        if (kept := self._cache.get(key)) is None:
            bound = self._found(query, table, inputs)
            kept = [bound.columns and [tuple(c) for c in bound.columns], list(bound.faults)]
            self._cache.put(key, kept)
        return _from_body(*kept)

    def _found(self, query: Query, table: Table | None, inputs: Relations) -> _Bound:
        try:
            columns = self._columns_of(query, table, inputs)
        except Unreachable:
            return _Bound(None)
        except QueryFailed as e:
            return _Bound(None, () if _unknowable(e, query) else (of_query(e, query.sql),))
        if table is None or columns is None:
            return _Bound(columns)
        promises = Promises(
            table, columns, self._workspace.blank, self._columns, attached=self._attached
        )
        faults = tuple(promises.faults())
        return _Bound(without_dt(columns, partitioned=table.partitioned), faults)

    def _columns_of(
        self, query: Query, table: Table | None, inputs: Relations
    ) -> tuple[Column, ...] | None:
        """Bind a query; one that reads the table it builds, until its columns settle."""
        if table is None or not query.reads_itself:
            return self._bind(query, inputs)

        def bind(columns: tuple[Column, ...]) -> tuple[Column, ...]:
            own = describe_input(self._project, query, query.table, columns)
            bound = self._bind(query, {**inputs, query.table: own})
            return without_dt(bound, partitioned=table.partitioned)

        return settled(query, bind)

    def _attached(self, query: str) -> None:
        """Bind a query of no input to the attached databases, where they are up."""
        with suppress(Unreachable):
            self._workspace.pruner.schema((), query, {})

    def _bind(self, query: Query, inputs: Relations) -> tuple[Column, ...]:
        sql = query.sql
        setup, text = sql.statements(ANY_DAY if sql.partitioned else None)
        at = Place(sql.path, sql.line)
        columns = self._workspace.pruner.schema(setup, text, inputs, at=at)
        refuse_names(columns, sql)
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


def _unknowable(e: QueryFailed, query: Query) -> bool:
    """Tell of what is no fault of a query's text; a PIVOT's columns may depend on its rows."""
    without_rows = "SELECT list is empty" in e.what and "pivot" in query.sql.query.lower()
    return without_rows or bool(_OUTSIDE.search(e.what))


def _basis(query: Query, table: Table | None, inputs: Relations) -> Iterator[str]:
    """Name all that decides about what is found of a query."""
    yield from (query.sql.path, str(query.sql.line), *query.sql.setup, query.sql.query)
    yield from (f"{n} {r.fingerprint}" for n, r in sorted(inputs.items()))
    if table and table.contract:
        yield repr(table.contract)


def _from_body(columns: Sequence[Sequence[Any]] | None, faults: Sequence[Sequence[Any]]) -> _Bound:
    told = None if columns is None else tuple(Column(*c) for c in columns)
    return _Bound(told, tuple(Finding(*f) for f in faults))
