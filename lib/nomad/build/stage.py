"""One SELECT, one partition: into staged files. Writes scratch only."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from pathlib import Path
from typing import NamedTuple

from nomad.build.inputs import BoundInput, views
from nomad.build.merge import OldRows, merged, refuse_lost
from nomad.contract.contract import MERGE
from nomad.engine import scan
from nomad.engine.exact import as_exact, exact, told_too_wide
from nomad.engine.instance import LEAN, Engine, Place, Session, Staged
from nomad.errors import QueryFailed
from nomad.lake.lake import Lake
from nomad.lake.manifest import Over
from nomad.names import quote
from nomad.partitions import COLUMN, Partition
from nomad.project.project import Table
from nomad.schema import Column
from nomad.sqlfile.file import SqlFile

_PIVOT = re.compile(r"\bpivot", re.IGNORECASE)
"""A PIVOT looks for its columns among the rows as soon as it is bound."""


class Prepared(NamedTuple):
    """A table's query over its inputs, ready to be run in its session: `shaped` as it is stored.

    `query` is as the file has it, `lean` with the least memory: rows are not sorted by key.
    """

    session: Session
    table: Table
    query: str
    shaped: str
    schema: tuple[Column, ...]
    lean: bool


@contextmanager
def prepared(
    engine: Engine,
    table: Table,
    partition: Partition | None,
    bounds: Sequence[BoundInput],
    *,
    slot: AbstractContextManager[None] | None = None,
    lean: bool = False,
) -> Iterator[Prepared]:
    """Bind a table's inputs and run the statements before its query.

    It computes only within its `slot`, for which it gets ready before. `lean` does it with the
    least memory, while nothing else runs.

    Raises:
        OutOfMemory: it needs more memory than there is.
        QueryFailed: DuckDB refuses a statement, or rows lie outside the partition.
    """
    setup, query = table.sql.statements(partition)
    with ExitStack() as held:
        early = bool(setup) or _PIVOT.search(query) is not None
        if early:
            held.enter_context(slot or nullcontext())
        session = held.enter_context(
            engine.session(exclusive=table.sql.exclusive, lean=lean, limited=table.limited)
        )
        session.make(views(table.query, bounds))
        for statement in setup:
            session.execute(statement, at=Place(table.sql.path, 1))
            if lean:
                session.execute(LEAN)  # whatever the file sets
        columns = _columns(engine, session, table, partition, bounds)
        refuse_names(columns, table.sql)
        if not early:
            held.enter_context(slot or nullcontext())
        shaped, schema = _shaped(query, columns, table, partition)
        try:
            yield Prepared(session, table, query, shaped, schema, lean)
        except QueryFailed as e:
            raise told_too_wide(session, query, columns, e, where=table.sql.path) from e


def write(build: Prepared, query: str, path: Path, *, old: OldRows | None = None) -> Staged:
    """Write the rows of `query` to a file: those of the prepared one, or what is left of them.

    `old` is what is published, for a table that merges its new rows into that.

    Raises:
        QueryFailed: DuckDB refuses it, or rows lie outside the partition.
        Refused: rows of a merge share a key, or published ones would lose values.
    """
    session, table, schema = build.session, build.table, build.schema
    at = Place(table.sql.path, table.sql.line)
    if table.contract and table.contract.strategy == MERGE:
        query = merged(session, query, schema, table.contract, old, at=at)
    if not build.lean:
        query = _by_key(query, schema, table)
    return session.stage(query, schema, path, at=_begins(at, build.query, query))


def published(lake: Lake, table: Table, over: Over | None) -> OldRows | None:
    """Give the rows of a full table as they are published; None where nothing is.

    Raises:
        StepFailed: they can't be read.
    """
    refuse_lost(table.name, over)
    if over is None or over.manifest is None:
        return None
    groups = lake.files([over.manifest]) or [scan.Files((), over.manifest.schema)]
    same = over.manifest.contract_hash == table.contract_hash
    return OldRows(scan.select(groups, partitioned=False), same)


def _columns(
    engine: Engine,
    session: Session,
    table: Table,
    partition: Partition | None,
    bounds: Iterable[BoundInput],
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
    dated = partition and any(str(partition) in f"{c.name} {c.type}" for c in found)
    if sql.same_day and not sql.volatile and not dated:
        engine.described[key] = found
    return found


def _shaped(
    query: str, columns: Sequence[Column], table: Table, partition: Partition | None
) -> tuple[str, tuple[Column, ...]]:
    """Leave `dt` to the path, once each row's is seen to be the partition's; keep sums exact."""
    own = [c for c in columns if not (partition and c.name.lower() == COLUMN)]
    if not own:
        raise QueryFailed(
            "the query has no column but `dt`",
            where=table.sql.path,
            hint="select one more: `dt` is in the partition's path alone",
        )
    has_dt = len(own) < len(columns)
    exactly = tuple(Column(c.name, exact(c.type)) for c in own)
    if not has_dt and exactly == tuple(own):
        return query, exactly
    wanted = [as_exact(c) for c in own]
    if has_dt and partition:
        wanted[0] = _guarded(wanted[0], own[0], partition)
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


def refuse_names(columns: Sequence[Column], sql: SqlFile) -> None:
    """See that each column of a query has a name of its own, and is counted where names are listed.

    Raises:
        QueryFailed: two have one name, or a list of names is of another length.
    """
    _refuse_twins(columns, sql)
    _refuse_miscount(columns, sql)


def _refuse_twins(columns: Sequence[Column], sql: SqlFile) -> None:
    seen: set[str] = set()
    for c in columns:
        if c.name.lower() in seen:
            raise QueryFailed(
                f"two columns are named `{c.name}`",
                where=f"{sql.path}:{sql.line}",
                hint=_OWN_DT
                if c.name.lower() == COLUMN
                else "give one of them another name with AS",
            )
        seen.add(c.name.lower())


def _refuse_miscount(columns: Sequence[Column], sql: SqlFile) -> None:
    """See that there are as many columns as an INSERT or a CREATE names: the rest goes unnamed."""
    named = sql.listed
    if named and len(named) != len(columns):
        raise QueryFailed(
            f"{len(named)} columns are named, but the query yields {len(columns)}",
            where=f"{sql.path}:{sql.line}",
            hint="name each column that the query yields",
        )


def _guarded(wanted: str, column: Column, partition: Partition) -> str:
    """Make the first column fail on a row of another date.

    A projection, not a filter: a filter might be tested on rows that the query's own drops.
    """
    value = wanted.removesuffix(f" AS {quote(column.name)}")
    own = f"TRY_CAST({COLUMN} AS {partition.grain.type})"
    message = f"`dt` of a row is ' || coalesce(CAST({COLUMN} AS VARCHAR), 'NULL') || ', outside"
    return (
        f"CASE WHEN {own} IS DISTINCT FROM {partition.literal}"
        f" THEN error('{message} the partition {partition.folder}')"
        f" ELSE {value} END AS {quote(column.name)}"
    )
