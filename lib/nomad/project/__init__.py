"""The tables and sources of a folder, and their graph."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from graphlib import CycleError as GraphCycle
from graphlib import TopologicalSorter
from pathlib import Path

from nomad.cache import Cache
from nomad.config import Config
from nomad.config.sources import SourceConfig
from nomad.contract import MERGE, Contract
from nomad.errors import ConfigError, CycleError, Misuse, SqlFileError, UnknownName
from nomad.manifest import digest
from nomad.names import RAW, TableName, is_plain, nearest
from nomad.project import contracts as found
from nomad.project.contracts import CHECKS, Check
from nomad.project.reading import Reader, shown, sound
from nomad.project.references import Index, Reading
from nomad.sqlfile import DATE, CatalogMacro, Opinion, SqlFile, no_opinion

SQL = "sql"


@dataclass(frozen=True)
class Table:
    """One table of the project: its name, its parsed file and what that reads."""

    name: TableName
    sql: SqlFile
    reads: tuple[Reading, ...]
    contract: Contract | None = None
    related: tuple[tuple[str, TableName], ...] = ()
    checks: tuple[Check, ...] = ()

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

    @property
    def queried(self) -> tuple[TableName, ...]:
        """The tables its query reads, itself included where it reads its own past, each once."""
        return tuple(dict.fromkeys(r.table for r in self.reads))

    @property
    def inputs(self) -> tuple[TableName, ...]:
        """The tables its query, its contract and its checks read, each once."""
        checked = (r.table for c in self.checks for r in c.reads)
        others = [n for n in (*(n for _, n in self.related), *checked) if n != self.name]
        return tuple(dict.fromkeys((*self.queried, *others)))

    @property
    def description(self) -> str:
        """What the SQL file's head says of it, or else its contract."""
        return self.sql.description or (self.contract.description if self.contract else "")

    @property
    def reads_own_past(self) -> bool:
        """Whether it reads partitions of its own."""
        return self.name in self.queried


@dataclass(frozen=True)
class Project:
    """All tables and sources of one folder."""

    config: Config
    tables: Mapping[TableName, Table]

    @property
    def root(self) -> Path:
        """The project's folder."""
        return self.config.root

    def partitioned(self, name: TableName) -> bool:
        """Tell whether a table or a source has one partition a date."""
        if name.layer == RAW:
            return source_is_partitioned(self.config.sources[name.name])
        return self.tables[name].partitioned

    @cached_property
    def order(self) -> tuple[TableName, ...]:
        """Every table after those it reads; tables of equal rank by name.

        Raises:
            CycleError: tables that need each other; the message prints the cycle.
        """
        files = {n: t.sql.path for n, t in self.tables.items()}
        return tuple(n for n in _sorted(self._graph, files) if n in self.tables)

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


def source_is_partitioned(source: SourceConfig) -> bool:
    """Tell whether a source delivers by date: its options use the date."""
    marks = (f"$<{DATE}>", f"$<{DATE}:", f"${{{DATE}}}")
    return any(m in str(v).upper() for v in source.options.values() for m in marks)


def load(
    config: Config,
    *,
    cache: Cache,
    opinion: Opinion = no_opinion,
    variables: Mapping[str, str] | None = None,
    processes: int = 0,
    macros: Sequence[CatalogMacro] = (),
) -> Project:
    """Read every SQL file of a project.

    `variables` (names in upper case) stand in for those of `nomad.yaml`; `opinion` is how
    DuckDB parses queries. New files are parsed in so many `processes` of their own. They may
    call the `macros` of the catalog.

    Raises:
        SqlFileError: a file can't be understood.
        UnknownName: a reference to a table that does not exist.
        CycleError: tables that need each other.
    """
    known = config.vars if variables is None else variables
    files = {name: path for path in _paths(config.root) for name in [_name(path, config)]}
    _refuse_twins(config)
    reader = Reader(config.root, known, cache, opinion, processes, macros)
    parsed = dict(zip(files, sound(reader.read(list(files.values()))), strict=True))
    index = Index(files, config)
    tables = {n: _table(n, sql, index, config.timezone) for n, sql in parsed.items()}
    tables = _with_contracts(tables, files, index, reader)
    for table in tables.values():
        _refuse_self(table)
    project = Project(config, tables)
    _ = project.order
    return project


def _table(name: TableName, sql: SqlFile, index: Index, timezone: str | None) -> Table:
    """Put a table together; what reads an attached database may change without our knowing.

    The time zone counts as part of the SQL: what a text or a date means may hang on it.
    """
    readings = tuple(index.readings(sql))
    if timezone:
        sql = sql._replace(sql_hash=digest(sql.sql_hash, timezone))
    if foreign := index.foreign(sql):
        sql = sql._replace(volatile=sql.volatile or f"reads {foreign}, which is not tracked")
    return Table(name, sql, readings)


