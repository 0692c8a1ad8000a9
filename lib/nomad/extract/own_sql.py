"""What connectors share whose queries DuckDB itself runs."""

from __future__ import annotations

import re
from collections.abc import Sequence

from nomad.engine.external import External
from nomad.extract.databases import Taken
from nomad.names import literal, quote
from nomad.schema import Column

_INEXACT = r"HUGEINT|INTERVAL|TIME WITH TIME ZONE|\bBIT\b|UNION|VARIANT|BIGNUM|GEOMETRY"
"""Types that Parquet changes, or some of their values."""


def taken(_external: External, _relation: str, columns: Sequence[Column]) -> list[Taken]:
    """Read each column as it is, or as text where Parquet has no such type."""
    return [
        Taken(c, f"CAST({quote(c.name)} AS VARCHAR)", in_order=False)
        if re.search(_INEXACT, c.type)
        else Taken(c, quote(c.name))
        for c in columns
    ]


def passed(_name: str, select: str) -> str:
    """Give a query as a table."""
    return f"(\n{select}\n)"


def compared(column: Column, sign: str, value: str) -> str:
    """Compare a column with a value of its type."""
    if column.type == "TIMESTAMP WITH TIME ZONE" and len(value) == len("2024-01-02"):
        value = f"{value} 00:00:00+00"
    return f"{quote(column.name)} {sign} CAST({literal(value)} AS {column.type})"


def reason(text: str) -> str:
    """Give what DuckDB said."""
    said = re.match(r"(?s).*can't be attached: (?:\w+ Error: )?(.*)", text)
    return (said[1] if said else text).splitlines()[0].strip()
