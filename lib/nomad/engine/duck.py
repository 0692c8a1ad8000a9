"""The door to DuckDB: one instance a process, a fresh session a step.

A session is its own connection with an empty in-memory database of its own. Measured against a new
instance each, that costs a third, and extensions, secrets and the memory limit are shared.
"""

from __future__ import annotations

import hashlib
import itertools
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any, NamedTuple, TypeVar

import duckdb

from nomad.engine.machine import cores, memory
from nomad.errors import LakeError, QueryFailed
from nomad.manifest import Column, digest, schema_hash
from nomad.names import literal, quote

VERSION: str = duckdb.__version__
NAME = f"duckdb {VERSION}"

Relation = duckdb.DuckDBPyRelation
"""A query as a value of DuckDB's; it runs when its rows are asked for."""

_T = TypeVar("_T")
_PARQUET = "FORMAT parquet, COMPRESSION zstd, RETURN_STATS"
_LONGEST_BOUND = 128
"""Longer texts are no bounds worth keeping: Parquet cuts them short."""


class Place(NamedTuple):
    """Where a statement comes from: a file, and the line on which the statement begins."""

    path: str
    line: int


@dataclass(frozen=True)
class Staged:
    """A query's result in scratch, and all that the manifest says of it; `path` None: no rows."""

    path: Path | None
    rows: int
    bytes: int
    sha256: str
    schema: tuple[Column, ...]
    stats: Mapping[str, Mapping[str, Any]]
    content_hash: str


@dataclass(frozen=True)
class Settings:
    """How instances are set up.

    `threads` 0 takes what the machine allows; `allowed` are the folders a query may read;
    `attach` names databases opened read-only.
    """

    memory_limit: str = "70%"
    threads: int = 0
    scratch: Path | None = None
    allowed: tuple[Path, ...] = ()
    timezone: str | None = None
    attach: Mapping[str, str] = field(default_factory=dict)
    without: tuple[str, ...] = ()


