"""The tables and sources of a folder, and their graph."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from graphlib import CycleError as GraphCycle
from graphlib import TopologicalSorter
from pathlib import Path

from nomad.cache import Cache
from nomad.config.config import Config
from nomad.config.sources import SourceConfig
from nomad.contract.contract import MERGE, Contract
from nomad.errors import ConfigError, CycleError, Misuse, NomadError, SqlFileError, UnknownName
from nomad.hashing import digest
from nomad.names import RAW, TableName, nearest
from nomad.project import contracts as found
from nomad.project.contracts import CHECKS, Check
from nomad.project.naming import SQL, named, sql_files
from nomad.project.parse_pool import Parsed
from nomad.project.reading import Reader, shown, unread
from nomad.project.references import Index, Query
from nomad.sqlfile.file import CatalogMacro, Opinion, SqlFile, names_date, no_opinion
from nomad.sqlfile.limits import limited


@dataclass(frozen=True)
class Table:
    """One table of the project: the query that builds it, and what is promised of its rows.

    `fault` is what keeps it from being built: its file, its contract or a check of it is broken;
    `foreign` is the attached database that a condition of its contract reads.
    """

    query: Query
    contract: Contract | None = None
    related: tuple[tuple[str, TableName], ...] = ()
    checks: tuple[Check, ...] = ()
    fault: NomadError | None = None
    foreign: str | None = None

    @property
    def name(self) -> TableName:
        """Its name."""
        return self.query.table

    @property
    def sql(self) -> SqlFile:
        """Its file."""
        return self.query.sql

    @property
    def volatile(self) -> str | None:
        """Why its rows, or what is thought of them, may change though no input did, or None."""
        told = f"its contract reads {self.foreign}, which is not tracked" if self.foreign else None
        return self.sql.volatile or told

    @cached_property
    def contract_hash(self) -> str:
        """Tells what its contract and its checks are; empty without any."""
        own = [self.contract.fingerprint()] if self.contract else []
        parts = [*own, *(c.fingerprint() for c in self.checks)]
        return digest(*parts) if parts else ""

    @property
    def partitioned(self) -> bool:
        """Whether it is built one date at a time."""
        return self.sql.partitioned

    @cached_property
    def limited(self) -> bool:
        """Whether a join may stand above a LIMIT: in its query, its contract or a check of it."""
        tests = self.contract.tests if self.contract else ()
        said = (str(text) for t in tests for text in (t.where, *t.words.values()))
        files = (self.sql, *(c.sql for c in self.checks))
        return any(limited(f.setup, f.query) for f in files) or limited(said, "")

    @property
    def texts(self) -> tuple[str, ...]:
        """All that is said where it is built and judged: statements, contract and checks."""
        files = (self.sql, *(c.sql for c in self.checks))
        return (repr(self.contract), *(text for f in files for text in (*f.setup, f.query)))

    @property
    def inputs(self) -> tuple[TableName, ...]:
        """The tables its query, its contract and its checks read, each once."""
        checked = (name for c in self.checks for name in c.query.tables)
        others = [n for n in (*(n for _, n in self.related), *checked) if n != self.name]
        return tuple(dict.fromkeys((*self.query.tables, *others)))

    @property
    def description(self) -> str:
        """What the SQL file's head says of it, or else its contract."""
        return self.sql.description or (self.contract.description if self.contract else "")


