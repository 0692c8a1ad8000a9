"""One connection: runs statements, stages a query's result."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from nomad.engine.down import NONE_DOWN, blamed
from nomad.engine.faults import Place, guarded
from nomad.engine.interrupts import heeding
from nomad.errors import NomadError, QueryFailed
from nomad.hashing import digest
from nomad.names import literal, quote
from nomad.schema import Column, schema_hash

if TYPE_CHECKING:
    import duckdb

    Relation = duckdb.DuckDBPyRelation
    """A query as a value of DuckDB's; it runs when its rows are asked for."""

_T = TypeVar("_T")
_PARQUET = "FORMAT parquet, COMPRESSION zstd, RETURN_STATS"
_KEPT = frozenset((
    "BOOLEAN", "TINYINT", "SMALLINT", "INTEGER", "BIGINT",
    "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "FLOAT", "DOUBLE", "VARCHAR", "BLOB",
    "DATE", "TIME", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE",
))  # fmt: skip
"""Types that come back from Parquet as they went in; as do those of DECIMAL."""

_EQUAL_YET_DIFFERENT = ("[", "STRUCT", "MAP", "UNION", "INTERVAL", "TIME WITH TIME ZONE")

_LONGEST_BOUND = 128
"""Longer texts are no bounds worth keeping: Parquet cuts them short."""

_AT_A_TIME = 10_000
"""Rows of a stream that are in memory."""
_AT_ONCE = 100_000
"""Characters of statements in one call: over thousands of files, one is that long by itself."""


class Staged(NamedTuple):
    """A query's result in scratch, and all that the manifest says of it; `path` None: no rows."""

    path: Path | None
    rows: int
    bytes: int
    sha256: str
    schema: tuple[Column, ...]
    stats: Mapping[str, Mapping[str, Any]]
    content_hash: str


class View(NamedTuple):
    """A view to be; an empty schema means the session's own."""

    schema: str
    name: str
    select: str

    def to_sql(self) -> str:
        """Write the statement that makes it."""
        return f"CREATE OR REPLACE VIEW {_target(self.schema, self.name)} AS {self.select}"


class Macro(NamedTuple):
    """A table macro of one parameter to be."""

    schema: str
    name: str
    parameter: str
    select: str

    def to_sql(self) -> str:
        """Write the statement that makes it."""
        head = f"{_target(self.schema, self.name)}({self.parameter})"
        return f"CREATE OR REPLACE MACRO {head} AS TABLE {self.select}"


