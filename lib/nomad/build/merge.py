"""New rows over old ones: the upsert of a full table.

A new row takes the place of the old one with its key; all else stays. The same rows merged twice
give the same table.
"""

from __future__ import annotations

from collections.abc import Sequence

from nomad.contract.contract import Contract
from nomad.engine.instance import Place, Session
from nomad.errors import Refused
from nomad.names import quote
from nomad.schema import Column

_NEW = quote("new rows")
_EXAMPLES = 3


def merged(
    session: Session,
    query: str,
    schema: Sequence[Column],
    contract: Contract,
    old: str | None,
    *,
    at: Place,
) -> str:
    """Run the query of the new rows; give that of the table they make with the old ones.

    `schema` is the query's; `old` is a SELECT, or None where nothing is published yet. A column
    that the old rows lack is NULL in them.

    Raises:
        Refused: two new rows share a key, or a key holds NULL.
    """
    session.execute(f"CREATE TEMP TABLE {_NEW} AS {query}", at=Place(at.path, at.line - 1))
    key = [quote(c) for c in contract.unique_key]
    _refuse_twins(session, contract, key)
    if old is None:
        return f"SELECT * FROM {_NEW}"
    there = {c.name.lower() for c in session.describe(old)}
    kept = ", ".join(_kept(c, there) for c in schema)
    same = " AND ".join(f"o.{k} = n.{k}" for k in key)
    return (
        f"SELECT * FROM {_NEW} UNION ALL SELECT {kept} FROM ({old}) AS o"
        f" WHERE NOT EXISTS (SELECT 1 FROM {_NEW} AS n WHERE {same})"
    )


def _kept(column: Column, there: set[str]) -> str:
    name = quote(column.name)
    value = f"o.{name}" if column.name.lower() in there else "NULL"
    return f"CAST({value} AS {column.type}) AS {name}"


def _refuse_twins(session: Session, contract: Contract, key: Sequence[str]) -> None:
    listed = ", ".join(key)
    nulls = " OR ".join(f"{k} IS NULL" for k in key)
    bad = session.execute(
        f"SELECT {listed}, count(*) FROM {_NEW} GROUP BY {listed} HAVING count(*) > 1 OR {nulls}"
        f" ORDER BY ALL LIMIT {_EXAMPLES}"
    )
    if bad:
        told = ", ".join(f"({', '.join(str(v) for v in values)})" for *values, _ in bad)
        raise Refused(
            f"a merge needs one row for each `{', '.join(contract.unique_key)}`, without NULL; "
            f"the query gives {told} more than once, or NULL",
            where=contract.path,
            hint="let the query keep the newest row of each key, with `qualify row_number() …`",
        )
