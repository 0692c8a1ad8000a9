"""Types of DuckDB that Parquet doesn't know, and those that hold the same values."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from contextlib import suppress

from nomad.engine.instance import Session
from nomad.errors import QueryFailed
from nomad.names import quote
from nomad.schema import Column

EXACT = "DECIMAL(38,0)"
"""How a HUGEINT (what `sum` of integers gives) is published: Parquet would make it a DOUBLE."""

_WIDE = r"""\"(?:[^"]|"")*\"|'(?:[^']|'')*'|\bU?HUGEINT\b(?=[\[),]|$)"""
"""A HUGEINT in a type's name; a field's name, and a text of an ENUM, is passed over."""


def exact(kind: str) -> str:
    """Name the type by which values go into Parquet without loss, in lists and structs as well.

    Example:
        >>> exact("HUGEINT[]"), exact('STRUCT("HUGEINT" UHUGEINT, b INTEGER)')
        ('DECIMAL(38,0)[]', 'STRUCT("HUGEINT" DECIMAL(38,0), b INTEGER)')
    """
    if "HUGEINT" not in kind:
        return kind
    return re.sub(_WIDE, lambda m: EXACT if m[0][0] in "UH" else m[0], kind)


def is_wide(column: Column) -> bool:
    """Tell whether Parquet has no whole numbers of a column's type."""
    return exact(column.type) != column.type


def as_exact(column: Column) -> str:
    """Write a column as SQL, so that Parquet holds its values without loss, under its own name."""
    name, kind = quote(column.name), exact(column.type)
    return f"CAST({name} AS {kind}) AS {name}" if is_wide(column) else name


def exactly(query: str, columns: Sequence[Column]) -> str:
    """Write a query so that Parquet holds its rows without loss; two columns may have one name."""
    if not any(map(is_wide, columns)):
        return query
    places = [f"c{number}" for number in range(len(columns))]
    wanted = (
        f"CAST({place} AS {exact(c.type)}) AS {quote(c.name)}"
        for place, c in zip(places, columns, strict=True)
    )
    return f"SELECT {', '.join(wanted)} FROM ({query}\n) AS _({', '.join(places)})"


def too_wide(column: Column) -> str:
    """Write the condition that a value is not to be had in a type of Parquet's without loss."""
    name, kind = quote(column.name), exact(column.type)
    lost = f"CAST(TRY_CAST({name} AS {kind}) AS VARCHAR) <> CAST({name} AS VARCHAR)"
    return f"((TRY_CAST({name} AS {kind}) IS NULL OR {lost}) AND {name} IS NOT NULL)"


def told_too_wide(
    session: Session, query: str, columns: Iterable[Column], e: QueryFailed, *, where: str
) -> QueryFailed:
    """Name the column with a value that doesn't go into Parquet exactly, if that is what failed."""
    for c in columns if EXACT in e.what else ():
        with suppress(QueryFailed):
            if is_wide(c) and session.execute(
                f"SELECT 1 FROM (\n{query}\n) WHERE {too_wide(c)} LIMIT 1"
            ):
                return QueryFailed(
                    f"`{c.name}` has a value of more than 38 digits",
                    where=where,
                    hint=f"cast it: CAST({quote(c.name)} AS VARCHAR) keeps all digits,"
                    " AS DOUBLE rounds",
                )
    return e