class Engine:
    """Gives out sessions. The instance behind them is made on first use."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._instance: duckdb.DuckDBPyConnection | None = None
        self._numbers = itertools.count(1)
        self._open: set[duckdb.DuckDBPyConnection] = set()
        self._lock = Lock()

    @contextmanager
    def session(self, *, exclusive: bool = False) -> Iterator[Session]:
        """Open a session; `exclusive` gives it an instance of its own.

        Nothing that a session makes or sets is seen by another one.
        """
        if exclusive:
            con = _connect(self._settings)
            with self._listed(con):
                yield Session(con)
            return
        con, name = self._cursor()
        with self._listed(con):
            con.execute(f"ATTACH ':memory:' AS {name}; USE {name}")
            try:
                yield Session(con)
            finally:
                con.execute(f"USE memory; DETACH DATABASE IF EXISTS {name}")

    @contextmanager
    def _listed(self, con: duckdb.DuckDBPyConnection) -> Iterator[None]:
        self._open.add(con)
        try:
            yield
        finally:
            self._open.discard(con)
            con.close()

    def interrupt(self) -> None:
        """Break off whatever runs in any session."""
        for con in list(self._open):
            con.interrupt()

    def _cursor(self) -> tuple[duckdb.DuckDBPyConnection, str]:
        with self._lock:
            if self._instance is None:
                self._instance = _connect(self._settings)
            return self._instance.cursor(), f"session_{next(self._numbers)}"


def _connect(settings: Settings) -> duckdb.DuckDBPyConnection:
    config: dict[str, Any] = {
        "memory_limit": memory(settings.memory_limit),
        "threads": settings.threads or cores(),
        "autoinstall_known_extensions": False,
        "python_enable_replacements": False,
    }
    if settings.scratch:
        config["temp_directory"] = str(settings.scratch / "spill")
    con = duckdb.connect(config=config)
    con.execute(f"SET GLOBAL TimeZone = {literal(settings.timezone or 'UTC')}")
    if settings.without:
        con.execute(f"SET disabled_optimizers = {literal(','.join(settings.without))}")
    for name, address in settings.attach.items():
        _attach(con, name, address)
    folders = [p for p in (*settings.allowed, settings.scratch) if p]
    con.execute(f"SET allowed_directories = [{', '.join(literal(f'{p}/') for p in folders)}]")
    con.execute("SET enable_external_access = false")
    return con


def _attach(con: duckdb.DuckDBPyConnection, name: str, address: str) -> None:
    kind, _, rest = address.partition(":")
    typed = kind in ("postgres", "mysql", "sqlite", "duckdb") and rest
    options = f"READ_ONLY, TYPE {kind}" if typed else "READ_ONLY"
    try:
        con.execute(f"ATTACH {literal(rest if typed else address)} AS {quote(name)} ({options})")
    except duckdb.Error as e:
        raise LakeError(
            f"database `{name}` can't be attached: {str(e).splitlines()[0]}",
            where="nomad.yaml",
            hint=f"check `attach.{name}` and that the database is up",
        ) from e


@dataclass(frozen=True)
class Session:
    """One connection with an empty database of its own."""

    con: duckdb.DuckDBPyConnection

    def execute(self, sql: str, *, at: Place | None = None) -> list[tuple[Any, ...]]:
        """Run a statement and give its rows.

        Raises:
            QueryFailed: DuckDB refuses or breaks off; `at` is where the statement comes from.
        """
        return _guarded(lambda: self.con.execute(sql).fetchall(), at)

    def query(
        self, sql: str, *, at: Place | None = None
    ) -> tuple[list[str], list[tuple[Any, ...]]]:
        """Run a query and give the names of its columns, and its rows."""

        def run() -> tuple[list[str], list[tuple[Any, ...]]]:
            rows = self.con.execute(sql).fetchall()
            return [d[0] for d in self.con.description or ()], rows

        return _guarded(run, at)

    def relation(self, query: str) -> Relation:
        """Give a query as DuckDB's own relation, of use as long as the session."""
        return _guarded(lambda: self.con.sql(query), Place("query", 1))

    def view(self, schema: str, name: str, select: str) -> None:
        """Make a view; an empty schema means the session's own."""
        if schema:
            self.execute(f"CREATE SCHEMA IF NOT EXISTS {quote(schema)}")
        self.execute(f"CREATE OR REPLACE VIEW {_target(schema, name)} AS {select}")

    def macro(self, schema: str, name: str, parameter: str, select: str) -> None:
        """Make a table macro of one parameter."""
        if schema:
            self.execute(f"CREATE SCHEMA IF NOT EXISTS {quote(schema)}")
        head = f"{_target(schema, name)}({parameter})"
        self.execute(f"CREATE OR REPLACE MACRO {head} AS TABLE {select}")

    def describe(self, query: str, *, at: Place | None = None) -> tuple[Column, ...]:
        """Name the columns of a query and their types, without running it."""
        rows = self.execute(f"DESCRIBE (\n{query}\n)", at=at and Place(at.path, at.line - 1))
        return tuple(Column(r[0], r[1]) for r in rows)

    def stage(self, query: str, path: Path, *, at: Place | None = None) -> Staged:
        """Write a query's result as one Parquet file and measure it; without rows, as none.

        The content hash is read back from the finished file: the row count and the *sum* of the
        rows' hashes, so that order does not matter and equal rows do not cancel out.
        """
        copy = f"COPY (\n{query}\n) TO {literal(str(path))} ({_PARQUET})"
        found = self.execute(copy, at=at and Place(at.path, at.line - 1))
        rows, size, stats = (found[0][1], found[0][2], found[0][4]) if found else (0, 0, {})
        schema = self.describe(f"FROM read_parquet([{literal(_plain(path))}])")
        hashed = self._row_hashes(schema, path) if rows else 0
        content = digest(schema_hash(schema), str(rows), str(hashed))
        if not rows:
            path.unlink(missing_ok=True)
            return Staged(None, 0, 0, "", schema, {}, content)
        nullable = _nullable(schema, stats)
        return Staged(path, rows, size, sha256(path), nullable, _bounds(stats), content)

    def _row_hashes(self, schema: tuple[Column, ...], path: Path) -> int:
        names = ", ".join(quote(c.name) for c in schema)
        source = f"read_parquet([{literal(_plain(path))}], hive_partitioning=false)"
        return int(self.execute(f"SELECT sum(hash({names})) FROM {source}")[0][0])

    def table_names(self, statement: str) -> set[str] | None:
        """Name the tables DuckDB itself sees in a statement; None where it can't tell.

        Names come as spelled, quoted where they need it: `ods.x`, `"my schema".y`.
        """
        try:
            return set(self.con.get_table_names(statement, qualified=True))
        except duckdb.Error:
            return None