@dataclass(frozen=True)
class Project:
    """All tables and sources of one folder.

    `strays` are faults of files that belong to no table; the `variables` are those it is read with.
    """

    config: Config
    tables: Mapping[TableName, Table]
    strays: tuple[NomadError, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)

    @property
    def faults(self) -> tuple[NomadError, ...]:
        """All that is broken, each told once, and the contracts' outdated words."""
        of_tables = (self.tables[n].fault for n in sorted(self.tables))
        outdated = found.outdated(t.contract for t in self.tables.values())
        told = {str(e): e for e in (*of_tables, *self.strays, *outdated) if e is not None}
        return tuple(told.values())

    @property
    def root(self) -> Path:
        """The project's folder."""
        return self.config.root

    def partitioned(self, name: TableName) -> bool:
        """Tell whether a table or a source has one partition a date."""
        if name.layer == RAW:
            return source_is_partitioned(self.config.sources[name.name], self.variables)
        return self.tables[name].partitioned

    @cached_property
    def order(self) -> tuple[TableName, ...]:
        """Every table after those it reads; tables of equal rank by name."""
        return tuple(n for n in _sorted(self._graph) if n in self.tables)

    @cached_property
    def _graph(self) -> dict[TableName, list[TableName]]:
        return {
            t.name: [i for i in t.inputs if i != t.name]
            for t in sorted(self.tables.values(), key=lambda t: t.name)
        }

    def sources_of(self, name: TableName) -> tuple[TableName, ...]:
        """Name the partitioned sources that a table descends from."""
        return self._sources[name]

    @cached_property
    def _sources(self) -> dict[TableName, tuple[TableName, ...]]:
        found: dict[TableName, dict[TableName, None]] = {}
        for name in self.order:
            below: dict[TableName, None] = {}
            for i in self._graph[name]:
                is_source = i.layer == RAW and self.partitioned(i)
                below |= {i: None} if is_source else found.get(i, {})
            found[name] = below
        return {n: tuple(s) for n, s in found.items()}

    @cached_property
    def readers(self) -> Mapping[TableName, tuple[TableName, ...]]:
        """For each table or source, the tables that read it."""
        found: dict[TableName, list[TableName]] = {}
        for name, inputs in self._graph.items():
            for i in inputs:
                found.setdefault(i, []).append(name)
        return {k: tuple(v) for k, v in found.items()}


def source_is_partitioned(source: SourceConfig, variables: Mapping[str, str]) -> bool:
    """Tell whether a source delivers by date: its options use the date, or rows have one."""
    if source.options.get("dt"):
        return True
    texts = [str(v) for name, v in source.options.items() if name != "complete"]
    return any(names_date(text, variables) for text in texts)


def load(
    config: Config,
    *,
    cache: Cache,
    opinion: Opinion = no_opinion,
    variables: Mapping[str, str] | None = None,
    processes: int = 0,
    macros: Sequence[CatalogMacro] = (),
) -> Project:
    """Read every SQL file of a project. What is broken is a fault of its table, and of no other.

    `variables` (names in upper case) stand in for those of `nomad.yaml`; `opinion` is how
    DuckDB parses queries. New files are parsed in so many `processes` of their own. They may
    call the `macros` of the catalog.
    """
    known = config.vars if variables is None else variables
    files, faults, strays = named(config)
    reader = Reader(config.root, known, cache, opinion, processes, macros)
    parsed = dict(zip(files, reader.read(list(files.values())), strict=True))
    index = Index(files, config)
    tables = {n: _table(n, sql, index, config, files[n]) for n, sql in parsed.items()}
    tables |= {n: replace(tables[n], fault=fault) for n, fault in faults.items()}
    tables, more = _with_contracts(tables, files, index, reader)
    tables = {n: _without_itself(t) for n, t in tables.items()}
    return _without_cycles(Project(config, tables, (*strays, *more), known))


def _table(name: TableName, sql: Parsed, index: Index, config: Config, path: Path) -> Table:
    """Put a table together; what reads an attached database may change without our knowing.

    The time zone counts as part of the SQL: what a text or a date means may hang on it.
    """
    if not isinstance(sql, SqlFile):
        return Table(Query(name, unread(path, config.root)), fault=sql)
    if config.timezone:
        sql = sql._replace(sql_hash=digest(sql.sql_hash, config.timezone))
    try:
        query = index.query(name, sql)
    except UnknownName as e:
        return Table(Query(name, sql), fault=e)
    if foreign := index.foreign(sql):
        sql = sql._replace(volatile=sql.volatile or f"reads {foreign}, which is not tracked")
    elif called := index.calls(sql):
        sql = sql._replace(volatile=sql.volatile or f"calls {called}, which may read anything")
    return Table(replace(query, sql=sql))


