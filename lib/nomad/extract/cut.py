"""Pieces → partitions: SQL that gives each row its date, and tells which dates differ.

A row's date is that of the source's `dt` column. Rows that share a `key` are one row: that of the
latest piece, and of one piece the last.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from nomad.dates import FIRST, LAST
from nomad.engine import scan
from nomad.engine.exact import exact, is_wide, too_wide
from nomad.engine.instance import Session
from nomad.engine.scan import Files
from nomad.errors import Refused
from nomad.extract import typed, watermark
from nomad.extract.typed import Types
from nomad.names import free, literal, quote
from nomad.schema import Column

Day = date | None
"""The date of a partition; None of a table that is not partitioned."""


class Rule(NamedTuple):
    """How a source is cut: by the date in a column (empty: not at all), rows of a key once.

    `types` are those that are declared for columns: pieces may be older than that.
    """

    source: str
    dt: str = ""
    key: tuple[str, ...] = ()
    watermark: str = ""
    types: Types = MappingProxyType({})

    @property
    def stays(self) -> bool:
        """Tell whether rows that share a key are of one date, by the key itself."""
        return not self.dt or not self.key or self.dt.lower() in (k.lower() for k in self.key)


class Rows(NamedTuple):
    """A SELECT of rows, each with its date and its place among all, and the table's own columns.

    `day` is the name of the column of the date, `place` of the one by which the later row is told.
    """

    select: str
    schema: tuple[Column, ...]
    day: str
    place: str

    @property
    def names(self) -> str:
        """List the table's columns."""
        return ", ".join(quote(c.name) for c in self.schema)

    def among(self, days: Collection[Day] | None) -> Rows:
        """Keep the rows of some dates; None: of all."""
        if days is None or None in days:
            return self
        listed = ", ".join(f"DATE '{day}'" for day in sorted(d for d in days if d)) or "NULL"
        return self._replace(select=f"FROM ({self.select}) WHERE {quote(self.day)} IN ({listed})")


# Where each row belongs --------------------------------------------------------------------------

_MOST = 1 << 40
"""More rows than a piece has."""


class Some(NamedTuple):
    """Files of one piece, and the watermark above which their rows count (None: all do)."""

    files: Files
    after: str | None = None


def rows(
    session: Session, pieces: Mapping[int, Some], rule: Rule, together: Sequence[Files]
) -> Rows:
    """Write the SELECT over pieces by their numbers, the earlier first.

    They get the columns and the types that all of `together` have in common, as Parquet has them.

    Raises:
        Refused: they lack a column that the source names, or have a number of too many digits.
    """
    alike = [g.without_rows() for g in together]
    held = session.describe(scan.select(alike, partitioned=False))
    schema = typed.applied(held, rule.types, rule.source) if together else held
    types = {**rule.types, **{c.name.lower(): exact(c.type) for c in schema if is_wide(c)}}
    if any(map(is_wide, schema)):
        files = [*alike, *(some.files for some in pieces.values())]
        _refuse_too_wide(session, files, held, schema, rule)
        schema = typed.applied(held, types, rule.source)
    taken = [c.name for c in schema]
    day, place = free("_day", taken), free("_place", taken)
    dated = _date_of(_column(rule, rule.dt, held)) if rule.dt else "NULL::DATE"
    for name in rule.key:
        _column(rule, name, schema)
    names = typed.cast(held, types)
    common = Files((), held)  # as one group: to look at all for each piece would take their square
    number = "row_number() OVER ()" if rule.key else "0"
    parts = (
        f"SELECT {names}, {dated} AS {quote(day)}, {n * _MOST} + {number} AS {quote(place)} FROM"
        f" ({scan.select([common, some.files], partitioned=False)}){_newer(rule, some, held)}"
        for n, some in enumerate(pieces.values())
    )
    nothing = f"SELECT {names}, NULL::DATE AS {quote(day)}, 0 AS {quote(place)}"
    empty = f"{nothing} FROM ({scan.select(alike, partitioned=False)}) WHERE false"
    return Rows("\nUNION ALL\n".join((*parts, empty)), schema, day, place)


def _refuse_too_wide(
    session: Session,
    files: Sequence[Files],
    held: Sequence[Column],
    schema: Sequence[Column],
    rule: Rule,
) -> None:
    """See that Parquet holds each number to its last digit."""
    wide = [c for c in schema if is_wide(c)]
    rows = f"SELECT {typed.cast(held, rule.types)} FROM ({scan.select(files, partitioned=False)})"
    counts = ", ".join(f"count(*) FILTER (WHERE {too_wide(c)})" for c in wide)
    (found,) = session.execute(f"SELECT {counts} FROM ({rows})")
    for column, count in zip(wide, found, strict=True):
        if count:
            which = "1 row has" if count == 1 else f"{count} rows have"
            raise Refused(
                f"source `{rule.source}`: {which} more than 38 digits in `{column.name}`,"
                " which Parquet doesn't hold",
                hint=f"say `columns: {{{column.name}: VARCHAR}}` of it in nomad.yaml, which keeps"
                " all digits, or DOUBLE, which rounds; what was landed stays, unpublished",
            )


