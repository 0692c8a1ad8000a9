"""Which partitions of each input a query can read. DuckDB's optimizer says it; nobody guesses.

The query is bound to a stand-in of the input: one empty Parquet file in a hive folder whose `dt` is
NULL, so that any comparison would drop the file and the optimizer reports the filter by which it
did. (A stand-in with a date loses the filters that this date happens to pass.) The calendar then
tells which days the filter keeps. What no filter bounds, or what can't be explained, reads all.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from datetime import date
from pathlib import Path
from threading import Lock
from typing import Any, NamedTuple

from nomad.cache import Cache
from nomad.engine import scan
from nomad.engine.duck import VERSION, Engine, Session, Settings, View
from nomad.errors import QueryFailed
from nomad.manifest import Column, digest, schema_hash
from nomad.names import TableName, literal
from nomad.partition import ALL, COLUMN, FIRST, LAST, Span, parse_day

_UNSOUND = ("statistics_propagation", "late_materialization", "join_filter_pushdown", "top_n")
"""Optimizers that look at the stand-in's (absent) data, or scan an input a second time."""

_MOST_SESSIONS = 16
"""Sessions kept open with inputs bound to them."""

_MOST_SPANS = 64
"""A filter that keeps more separate runs of days than this reads all."""


class Read(NamedTuple):
    """What a query reads of one input: days as disjoint spans in order, or None for a full table.

    `asked` are the days that a scan asks for singly (`dt = …`): those must be there. `columns` are
    those to assume where nothing is published yet.
    """

    table: TableName
    spans: tuple[Span, ...] | None
    asked: tuple[date, ...] = ()
    columns: tuple[Column, ...] = ()


class Relation(NamedTuple):
    """An input as a query sees it: the names it is spelled by, its columns, partitioned or not.

    A spelling is (schema, name); an empty schema stands for the bare name.
    """

    spellings: tuple[tuple[str, str], ...]
    schema: tuple[Column, ...]
    partitioned: bool

    @property
    def fingerprint(self) -> str:
        """Tells two relations apart, for the cache."""
        return digest(repr(self.spellings), schema_hash(self.schema), str(self.partitioned))


Relations = Mapping[TableName, Relation]


