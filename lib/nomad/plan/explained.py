"""What a plan says that is read: the filters on each scan, as days of the calendar."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import date
from typing import Any

from nomad.dates import ALL, FIRST, LAST, Span
from nomad.engine.instance import Session
from nomad.errors import QueryFailed
from nomad.names import TableName
from nomad.partitions import COLUMN
from nomad.plan.reads import InputRead

_MOST_SPANS = 64
"""A filter that keeps more separate runs of days than this reads all."""


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


def days_of(session: Session, table: TableName, scans: list[list[str]]) -> list[InputRead]:
    """Turn the filters of each scan of a table into days; without any scan, all are read."""
    return [_read(session, table, f) for f in scans] or [InputRead(table, ALL)]


def _read(session: Session, table: TableName, filters: list[str]) -> InputRead:
    """Tell the days, and which must be there: each one named, and a span of a single day."""
    spans, singly = tuple(_days(session, filters)), _singly(filters)
    return InputRead(table, spans, tuple(day for s in spans if singly or s.one for day in s))


_CALENDAR = "memory.main.calendar"
"""In the instance's own database, which no session writes to: made once, and shared."""


def _days(session: Session, filters: list[str]) -> list[Span]:
    """Ask the calendar which days pass all filters of one scan, as runs of days.

    A single date, as DuckDB prints it, is its own answer.
    """
    if not filters:
        return list(ALL)
    if len(filters) == 1 and (one := re.fullmatch(_ONE, filters[0])):
        day = date.fromisoformat(one[1])
        return [Span(day, day)] if FIRST <= day <= LAST else []
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
