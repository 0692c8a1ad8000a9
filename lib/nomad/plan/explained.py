"""What a plan says that is read: the filters on each scan, as days of the calendar."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import date
from typing import Any, NamedTuple

from nomad.dates import ALL, COLUMN, FIRST, LAST, Span, parse_day
from nomad.engine.instance import Session
from nomad.errors import QueryFailed

_MOST_SPANS = 64
"""A filter that keeps more separate runs of days than this reads all."""


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


EVERYTHING = Scan(list(ALL), singly=False)


def from_body(spans: list[list[str]], singly: bool) -> Scan:
    """Read a scan back from plain values."""
    found = [Span(date.fromisoformat(first), date.fromisoformat(last)) for first, last in spans]
    return Scan(found, singly)


def of_setup(session: Session, statement: str, names: Iterable[str]) -> list[list[str]]:
    """Run a statement that goes before the query; give its scans.

    One that can't be explained (a macro, say) reads all, if it has the input's name in it.
    """
    try:
        scans = filters_of(session, statement)
    except QueryFailed:
        words = set(re.findall(r"\w+", statement.lower()))
        scans = [[]] if any(n.lower() in words for n in names) else []
    session.execute(statement)
    return scans


def filters_of(session: Session, query: str) -> list[list[str]]:
    """Give, for each scan of Parquet files in the plan, the filters on its path.

    What DuckDB runs as several statements (a PIVOT) has no plan, or fails where it finds no rows
    and so no columns; the plan of the rows it is made of has the same scans. Where there is none
    either: a scan without filters.
    """
    rows = _plan(session, query)
    return [_split(text) for text in _scans(json.loads(rows[0][1]))] if rows else [[]]


def _plan(session: Session, query: str) -> list[tuple[Any, ...]]:
    try:
        if rows := session.execute(f"EXPLAIN (FORMAT json) {query}"):
            return rows
        plainer = _without_pivots(query)
    except QueryFailed:
        if not (plainer := _without_pivots(query)):
            raise
        with suppress(QueryFailed):
            session.execute("ROLLBACK")  # a PIVOT that failed leaves its transaction open
    with suppress(QueryFailed):
        return session.execute(f"EXPLAIN (FORMAT json) {plainer}") if plainer else []
    return []


def _without_pivots(query: str) -> str | None:
    from nomad.sqlfile.plainer import without_pivots

    return without_pivots(query)


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


_NAMED = (
    rf"{COLUMN} = '\d{{4}}-\d\d-\d\d'::DATE"
    rf"|{COLUMN} IN \((?:'\d{{4}}-\d\d-\d\d'::DATE(?:, )?)+\)| OR |[()\s]"
)


_ONE = rf"\(?{COLUMN} = '(\d{{4}}-\d\d-\d\d)'::DATE\)?"


def _singly(filters: list[str]) -> bool:
    """Tell whether one of a scan's filters names its days, by `=` and `in` alone."""
    return any(not re.sub(_NAMED, "", f) for f in filters)


def told(session: Session, scans: list[list[str]]) -> list[Scan]:
    """Turn the filters of each scan into days; without any scan, all are read."""
    return [Scan(_days(session, f), _singly(f)) for f in scans] or [EVERYTHING]


_CALENDAR = "memory.main.calendar"
"""In the instance's own database, which no session writes to: made once, and shared."""


def _days(session: Session, filters: list[str]) -> list[Span]:
    """Ask the calendar which days pass all filters of one scan, as runs of days.

    A single date, as DuckDB prints it, is its own answer.
    """
    if not filters:
        return list(ALL)
    if len(filters) == 1 and (one := re.fullmatch(_ONE, filters[0])):
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


def union(runs: list[list[Span]]) -> tuple[Span, ...]:
    """Merge the spans of several scans of one input into disjoint ones, in order."""
    merged: list[Span] = []
    for span in sorted(s for run in runs for s in run):
        if merged and (span.first - merged[-1].last).days <= 1:
            merged[-1] = Span(merged[-1].first, max(merged[-1].last, span.last))
        else:
            merged.append(span)
    return tuple(merged)