class Pruner:
    """Answers for many queries with one small DuckDB instance of its own, and remembers."""

    def __init__(
        self,
        scratch: Path,
        cache: Cache,
        *,
        attach: Mapping[str, str],
        timezone: str | None = None,
    ) -> None:
        self._scratch = scratch
        self._cache = cache
        self._timezone = timezone or ""
        settings = Settings(
            memory_limit="256MB",
            threads=1,
            scratch=scratch,
            timezone=timezone,
            attach=attach,
            without=_UNSOUND,
        )
        self._engine = Engine(settings)
        self._lock = Lock()
        self._prepared: dict[str, Session] = {}
        self._open = ExitStack()

    def close(self) -> None:
        """Let go of the instance."""
        self._open.close()
        self._engine.close()

    def read(
        self, setup: Sequence[str], query: str, target: TableName, relations: Relations
    ) -> Read:
        """Give the days of the partitioned input `target` that the query can read."""
        known = [f"{n} {r.fingerprint}" for n, r in sorted(relations.items())]
        key = digest("reads", "3", VERSION, self._timezone, *setup, query, str(target), *known)
        with self._lock:
            if (kept := self._cache.get(key)) is None:
                kept = [s.to_body() for s in self._ask(setup, query, target, relations)]
                self._cache.put(key, kept)
        scans = [_from_body(*body) for body in kept]
        asked = {day for scan in scans for day in scan.asked()}
        return Read(target, _union([s.spans for s in scans]), tuple(sorted(asked)))

    def schema(self, setup: Sequence[str], query: str, relations: Relations) -> tuple[Column, ...]:
        """Give the columns that a query would have, without running it.

        Raises:
            QueryFailed: the query doesn't fit its inputs.
        """
        with self._engine.session() as session:
            for relation in relations.values():
                empty = scan.Files((), relation.schema)
                select = scan.select([empty], partitioned=relation.partitioned)
                session.make(View(schema, name, select) for schema, name in relation.spellings)
            for statement in setup:
                session.execute(statement)
            return session.describe(query)

    def _ask(
        self, setup: Sequence[str], query: str, target: TableName, relations: Relations
    ) -> list[Scan]:
        """Give the days that each scan of the target can read."""
        try:
            if not setup:
                session = self._ready(target, relations)
                return _told(session, _filters(session, query))
            with self._engine.session() as session:
                self._bind(session, target, relations)
                scans = [f for text in setup for f in _setup(session, text, relations[target])]
                return _told(session, scans + _filters(session, query))
        except QueryFailed:
            self._forget()  # a PIVOT that failed leaves its transaction open
            return [_EVERYTHING]

    def _ready(self, target: TableName, relations: Relations) -> Session:
        """Give a session with the inputs bound; a table asks with the same ones for each date."""
        key = digest(str(target), *(f"{n} {r.fingerprint}" for n, r in sorted(relations.items())))
        if key not in self._prepared:
            if len(self._prepared) >= _MOST_SESSIONS:
                self._forget()
            session = self._open.enter_context(self._engine.session())
            self._bind(session, target, relations)
            self._prepared[key] = session
        return self._prepared[key]

    def _forget(self) -> None:
        self._open.close()
        self._prepared.clear()

    def _bind(self, session: Session, target: TableName, relations: Relations) -> None:
        for name, relation in relations.items():
            if name == target:
                self._bind_stand_in(session, relation)
            else:
                self._bind_other(session, relation)

    def _bind_stand_in(self, session: Session, relation: Relation) -> None:
        files = scan.Files((str(self._stand_in(session, relation)),), relation.schema)
        select = scan.select([files], partitioned=True, plain_dt=True)
        session.make(View(schema, name, select) for schema, name in relation.spellings)

    def _bind_other(self, session: Session, relation: Relation) -> None:
        """Stand in for an input not asked about: an empty JSON file, of which nothing is known.

        Of an empty table the optimizer knows that it is empty, and drops what is joined to it.
        """
        path = self._scratch / "empty.json"
        path.touch()
        dt = (Column(COLUMN, "DATE"),) if relation.partitioned else ()
        own = tuple(c for c in relation.schema if not (dt and c.name.lower() == COLUMN))
        files = scan.Files((str(path),), own + dt)
        select = scan.select([files], partitioned=False)
        session.make(View(schema, name, select) for schema, name in relation.spellings)

    def _stand_in(self, session: Session, relation: Relation) -> Path:
        """Write (once) an empty Parquet file with the input's columns, in a folder without date."""
        folder = self._scratch / "stand-in" / schema_hash(relation.schema)
        path = folder / f"{COLUMN}=__HIVE_DEFAULT_PARTITION__" / "0.parquet"
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            empty = scan.select([scan.Files((), relation.schema)], partitioned=False)
            session.execute(f"COPY ({empty}) TO {literal(str(path))} (FORMAT parquet)")
        return path


class Scan(NamedTuple):
    """The days that one scan can read; `singly`: its filter names each of them."""

    spans: list[Span]
    singly: bool

    def asked(self) -> Iterator[date]:
        """Give the days that must be there: each one named, and a span of a single day."""
        for span in self.spans:
            if self.singly or span.one:
                yield from span

    def to_body(self) -> list[Any]:
        """Turn into plain values, for the cache."""
        return [[[s.first.isoformat(), s.last.isoformat()] for s in self.spans], self.singly]


_EVERYTHING = Scan(list(ALL), singly=False)


def _from_body(spans: list[list[str]], singly: bool) -> Scan:
    found = [Span(date.fromisoformat(first), date.fromisoformat(last)) for first, last in spans]
    return Scan(found, singly)


# Reading the plan --------------------------------------------------------------------------------


def _setup(session: Session, statement: str, relation: Relation) -> list[list[str]]:
    """Run a statement that goes before the query; give its scans.

    One that can't be explained (a macro, say) reads all, if it has the input's name in it.
    """
    try:
        scans = _filters(session, statement)
    except QueryFailed:
        words = set(re.findall(r"\w+", statement.lower()))
        scans = [[]] if any(n.lower() in words for _, n in relation.spellings) else []
    session.execute(statement)
    return scans


