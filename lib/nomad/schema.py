"""A table's columns: what a query gives, a file holds, a manifest says."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from nomad.hashing import digest


class Column(NamedTuple):
    """One column: DuckDB's name of its type, and whether it may hold NULL."""

    name: str
    type: str
    nullable: bool = True


def schema_hash(schema: Iterable[Column]) -> str:
    """Digest names, types and their order.

    Example:
        >>> schema_hash([Column("a", "INTEGER")]) == schema_hash([Column("a", "BIGINT")])
        False
    """
    return digest(*(f"{c.name} {c.type}" for c in schema))