class Session(NamedTuple):
    """One connection with an empty database of its own.

    All its statements are `brief`, or a signal breaks them off. `down`: what can't be attached.
    """

    con: duckdb.DuckDBPyConnection
    brief: bool = False
    down: Mapping[str, NomadError] = NONE_DOWN

    def _run(self, sql: str, act: Callable[[], _T], at: Place | None) -> _T:
        try:
            return guarded(act if self.brief else lambda: heeding(self.con, act), at)
        except QueryFailed as e:
            raise blamed(e, sql, self.down) from None

    def execute(self, sql: str, *, at: Place | None = None) -> list[tuple[Any, ...]]:
        """Run a statement and give its rows.

        Raises:
            QueryFailed: DuckDB refuses or breaks off; `at` is where the statement comes from.
        """
        return self._run(sql, lambda: self.con.execute(sql).fetchall(), at)

    def query(
        self, sql: str, *, at: Place | None = None
    ) -> tuple[list[str], list[tuple[Any, ...]]]:
        """Run a query and give the names of its columns, and its rows."""

        def run() -> tuple[list[str], list[tuple[Any, ...]]]:
            rows = self.con.execute(sql).fetchall()
            return [d[0] for d in self.con.description or ()], rows

        return self._run(sql, run, at)

    def stream(self, sql: str) -> Iterator[tuple[Any, ...]]:
        """Give a query's rows, some at a time; the session runs nothing else meanwhile."""
        guarded(lambda: self.con.execute(sql))
        while rows := guarded(lambda: self.con.fetchmany(_AT_A_TIME)):
            yield from rows

    def relation(self, query: str) -> Relation:
        """Give a query as DuckDB's own relation, of use as long as the session."""
        return guarded(lambda: self.con.sql(query), Place("query", 1))

    def run(self, statements: Iterable[str]) -> None:
        """Run statements that give no rows, many in one call: a third of the time of short ones."""
        size = 0
        some: list[str] = []
        for statement in statements:
            size += len(statement)
            some.append(statement)
            if size > _AT_ONCE:
                self.execute(";\n".join(some))
                size = 0
                some.clear()
        if some:
            self.execute(";\n".join(some))

    def make(self, things: Iterable[View | Macro]) -> None:
        """Make views and macros, and the schemas they are to be in, in one go."""
        wanted = list(things)
        schemas = dict.fromkeys(t.schema for t in wanted if t.schema)
        made = [f"CREATE SCHEMA IF NOT EXISTS {quote(s)}" for s in schemas]
        self.run([*made, *(t.to_sql() for t in wanted)])

    def describe(self, query: str, *, at: Place | None = None) -> tuple[Column, ...]:
        """Name the columns of a query and their types, without running it.

        A relation is bound and no more, in a third of the time of DESCRIBE; that one is asked where
        something is wrong, for it says in which line.
        """
        import duckdb

        with suppress(duckdb.Error, RuntimeError, MemoryError):
            found = self.con.sql(query)
            return tuple(Column(n, str(t)) for n, t in zip(found.columns, found.types, strict=True))
        rows = self.execute(f"DESCRIBE (\n{query}\n)", at=at and Place(at.path, at.line - 1))
        return tuple(Column(r[0], r[1]) for r in rows)

    def stage(
        self, query: str, schema: tuple[Column, ...], path: Path, *, at: Place | None = None
    ) -> Staged:
        """Write a query's result as one Parquet file and measure it; without rows, as none.

        `schema` is what `describe` said of the query.

        The content hash is read back from the finished file: the row count and the *sum* of the
        rows' hashes, so that order does not matter and equal rows do not cancel out.
        """
        copy = f"COPY (\n{query}\n) TO {literal(str(path))} ({_PARQUET})"
        found = self.execute(copy, at=at and Place(at.path, at.line - 1))
        rows, stats = (found[0][1], found[0][4]) if found else (self._count(path), {})
        schema = self._written(schema, path)
        hashed = self._row_hashes(schema, path) if rows else 0
        content = digest(schema_hash(schema), str(rows), str(hashed))
        if not rows:
            path.unlink(missing_ok=True)
            return Staged(None, 0, 0, "", schema, {}, content)
        nullable = _nullable(schema, stats)
        size = path.stat().st_size
        return Staged(path, rows, size, sha256(path), nullable, _bounds(stats), content)

    def _count(self, path: Path) -> int:
        """Count the rows of a file: of a PIVOT, which is several statements, COPY says nothing."""
        source = f"read_parquet([{literal(str(path))}], hive_partitioning=false)"
        return int(self.execute(f"SELECT count(*) FROM {source}")[0][0])

    def _written(self, schema: tuple[Column, ...], path: Path) -> tuple[Column, ...]:
        """Name the types as the file has them; Parquet knows fewer than DuckDB."""
        if all(c.type in _KEPT or re.fullmatch(r"DECIMAL\(\d+,\d+\)", c.type) for c in schema):
            return schema
        source = f"read_parquet([{literal(str(path))}], hive_partitioning=false)"
        return self.describe(f"FROM {source}")

    def _row_hashes(self, schema: tuple[Column, ...], *paths: Path) -> int:
        names = ", ".join(_hashed(c) for c in schema)
        listed = ", ".join(literal(str(p)) for p in paths)
        source = f"read_parquet([{listed}], hive_partitioning=false)"
        return int(self.execute(f"SELECT sum(hash({names})) FROM {source}")[0][0])

    def content_of(self, staged: Sequence[Staged]) -> str:
        """Give the content hash of several staged files of one schema as a whole."""
        schema, rows = staged[0].schema, sum(s.rows for s in staged)
        paths = [s.path for s in staged if s.path]
        hashed = self._row_hashes(schema, *paths) if rows else 0
        return digest(schema_hash(schema), str(rows), str(hashed))

    def parsed(self, queries: Sequence[str]) -> list[Any]:
        """Say how DuckDB parses queries, as `json_serialize_sql` has it; all asked at once."""
        # not as a parameter: for one, DuckDB imports pandas and pyarrow, half a second and 90 MB
        texts = f"from_json({literal(json.dumps(queries))}, '[\"VARCHAR\"]')"
        found = self.execute(f"SELECT json_serialize_sql(q) FROM unnest({texts}) AS _(q)")
        return [json.loads(text) for (text,) in found]


def _target(schema: str, name: str) -> str:
    return f"{quote(schema)}.{quote(name)}" if schema else quote(name)


def _hashed(column: Column) -> str:
    """Give what of a column goes into the hash of its row.

    What DuckDB takes for equal it hashes alike, though a query can tell it apart: NULL, an empty
    list and a list of NULL; a month and 30 days; 0.0 and -0.0. There the text, or the sign, counts.
    """
    name = quote(column.name)
    if column.type in ("FLOAT", "DOUBLE"):
        return f"{name}, signbit({name})"
    if any(mark in column.type for mark in _EQUAL_YET_DIFFERENT):
        return f"{name}, CAST({name} AS VARCHAR), {name} IS NULL"
    return name


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
