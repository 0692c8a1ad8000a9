"""A table's columns: what a query gives, a file holds, a manifest says."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from nomad.hashing import digest


class Column(NamedTuple):
    """One column: DuckDB's name of its type, and whether it may hold NULL."""

    name: str
    type: str
    nullable: bool = True


NO_ROWS = (Column("json", "JSON"),)
"""The column of JSON of which no row has a field, where no earlier file and no
declaration tells others."""


@lru_cache
def schema_hash(schema: tuple[Column, ...]) -> str:
    """Digest names, types and their order.

    Example:
        >>> schema_hash((Column("a", "INTEGER"),)) == schema_hash((Column("a", "BIGINT"),))
        False
    """
    return digest(*(f"{c.name} {c.type}" for c in schema))
