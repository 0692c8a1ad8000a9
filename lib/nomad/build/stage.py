"""One SELECT, one partition: into staged files. Writes scratch only."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext, suppress
from pathlib import Path
from typing import NamedTuple

from nomad.build.merge import merged
from nomad.contract.contract import MERGE
from nomad.dates import ALL, COLUMN, Partition, Span
from nomad.engine import scan
from nomad.engine.exact import EXACT, exact
from nomad.engine.instance import LEAN, Engine, Place, Session, Staged, View
from nomad.errors import MissingPartition, QueryFailed
from nomad.lake.lake import Lake
from nomad.lake.manifest import Input, Manifest, as_input
from nomad.names import TableName, quote
from nomad.plan.pruning import Read
from nomad.project.project import Project, Table
from nomad.schema import Column


class Bound(NamedTuple):
    """One input as found in the lake: what it is, and the SELECT that reads exactly its files.

    `size` is that of all files together, in bytes; `columns` are names and types, of each group of
    files that share them.
    """

    table: TableName
    inputs: tuple[Input, ...]
    select: str
    uris: tuple[str, ...] = ()
    size: int = 0
    columns: tuple[tuple[tuple[str, str], ...], ...] = ()


def gather(
    project: Project,
    lake: Lake,
    table: Table,
    reads: Iterable[Read],
    *,
    allow_missing: bool = False,
) -> tuple[Bound, ...]:
    """Look up the files of every input of a table; of its own past, those that are there.

    Raises:
        MissingPartition: a full table or the very date that a query asks for is not published.
    """

    def may_lack(read: Read) -> bool:
        return allow_missing or read.table == table.name

    try:
        return tuple(_bound(project, lake, r, allow_missing=may_lack(r)) for r in reads)
    except MissingPartition as e:
        e.where = table.sql.path
        raise


Sieve = Callable[[Session, str, Sequence[Column]], str]
"""Looks at the rows of a query before they are written; gives the query of those to write."""


_PIVOT = re.compile(r"\bpivot", re.IGNORECASE)
"""A PIVOT looks for its columns among the rows as soon as it is bound."""


def stage(
    engine: Engine,
    table: Table,
    partition: Partition,
    bounds: Sequence[Bound],
    path: Path,
    *,
    turn: AbstractContextManager[None] | None = None,
    sieve: Sieve | None = None,
    old: str | None = None,
    lean: bool = False,
) -> Staged:
    """Run a table's statements over its inputs and write the result to `path`.

    It computes only within its `turn`, for which it gets ready before. `old` is the SELECT of what
    is published, for a table that merges its new rows into that.
    `lean` does it with the least memory, while nothing else runs: rows are not sorted by key.

    Raises:
        OutOfMemory: it needs more memory than there is.
        QueryFailed: DuckDB refuses a statement, or rows lie outside the partition.
        Refused: `sieve` refuses the rows, or those of a merge share a key.
    """
    setup, query = table.sql.statements(partition)
    at = Place(table.sql.path, table.sql.line)
    with ExitStack() as held:
        early = bool(setup) or _PIVOT.search(query) is not None
        if early:
            held.enter_context(turn or nullcontext())
        session = held.enter_context(
            engine.session(exclusive=table.sql.exclusive, lean=lean, limited=table.limited)
        )
        _bind(session, table, bounds)
        for statement in setup:
            session.execute(statement, at=Place(table.sql.path, 1))
            if lean:
                session.execute(LEAN)  # whatever the file sets
        columns = _columns(engine, session, table, partition, bounds)
        refuse_names(columns, table)
        if not early:
            held.enter_context(turn or nullcontext())
        shaped, schema = _shaped(query, columns, table, partition)
        try:
            if sieve:
                shaped = sieve(session, shaped, schema)
            if table.contract and table.contract.strategy == MERGE:
                shaped = merged(session, shaped, schema, table.contract, old, at=at)
            if not lean:
                shaped = _by_key(shaped, schema, table)
            return session.stage(shaped, schema, path, at=_begins(at, query, shaped))
        except QueryFailed as e:
            raise _told_too_wide(session, query, columns, e, path=table.sql.path) from e


def published(lake: Lake, manifest: Manifest | None) -> str | None:
    """Write the SELECT of a full table as it is published; None where nothing is."""
    groups = lake.files([manifest]) if manifest else []
    if manifest is None:
        return None
    return scan.select(groups or [scan.Files((), manifest.schema)], partitioned=False)


def related(project: Project, lake: Lake, table: TableName, day: Partition) -> Bound:
    """Look up what a contract reads of another table: of one by date, the same date.

    Raises:
        MissingPartition: nothing is published there.
    """
    if not project.partitioned(table):
        read = Read(table, None)
    elif day is None:
        read = Read(table, ALL)
    else:
        read = Read(table, (Span(day, day),), (day,))
    return _bound(project, lake, read, allow_missing=False)


def _bound(project: Project, lake: Lake, read: Read, *, allow_missing: bool) -> Bound:
    table, partitioned = read.table, project.partitioned(read.table)
    found = lake.manifests(table, partitioned=partitioned, spans=read.spans or ())
    if not allow_missing:
        _refuse_missing(read, found)
    groups = lake.files(found)
    if not groups:
        groups = [scan.Files((), read.columns or _latest(lake, table, partitioned=partitioned))]
    select = scan.select(groups, partitioned=partitioned)
    uris = tuple(u for g in groups for u in g.uris)
    columns = tuple(tuple((c.name, c.type) for c in g.schema) for g in groups)
    return Bound(table, _recorded(read, found), select, uris, sum(m.size for m in found), columns)


def _latest(lake: Lake, table: TableName, *, partitioned: bool) -> tuple[Column, ...]:
    found = lake.latest(table, partitioned=partitioned)
    if found is None:
        raise missing(table, None)
    return found.schema


def _refuse_missing(read: Read, found: Sequence[Manifest]) -> None:
    days = {m.partition_date for m in found}
    if absent := [day for day in read.asked if day not in days]:
        raise missing(read.table, absent[0])
    if read.spans is None and not found:
        raise missing(read.table, None)


def _recorded(read: Read, found: Sequence[Manifest]) -> tuple[Input, ...]:
    if read.spans is None:
        return (as_input(read.table, None, found),)
    return tuple(
        as_input(read.table, s, [m for m in found if m.partition_date and m.partition_date in s])
        for s in read.spans
    )


def missing(table: TableName, day: Partition) -> MissingPartition:
    """Say that a partition (or with None, a table) is not published, and what would make it."""
    raw = table.layer == "raw"
    act = f"nomad extract {table.name}" if raw else f"nomad run {table.name}"
    if day:
        return MissingPartition(
            f"{table} has no dt={day}",
            hint=f"`{act} --dt {day}` makes it; `--allow-missing` reads it as empty",
        )
    return MissingPartition(f"{table} was never published", hint=f"`{act}` makes it")


def _bind(session: Session, table: Table, bounds: Iterable[Bound]) -> None:
    selects = {b.table: b.select for b in bounds}
    session.make(View(r.ref.schema, r.ref.name, selects[r.table]) for r in table.reads)


def _columns(
    engine: Engine, session: Session, table: Table, partition: Partition, bounds: Iterable[Bound]
) -> tuple[Column, ...]:
    """Describe a query; one that treats dates alike, once for the same columns of its inputs.

    Not where a column is called by the date, as DuckDB calls an expression without a name.
    """
    sql = table.sql
    key = (table.name, sql.sql_hash, *(b.columns for b in bounds))
    if key in engine.described:
        return engine.described[key]
    _, query = sql.statements(partition)
    found = session.describe(query, at=Place(sql.path, sql.line))
    dated = partition and any(partition.isoformat() in f"{c.name} {c.type}" for c in found)
    if sql.same_day and not sql.volatile and not dated:
        engine.described[key] = found
    return found


def _shaped(
    query: str, columns: Sequence[Column], table: Table, partition: Partition
) -> tuple[str, tuple[Column, ...]]:
    """Leave `dt` to the path, once each row's is seen to be the partition's; keep sums exact."""
    own = [c for c in columns if not (partition and c.name.lower() == COLUMN)]
    if not own:
        raise QueryFailed("the query has no column but `dt`", where=table.sql.path)
    has_dt = len(own) < len(columns)
    exactly = tuple(Column(c.name, exact(c.type)) for c in own)
    if not has_dt and exactly == tuple(own):
        return query, exactly
    wanted = [_exact(c) for c in own]
    if has_dt and partition:
        wanted[0] = _guarded(wanted[0], own[0], partition.isoformat())
    return f"SELECT {', '.join(wanted)} FROM (\n{query}\n)", exactly


def _by_key(query: str, schema: Sequence[Column], table: Table) -> str:
    """Sort rows by the contract's key, so that a reader of a few keys skips most of the file.

    A query that has an order keeps it; a merge has none, whatever that of its new rows.
    """
    contract = table.contract
    if contract is None or (table.sql.ordered and contract.strategy != MERGE):
        return query
    order = contract.order_by(c.name for c in schema)
    return f"SELECT * FROM (\n{query}\n){order}" if order else query


def _begins(at: Place, query: str, shaped: str) -> Place:
    """Keep the lines of errors those of the file, whatever now stands before the query."""
    return Place(at.path, at.line - shaped.count("\n", 0, max(shaped.find(query), 0)))


_OWN_DT = "an input has a `dt` of its own: leave out the other, or write `* exclude (dt)`"


def refuse_names(columns: Sequence[Column], table: Table) -> None:
    """See that each column of a query has a name of its own, and is counted where names are listed.

    Raises:
        QueryFailed: two have one name, or a list of names is of another length.
    """
    _refuse_twins(columns, table)
    _refuse_miscount(columns, table)


def _refuse_twins(columns: Sequence[Column], table: Table) -> None:
    seen: set[str] = set()
    for c in columns:
        if c.name.lower() in seen:
            raise QueryFailed(
                f"two columns are named `{c.name}`",
                where=f"{table.sql.path}:{table.sql.line}",
                hint=_OWN_DT
                if c.name.lower() == COLUMN
                else "give one of them another name with AS",
            )
        seen.add(c.name.lower())


def _refuse_miscount(columns: Sequence[Column], table: Table) -> None:
    """See that there are as many columns as an INSERT or a CREATE names: the rest goes unnamed."""
    named = table.sql.listed
    if named and len(named) != len(columns):
        raise QueryFailed(
            f"{len(named)} columns are named, but the query yields {len(columns)}",
            where=f"{table.sql.path}:{table.sql.line}",
            hint="name each column that the query yields",
        )


def _exact(column: Column) -> str:
    """Keep a HUGEINT exact, alone or within a list, a struct or a map."""
    name, kind = quote(column.name), exact(column.type)
    return f"CAST({name} AS {kind}) AS {name}" if kind != column.type else name


def _told_too_wide(
    session: Session, query: str, columns: Iterable[Column], e: QueryFailed, *, path: str
) -> QueryFailed:
    """Name the column with a value that doesn't go into Parquet exactly, if that is what failed."""
    for c in columns if EXACT in e.what else ():
        name, kind = quote(c.name), exact(c.type)
        lost = f"CAST(TRY_CAST({name} AS {kind}) AS VARCHAR) <> CAST({name} AS VARCHAR)"
        lost = f"(TRY_CAST({name} AS {kind}) IS NULL OR {lost}) AND {name} IS NOT NULL"
        with suppress(QueryFailed):
            if kind != c.type and session.execute(
                f"SELECT 1 FROM (\n{query}\n) WHERE {lost} LIMIT 1"
            ):
                return QueryFailed(
                    f"`{c.name}` has a value of more than 38 digits",
                    where=path,
                    hint=f"cast it: CAST({name} AS VARCHAR) keeps all digits, AS DOUBLE rounds",
                )
    return e


def _guarded(wanted: str, column: Column, day: str) -> str:
    """Make the first column fail on a row of another date.

    A projection, not a filter: a filter might be tested on rows that the query's own drops.
    """
    value = wanted.removesuffix(f" AS {quote(column.name)}")
    message = f"`dt` of a row is ' || coalesce(CAST({COLUMN} AS VARCHAR), 'NULL') || ', outside"
    return (
        f"CASE WHEN TRY_CAST({COLUMN} AS DATE) IS DISTINCT FROM DATE '{day}'"
        f" THEN error('{message} the partition dt={day}') ELSE {value} END AS {quote(column.name)}"
    )