def _filters(session: Session, query: str) -> list[list[str]]:
    """Give, for each scan of Parquet files in the plan, the filters on its path.

    What DuckDB runs as several statements (a PIVOT) has no plan: a scan without filters.
    """
    rows = session.execute(f"EXPLAIN (FORMAT json) {query}")
    return [_split(text) for text in _scans(json.loads(rows[0][1]))] if rows else [[]]


def _scans(nodes: list[dict[str, Any]]) -> Iterator[str]:
    for node in nodes:
        if node["name"].strip() == "READ_PARQUET":
            yield str(node.get("extra_info", {}).get("File Filters", ""))
        yield from _scans(node.get("children", []))


def _split(text: str) -> list[str]:
    """Cut apart the filters that DuckDB prints one after the other, `(a)(b)`.

    Example:
        >>> _split("(dt >= 'a)')(dt < f(1))")
        ["(dt >= 'a)')", '(dt < f(1))']
    """
    pieces, depth, start, quoted = [], 0, 0, False
    for i, char in enumerate(text):
        if char == "'":
            quoted = not quoted
        elif not quoted:
            depth += (char == "(") - (char == ")")
            ends = char == ")" and depth == 0 and text[i + 1 : i + 2] not in (" ", ":", ".", "")
            if ends:
                pieces.append(text[start : i + 1])
                start = i + 1
    return [p for p in (*pieces, text[start:]) if p.strip()]


_NAMED = re.compile(
    rf"{COLUMN} = '\d{{4}}-\d\d-\d\d'::DATE"
    rf"|{COLUMN} IN \((?:'\d{{4}}-\d\d-\d\d'::DATE(?:, )?)+\)| OR |[()\s]"
)


_ONE = re.compile(rf"\(?{COLUMN} = '(\d{{4}}-\d\d-\d\d)'::DATE\)?")


def _singly(filters: list[str]) -> bool:
    """Tell whether one of a scan's filters names its days, by `=` and `in` alone."""
    return any(not _NAMED.sub("", f) for f in filters)


def _told(session: Session, scans: list[list[str]]) -> list[Scan]:
    return [Scan(_days(session, f), _singly(f)) for f in scans] or [_EVERYTHING]


_CALENDAR = "memory.main.calendar"
"""In the instance's own database, which no session writes to: made once, and shared."""


def _days(session: Session, filters: list[str]) -> list[Span]:
    """Ask the calendar which days pass all filters of one scan, as runs of days.

    A single date, as DuckDB prints it, is its own answer.
    """
    if not filters:
        return list(ALL)
    if len(filters) == 1 and (one := _ONE.fullmatch(filters[0])):
        day = parse_day(one[1])
        return [Span(day, day)] if day and FIRST <= day <= LAST else []
    where = " AND ".join(f"({f})" for f in filters)
    session.execute(
        f"CREATE TABLE IF NOT EXISTS {_CALENDAR} AS SELECT d::DATE AS {COLUMN}"
        f" FROM range(DATE '{FIRST}', DATE '{LAST}' + 1, INTERVAL 1 DAY) AS _(d)"
    )
    kept = f"FROM {_CALENDAR} WHERE {where}"
    first, last, count = session.execute(f"SELECT min({COLUMN}), max({COLUMN}), count(*) {kept}")[0]
    if count == 0:
        return []
    if (last - first).days + 1 == count:
        return [Span(first, last)]
    rows = session.execute(
        f"SELECT min({COLUMN}), max({COLUMN}) FROM (SELECT {COLUMN},"
        f" {COLUMN} - row_number() OVER (ORDER BY {COLUMN})::INT AS run {kept})"
        f" GROUP BY run ORDER BY 1 LIMIT {_MOST_SPANS + 1}"
    )
    return [Span(*r) for r in rows] if len(rows) <= _MOST_SPANS else list(ALL)


def _union(runs: list[list[Span]]) -> tuple[Span, ...]:
    """Merge the spans of several scans of one input into disjoint ones, in order."""
    merged: list[Span] = []
    for span in sorted(s for run in runs for s in run):
        if merged and (span.first - merged[-1].last).days <= 1:
            merged[-1] = Span(merged[-1].first, max(merged[-1].last, span.last))
        else:
            merged.append(span)
    return tuple(merged)