def _target(schema: str, name: str) -> str:
    return f"{quote(schema)}.{quote(name)}" if schema else quote(name)


def _plain(path: Path) -> str:
    """Keep DuckDB from reading `[` in a path as a pattern."""
    return str(path).replace("[", "[[]")


def sha256(path: Path) -> str:
    """Digest a file's bytes (hex)."""
    with path.open("rb") as f:
        return hashlib.file_digest(f, "sha256").hexdigest()


def _nullable(
    schema: tuple[Column, ...], stats: Mapping[str, Mapping[str, str]]
) -> tuple[Column, ...]:
    """Mark the columns in which the statistics count no NULL; nested ones are not counted."""
    return tuple(
        Column(c.name, c.type, stats.get(quote(c.name), {}).get("null_count") != "0")
        for c in schema
    )


def _bounds(stats: Mapping[str, Mapping[str, str]]) -> dict[str, dict[str, Any]]:
    """Keep min, max and null_count of plain columns, from `COPY … (RETURN_STATS)`."""
    kept: dict[str, dict[str, Any]] = {}
    for column, found in stats.items():
        if '"."' in column:
            continue
        low, high = found.get("min"), found.get("max")
        fits = low is not None and high is not None and max(len(low), len(high)) <= _LONGEST_BOUND
        kept[column[1:-1].replace('""', '"')] = {
            "min": low if fits else None,
            "max": high if fits else None,
            "null_count": int(found.get("null_count", 0)),
        }
    return kept


# Errors ------------------------------------------------------------------------------------------

_LINE = re.compile(r"\n+LINE (\d+): (.*)\n( *)\^", re.DOTALL)


def _guarded(act: Callable[[], _T], at: Place | None) -> _T:
    """Run something of DuckDB's and translate what it raises."""
    try:
        return act()
    except duckdb.Error as e:
        raise _translated(e, at) from e


def _translated(e: duckdb.Error, at: Place | None) -> QueryFailed:
    text = str(e).strip()
    kind, _, rest = text.partition(": ")
    line = None
    if match := _LINE.search(rest):
        line = int(match[1])
        mark = " " * max(len(match[3]) - len(f"LINE {line}: "), 0) + "^"
        rest = rest[: match.start()] + f"\n    {match[2]}\n    {mark}"
    where = at and (f"{at.path}:{at.line + line - 1}" if line else at.path)
    return QueryFailed(rest or text, where=where, hint=_hint(kind))


def _hint(kind: str) -> str | None:
    return {
        "Permission Error": "a query may read only the project's folder and its lake",
        "Out of Memory Error": "raise `engine.memory_limit`, or lower `engine.jobs`",
    }.get(kind)


@contextmanager
def database(path: Path, *, read_only: bool = False) -> Iterator[Session]:
    """Open a DuckDB file by itself, without the limits of a build."""
    try:
        con = duckdb.connect(str(path), read_only=read_only)
    except duckdb.Error as e:
        raise LakeError(f"can't be opened: {str(e).splitlines()[0]}", where=str(path)) from e
    try:
        yield Session(con)
    finally:
        con.close()