def _with_contracts(
    tables: Mapping[TableName, Table],
    files: Mapping[TableName, Path],
    index: Index,
    reader: Reader,
) -> dict[TableName, Table]:
    """Give each table its contract and its checks, and see that they fit."""
    folder = reader.root / SQL
    contracts = found.contracts(folder, reader.root, files, reader.cache)
    checks: dict[TableName, dict[str, SqlFile]] = {}
    paths = sorted((folder / CHECKS).rglob("*.sql"))
    owners = [found.of_table(p.stem, files, shown(p, reader.root)) for p in paths]
    parsed = sound(replace(reader, macros=()).read(paths))
    for (name, fact), sql in zip(owners, parsed, strict=True):
        checks.setdefault(name, {})[fact] = sql
    return {
        n: _contracted(t, contracts.get(n), checks.get(n, {}), index) for n, t in tables.items()
    }


def _contracted(
    table: Table, contract: Contract | None, checks: Mapping[str, SqlFile], index: Index
) -> Table:
    if contract and contract.strategy == MERGE and table.partitioned:
        raise ConfigError(
            "`strategy: merge` is for full tables; a partition is replaced whole",
            where=contract.path,
        )
    if not contract and not checks:
        return table
    return replace(
        table,
        contract=contract,
        related=found.related(table.name, contract, index),
        checks=tuple(found.checks(checks, index, contract, partitioned=table.partitioned)),
    )


def _refuse_self(table: Table) -> None:
    if table.reads_own_past and not table.partitioned:
        raise CycleError(
            f"`{table.name}` reads itself",
            where=table.sql.path,
            hint="a table may read its own earlier partitions: dt < '$<PARTITION_DATE>'",
        )


# Files -------------------------------------------------------------------------------------------


def _paths(root: Path) -> Iterator[Path]:
    for path in sorted((root / SQL).rglob("*.sql")):
        if path.relative_to(root / SQL).parts[0] != CHECKS:
            yield path


def _name(path: Path, config: Config) -> TableName:
    """Name the table of a file: the first folder is its layer."""
    parts, where = path.relative_to(config.root / SQL).parts, shown(path, config.root)
    if parts[0] not in config.layers or parts[0] == path.name:
        layers = ", ".join(config.layers)
        raise SqlFileError(
            f"not in the folder of a layer ({layers})",
            where=where,
            hint="move it to sql/<layer>/, or add the layer under `layers:` in nomad.yaml",
        )
    name = TableName(parts[0], path.stem)
    if not is_plain(name.name):
        raise SqlFileError(
            "a table's name has ASCII letters, digits and `_` only, and no digit first", where=where
        )
    if config.naming == "strict" and not name.name.startswith(f"{name.layer}_"):
        raise SqlFileError(
            f"the name doesn't start with its layer, `{name.layer}_`",
            where=where,
            hint=f"rename it to `{_strict(name)}.sql`, or set `naming: free`",
        )
    return name


def _strict(name: TableName) -> str:
    """Give a name that begins with its layer, in the layer's spelling."""
    head = f"{name.layer}_"
    return name.name.lower() if name.name.lower().startswith(head) else f"{head}{name.name}"


def _refuse_twins(config: Config) -> None:
    seen: dict[str, Path] = {}
    for path in _paths(config.root):
        twin = seen.setdefault(path.stem.lower(), path)
        if twin != path:
            raise SqlFileError(
                f"a table's name is unique in a project, and `{path.stem}` is there twice",
                where=shown(path, config.root),
                hint=f"the other one is {shown(twin, config.root)}: rename one of them",
            )


# Order ----------------------------------------------------------------------------------------


def _sorted(
    graph: Mapping[TableName, Iterable[TableName]], files: Mapping[TableName, str]
) -> list[TableName]:
    sorter = TopologicalSorter(graph)
    try:
        sorter.prepare()
    except GraphCycle as e:
        cycle = " → ".join(str(n) for n in reversed(e.args[1]))
        raise CycleError(
            f"these tables need each other: {cycle}",
            where=files[e.args[1][0]],
            hint="read an earlier layer instead, or put what both need into a table of its own",
        ) from e
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
        raise Misuse(f"`{word}` may mean {' or '.join(f'`{n}`' for n in hits)}")
    near = nearest(word, [str(n) for n in names] + [n.name for n in names])
    raise UnknownName(
        f"no table `{word}`",
        hint=f"did you mean {', '.join(f'`{n}`' for n in near)}?" if near else "see `nomad ls`",
    )
