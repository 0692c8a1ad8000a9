"""What is read of one input: days, as a value, and what is made of several such values."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date
from typing import Any, NamedTuple

from nomad.dates import ALL, Span
from nomad.names import TableName
from nomad.partitions import Partition
from nomad.schema import Column


class InputRead(NamedTuple):
    """What a query reads of one input: days as disjoint spans in order, or None for a full table.

    `asked` are the days that a scan asks for singly (`dt = …`): those must be there. `columns` are
    those to assume where nothing is published yet.
    """

    table: TableName
    spans: tuple[Span, ...] | None
    asked: tuple[date, ...] = ()
    columns: tuple[Column, ...] = ()


def union(table: TableName, scans: Iterable[InputRead]) -> InputRead:
    """Merge what several scans of one input read.

    Example:
        >>> x, day = TableName("ods", "x"), lambda n: date(2024, 1, n)
        >>> scans = [InputRead(x, (Span(day(n), day(n)),), (day(n),)) for n in (3, 2)]
        >>> [(s.first.day, s.last.day) for s in union(x, scans).spans]
        [(2, 3)]
    """
    found = list(scans)
    asked = {day for s in found for day in s.asked}
    return InputRead(table, _merged(s.spans or () for s in found), tuple(sorted(asked)))


def _merged(runs: Iterable[Sequence[Span]]) -> tuple[Span, ...]:
    merged: list[Span] = []
    for span in sorted(s for run in runs for s in run):
        if merged and (span.first - merged[-1].last).days <= 1:
            merged[-1] = Span(merged[-1].first, max(merged[-1].last, span.last))
        else:
            merged.append(span)
    return tuple(merged)


def same_date(table: TableName, partition: Partition | None, *, partitioned: bool) -> InputRead:
    """Read of a table by date the same date, or for a full table all; of any other the whole.

    Example:
        >>> from nomad.partitions import parse
        >>> x = TableName("ods", "x")
        >>> [d.isoformat() for d in same_date(x, parse("2024-01-02"), partitioned=True).asked]
        ['2024-01-02']
        >>> same_date(x, parse("2024-01-02"), partitioned=False).spans is None
        True
    """
    if not partitioned:
        return InputRead(table, None)
    if partition is None:
        return InputRead(table, ALL)
    return InputRead(table, (partition.span,), (partition.start,))


def before(read: InputRead, partition: Partition | None, columns: tuple[Column, ...]) -> InputRead:
    """Keep of a table's own partitions those before the one being built.

    That one stays among those asked for where a bound of the query names it: it is refused then.

    Example:
        >>> from nomad.partitions import parse
        >>> read = InputRead(TableName("ods", "x"), (Span(last=date(2024, 1, 9)),))
        >>> [s.last.isoformat() for s in before(read, parse("2024-01-03"), ()).spans]
        ['2024-01-02']
    """
    if partition is None or read.spans is None:
        return read
    end, start = partition.past.last, partition.start
    spans = tuple(replace(s, last=min(s.last, end)) for s in read.spans if s.first <= end)
    asked = [day for day in read.asked if day <= start]
    if any(s.last == start for s in read.spans):
        asked.append(start)
    return InputRead(read.table, spans, tuple(dict.fromkeys(asked)), columns)


def to_body(read: InputRead) -> list[Any]:
    """Turn the days into plain values, for a cache."""
    spans = [[s.first.isoformat(), s.last.isoformat()] for s in read.spans or ()]
    return [spans, [day.isoformat() for day in read.asked]]


def from_body(table: TableName, spans: list[list[str]], asked: list[str]) -> InputRead:
    """Read them back."""
    runs = (Span(date.fromisoformat(first), date.fromisoformat(last)) for first, last in spans)
    return InputRead(table, tuple(runs), tuple(map(date.fromisoformat, asked)))