def _with_contracts(
    tables: Mapping[TableName, Table],
    files: Mapping[TableName, Path],
    index: Index,
    reader: Reader,
) -> tuple[dict[TableName, Table], list[NomadError]]:
    """Give each table its contract and its checks, if they fit; and what fits no table."""
    folder = reader.root / SQL
    contracts, faults, strays = found.contracts(folder, reader.root, files, reader.cache)
    checks: dict[TableName, dict[str, SqlFile]] = {}
    paths = sql_files(folder / CHECKS)
    given = {s for m in reader.macros for s in m.statements}
    for path, sql in zip(paths, reader.read(paths), strict=True):
        try:
            name, fact = found.of_table(path.stem, files, shown(path, reader.root))
        except SqlFileError as e:
            strays.append(e)
            continue
        if isinstance(sql, SqlFile) and (fault := found.unfit_as_check(sql, given)):
            faults.setdefault(name, fault)
        elif isinstance(sql, SqlFile):
            checks.setdefault(name, {})[fact] = sql
        else:
            faults.setdefault(name, sql)
    return {
        n: _contracted(t, contracts.get(n), checks.get(n, {}), index, faults.get(n))
        for n, t in tables.items()
    }, strays


def _contracted(
    table: Table,
    contract: Contract | None,
    checks: Mapping[str, SqlFile],
    index: Index,
    fault: NomadError | None,
) -> Table:
    if table.fault or fault:
        return replace(table, fault=table.fault or fault)
    if not contract and not checks:
        return table
    try:
        if contract and contract.strategy == MERGE and table.partitioned:
            raise ConfigError(
                "`strategy: merge` is for full tables; a partition is replaced whole",
                where=contract.path,
            )
        return replace(
            table,
            contract=contract,
            foreign=index.foreign_in(contract.conditions) if contract else None,
            related=found.related(table.name, contract, index),
            checks=tuple(
                found.checks(table.name, checks, index, contract, partitioned=table.partitioned)
            ),
        )
    except NomadError as e:
        return replace(table, fault=e)


def _without_itself(table: Table) -> Table:
    """See that only a table by date reads itself."""
    if table.partitioned or not table.query.reads_itself:
        return table
    fault = CycleError(
        f"`{table.name}` reads itself",
        where=table.sql.path,
        hint="a table may read its own earlier partitions: dt < '$<PARTITION_DATE>'",
    )
    return _cut(table, table.fault or fault)


def _without_cycles(project: Project) -> Project:
    """Take tables that need each other out of the graph, as broken ones."""
    while True:
        try:
            _ = project.order
        except GraphCycle as e:
            names = e.args[1]
            cycle = " → ".join(str(n) for n in reversed(names))
            first = project.tables[names[0]]
            line = next((f":{r.line}" for r in first.query.reads.get(names[-2], ())), "")
            fault = CycleError(
                f"these tables need each other: {cycle}",
                where=f"{first.sql.path}{line}",
                hint="read an earlier layer instead, or put what both need into a table of its own",
            )
            cut = {n: replace(_cut(project.tables[n], fault), related=(), checks=()) for n in names}
            project = replace(project, tables={**project.tables, **cut})
        else:
            return project


def _cut(table: Table, fault: NomadError) -> Table:
    """Give a broken table that reads nothing."""
    return replace(table, query=Query(table.name, table.sql), fault=fault)


# Order ----------------------------------------------------------------------------------------


def _sorted(graph: Mapping[TableName, Iterable[TableName]]) -> list[TableName]:
    sorter = TopologicalSorter(graph)
    sorter.prepare()
    order: list[TableName] = []
    while sorter.is_active():
        ready = sorted(sorter.get_ready())
        order += ready
        sorter.done(*ready)
    return order


def find(project: Project, word: str) -> TableName:
    """Name the table or source that a user's word means: `dwd.x`, or just `x`.

    Raises:
        UnknownName: there is none; the hint has the nearest names.
    """
    names = [*project.tables, *(TableName(RAW, s) for s in project.config.sources)]
    hits = [n for n in names if word.lower() in (str(n).lower(), n.name.lower())]
    if len(hits) == 1:
        return hits[0]
    if hits:
        raise Misuse(f"`{word}` may mean {' or '.join(f'`{n}`' for n in hits)}", hint="write one")
    near = nearest(word, [str(n) for n in names] + [n.name for n in names])
    raise UnknownName(
        f"no table `{word}`",
        hint=f"did you mean {', '.join(f'`{n}`' for n in near)}?" if near else "see `nomad ls`",
    )
