"""Types of DuckDB that Parquet doesn't know, and those that hold the same values."""

from __future__ import annotations

import re

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