def _newer(rule: Rule, some: Some, schema: Sequence[Column]) -> str:
    if some.after is None or not rule.watermark:
        return ""
    return f" WHERE {watermark.above(_column(rule, rule.watermark, schema), some.after)}"


def _column(rule: Rule, name: str, schema: Sequence[Column]) -> Column:
    found = next((c for c in schema if c.name.lower() == name.lower()), None)
    if found is None:
        raise Refused(
            f"source `{rule.source}`: there is no column `{name}`",
            hint=f"fix `dt:` or `key:` in nomad.yaml: it has {', '.join(c.name for c in schema)}",
        )
    return found


def _date_of(column: Column) -> str:
    """Read a date: ISO, or eight digits; of a moment, the day in the project's time zone."""
    name = quote(column.name)
    if column.type == "DATE" or column.type.startswith("TIMESTAMP"):
        return f"{name}::DATE"
    text = f"trim({name}::VARCHAR)"
    return (
        f"CASE WHEN regexp_full_match({text}, '[0-9]{{8}}')"
        f" THEN TRY_STRPTIME({text}, '%Y%m%d')::DATE"
        f" ELSE TRY_CAST({text} AS TIMESTAMP)::DATE END"
    )


def in_calendar(day: Day) -> bool:
    """Tell whether a date can be that of a partition."""
    return day is not None and FIRST <= day <= LAST


def refuse_undated(session: Session, found: Rows, rule: Rule) -> None:
    """See that each row has a date; of rows that share a key, the one that stands.

    Raises:
        Refused: some have none; one of these is shown.
    """
    if not rule.dt:
        return
    day, name = quote(found.day), quote(_column(rule, rule.dt, found.schema).name)
    outside = f"{day} IS NULL OR {day} NOT BETWEEN DATE '{FIRST}' AND DATE '{LAST}'"
    rows = f"FROM ({found.select}){_latest(found, rule)}"
    query = f"SELECT count(*), any_value({name}::VARCHAR) FROM ({rows}) WHERE {outside}"
    ((count, example),) = session.execute(query)
    if count:
        rows = "1 row" if count == 1 else f"{count} rows"
        raise Refused(
            f"source `{rule.source}`: `{rule.dt}` of {rows} is no date, e.g. {example!r}",
            hint="dates are like 2024-01-15 or 20240115; what was landed stays, unpublished",
        )


# Which dates differ ------------------------------------------------------------------------------


def signatures(session: Session, found: Rows) -> dict[Day, tuple[int, int]]:
    """Tell the rows of each date from others: by their count, and the sum of their hashes."""
    query = f"SELECT {quote(found.day)}, count(*), sum(hash({found.names})::HUGEINT)"
    answer = session.execute(f"{query} FROM ({found.select}) GROUP BY ALL")
    return {day: (int(count), int(hashed)) for day, count, hashed in answer}


def differing(one: Mapping[Day, tuple[int, int]], other: Mapping[Day, tuple[int, int]]) -> set[Day]:
    """Name the dates whose rows are not the same.

    Example:
        >>> sorted(differing({date(2024, 1, 1): (1, 5)}, {date(2024, 1, 1): (1, 6)}))
        [datetime.date(2024, 1, 1)]
    """
    return {day for day in one.keys() | other.keys() if one.get(day) != other.get(day)}


def holding(session: Session, published: str, table: str, found: Rows, rule: Rule) -> set[Day]:
    """Name the dates that are published with one of the keys in a table."""
    held = f"({published}) AS b SEMI JOIN {table} AS f ON {_same(rule)}"
    answer = session.execute(f"SELECT DISTINCT {quote(found.day)} FROM {held}")
    return {day for (day,) in answer}


def unlike(session: Session, table: str, published: str, found: Rows) -> set[Day]:
    """Name the dates of the rows in a table that are not published as they are there."""
    columns = (quote(c) for c in (*(c.name for c in found.schema), found.day))
    alike = " AND ".join(f"f.{c} IS NOT DISTINCT FROM b.{c}" for c in columns)
    query = f"SELECT DISTINCT f.{quote(found.day)} FROM {table} AS f"
    return {day for (day,) in session.execute(f"{query} ANTI JOIN ({published}) AS b ON {alike}")}


