"""New rows over old ones: the upsert of a full table.

A new row takes the place of the old one with its key; all else stays. The same rows merged twice
give the same table.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from nomad.build.checks.columns import stored, widens
from nomad.contract.contract import Contract
from nomad.engine.instance import Place, Session
from nomad.errors import Refused, StepFailed
from nomad.lake.layout import manifest_key
from nomad.lake.manifest import Over
from nomad.names import TableName, counted, quote
from nomad.schema import Column

_NEW = quote("new rows")
_EXAMPLES = 3


class OldRows(NamedTuple):
    """What is published of a table: a SELECT, and whether it was merged by the same contract."""

    query: str
    by_this_contract: bool


def refuse_lost(table: TableName, over: Over | None) -> None:
    """See that the old rows can be read, where there are any: a merge would leave them out.

    Raises:
        StepFailed: a file of theirs is gone, or their manifest can't be read.
    """
    if over is None or over.manifest is not None:
        return
    raise StepFailed(
        "a merge keeps the published rows, and they can't be read: a file is gone, or the manifest"
        " is damaged",
        where=manifest_key(table, None),
        hint=f"publish an earlier version again: `nomad history {table}`, then `nomad rollback"
        f" {table} --to RUN_ID`; `nomad run {table} --full-refresh` begins anew, without them",
    )


def merged(
    session: Session,
    query: str,
    schema: Sequence[Column],
    contract: Contract,
    old: OldRows | None,
    *,
    at: Place,
) -> str:
    """Run the query of the new rows; give that of the table they make with the old ones.

    `schema` is the query's; `old` is None where nothing is published yet. A column that the old
    rows lack is NULL in them.

    Raises:
        Refused: two rows share a key, or a key holds NULL; or old rows would lose values.
    """
    session.execute(f"CREATE TEMP TABLE {_NEW} AS {query}", at=Place(at.path, at.line - 1))
    if told := _twins(session, contract, _NEW):
        raise _no_key(contract, "the query gives", told).replace(
            hint="let the query keep the newest row of each key, with `qualify row_number() …`"
        )
    if old is None:
        return f"SELECT * FROM {_NEW}"
    there = {c.name.lower(): c for c in session.describe(old.query)}
    _refuse_loss(session, contract, schema, old.query, there)
    if not old.by_this_contract:
        _refuse_old_twins(session, contract, old.query, there)
    kept = ", ".join(_kept(c, there) for c in schema)
    same = " AND ".join(f"o.{k} = n.{k}" for k in map(quote, contract.unique_key))
    return (
        f"SELECT * FROM {_NEW} UNION ALL SELECT {kept} FROM ({old.query}) AS o"
        f" WHERE NOT EXISTS (SELECT 1 FROM {_NEW} AS n WHERE {same})"
    )


def _kept(column: Column, there: Mapping[str, Column]) -> str:
    name = quote(column.name)
    value = f"o.{name}" if column.name.lower() in there else "NULL"
    return f"CAST({value} AS {column.type}) AS {name}"


def _twins(session: Session, contract: Contract, rows: str) -> str:
    """Name keys that several rows have, or that hold NULL; empty where each has its own."""
    listed = ", ".join(map(quote, contract.unique_key))
    nulls = " OR ".join(f"{quote(k)} IS NULL" for k in contract.unique_key)
    bad = session.execute(
        f"SELECT {listed}, count(*) FROM {rows} GROUP BY {listed} HAVING count(*) > 1 OR {nulls}"
        f" ORDER BY ALL LIMIT {_EXAMPLES}"
    )
    return ", ".join(f"({', '.join(str(v) for v in values)})" for *values, _ in bad)


def _no_key(contract: Contract, which: str, told: str) -> Refused:
    return Refused(
        f"a merge needs one row for each `{', '.join(contract.unique_key)}`, without NULL; "
        f"{which} {told} more than once, or NULL",
        where=contract.path,
    )


def _refuse_old_twins(
    session: Session, contract: Contract, old: str, there: Mapping[str, Column]
) -> None:
    """See that the key tells the old rows apart, too: of those that share one, all would go."""
    lacking = [k for k in contract.unique_key if k.lower() not in there]
    if not lacking and not (told := _twins(session, contract, f"({old})")):
        return
    fault = (
        Refused(f"the published rows have no `{lacking[0]}` to merge by", where=contract.path)
        if lacking
        else _no_key(contract, "the published rows have", told)
    )
    raise fault.replace(hint=f"was `unique_key` changed? {_ANEW}")


_ANEW = "`nomad run TABLE --full-refresh` begins anew, without the published rows"


def _refuse_loss(
    session: Session,
    contract: Contract,
    schema: Sequence[Column],
    old: str,
    there: Mapping[str, Column],
) -> None:
    """See that old rows keep their columns and values where those of the query are others."""
    names = {c.name.lower() for c in schema}
    if gone := [c.name for n, c in there.items() if n not in names]:
        raise Refused(
            f"the published rows have `{gone[0]}`, which the query lacks: a merge would drop it",
            where=contract.path,
            hint=f"keep the column, as NULL where it is not known any more; or {_ANEW}",
        )
    for new in schema:
        kept = there.get(new.name.lower())
        if kept and (rows := _changed(session, old, kept, new)):
            raise Refused(
                f"`{new.name}` is {new.type} now, and {counted(rows, 'published row')} of"
                f" {kept.type} would change",
                where=contract.path,
                hint=f"cast it to {kept.type} in the query; or {_ANEW}",
            )


def _changed(session: Session, old: str, kept: Column, new: Column) -> int:
    """Count the old rows whose value is another one as the type of now."""
    before, after = stored(kept.type), stored(new.type)
    if before == after or widens(before, after):
        return 0
    name = quote(kept.name)
    back = f"TRY_CAST(TRY_CAST({name} AS {new.type}) AS {kept.type})"
    return int(
        session.execute(f"SELECT count(*) FROM ({old}) WHERE {back} IS DISTINCT FROM {name}")[0][0]
    )