# Rows to be published ----------------------------------------------------------------------------


def make(
    session: Session, table: str, found: Rows, rule: Rule, days: Collection[Day] | None = None
) -> None:
    """Put rows into a table of the session, those of a key once, ordered by date and key.

    Only those of some `days`, where given; a row that went to another day is in none of them.
    """
    if rule.stays:
        found = found.among(days)
    once = _latest(found, rule)
    order = ", ".join(map(quote, (found.day, *rule.key, found.place)))
    kept = found._replace(select=f"FROM ({found.select}){once}").among(days)
    wanted = f"SELECT {found.names}, {quote(found.day)} FROM ({kept.select}) ORDER BY {order}"
    session.execute(f"CREATE OR REPLACE TEMP TABLE {table} AS {wanted}")


def _latest(found: Rows, rule: Rule) -> str:
    """Write the condition that a row is the last one of its key."""
    if not rule.key:
        return ""
    within = ", ".join(map(quote, (*rule.key, *((found.day,) if rule.stays else ()))))
    latest = f"PARTITION BY {within} ORDER BY {quote(found.place)} DESC"
    return f" QUALIFY row_number() OVER ({latest}) = 1"


def lost_keys(session: Session, before: str, after: str, found: Rows, rule: Rule) -> set[Day]:
    """Name the dates of keys that a table of rows before has, and the one after has not."""
    query = f"SELECT DISTINCT {quote(found.day)} FROM {before} AS b"
    lost = session.execute(f"{query} ANTI JOIN {after} AS f ON {_same(rule)}")
    return {day for (day,) in lost}


def count_gone(session: Session, before: str, after: str, rule: Rule) -> int:
    """Count the keys that a table of rows before has, and the one after has not."""
    keys = ", ".join(map(quote, rule.key))
    query = f"SELECT count(DISTINCT ({keys})) FROM {before} AS b ANTI JOIN {after} AS f"
    ((count,),) = session.execute(f"{query} ON {_same(rule)}")
    return int(count)


def patch(
    session: Session, table: str, base: str, found: Rows, rule: Rule, *, fresh: str, stale: str
) -> None:
    """Put into a table what dates hold once `fresh` rows came to their `base`, and `stale` went.

    `base` is a SELECT of the table's columns and the date, the other two are tables.
    """
    names = f"{found.names}, {quote(found.day)}"
    if rule.key:
        kept = f"SELECT {names} FROM ({base}) AS b ANTI JOIN {fresh} AS f ON {_same(rule)}"
    else:
        kept = f"SELECT {names} FROM ({base}) EXCEPT ALL SELECT {names} FROM {stale}"
    order = ", ".join(map(quote, (found.day, *rule.key)))
    both = f"(({kept}) UNION ALL SELECT {names} FROM {fresh})"
    session.execute(f"CREATE OR REPLACE TEMP TABLE {table} AS FROM {both} ORDER BY {order}")


def of_day(table: str, found: Rows, day: Day) -> str:
    """Write the SELECT of one date's rows of a table."""
    where = f" WHERE {quote(found.day)} = DATE '{day}'" if day else ""
    return f"SELECT {found.names} FROM {table}{where}"


def days_of(session: Session, table: str, found: Rows) -> list[Day]:
    """Name the dates in a table."""
    query = f"SELECT DISTINCT {quote(found.day)} FROM {table} ORDER BY 1"
    return [day for (day,) in session.execute(query)]


def _same(rule: Rule) -> str:
    """Compare the keys of `b` and `f`; two that are NULL are the same."""
    return " AND ".join(f"b.{quote(k)} IS NOT DISTINCT FROM f.{quote(k)}" for k in rule.key)


# Too much for one table --------------------------------------------------------------------------


def spread(session: Session, found: Rows, folder: Path) -> list[Rows]:
    """Write all rows into files by year, and give each year's rows: for what no memory holds."""
    year = free("_year", [c.name for c in found.schema])
    session.execute(
        f"COPY (SELECT *, year({quote(found.day)}) AS {quote(year)} FROM ({found.select}))"
        f" TO {literal(str(folder))} (FORMAT parquet, PARTITION_BY ({quote(year)}))"
    )
    files = session.execute(f"SELECT file FROM glob({literal(f'{folder}/*/*.parquet')}) ORDER BY 1")
    by_year: dict[str, list[str]] = {}
    for (file,) in files:
        by_year.setdefault(file.rsplit("/", 2)[1], []).append(file)
    return [found._replace(select=_parquet(group)) for group in by_year.values()]


def _parquet(paths: Iterable[str]) -> str:
    return f"FROM read_parquet([{', '.join(map(literal, paths))}], hive_partitioning=false)"
