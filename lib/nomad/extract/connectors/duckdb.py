"""Connector `duckdb`: a table or a query of a DuckDB file."""

from __future__ import annotations

import re
from collections.abc import Sequence

from nomad.engine.external import External
from nomad.errors import ConfigError, Refused, Unreachable
from nomad.extract.base import Request
from nomad.extract.databases import FILE, OPTIONS, DatabaseConnector, Dialect, Fault, Taken, located
from nomad.names import literal, quote
from nomad.schema import Column

_INEXACT = r"HUGEINT|INTERVAL|TIME WITH TIME ZONE|\bBIT\b|UNION|VARIANT|BIGNUM|GEOMETRY"
"""Types that Parquet changes, or some of their values."""


def _taken(_external: External, _relation: str, columns: Sequence[Column]) -> list[Taken]:
    return [
        Taken(c, f"CAST({quote(c.name)} AS VARCHAR)", in_order=False)
        if re.search(_INEXACT, c.type)
        else Taken(c, quote(c.name))
        for c in columns
    ]


def _address(request: Request) -> str:
    return str(located(request))


def _passed(_name: str, select: str) -> str:
    return f"(\n{select}\n)"


def _compared(column: Column, sign: str, value: str) -> str:
    if column.type == "TIMESTAMP WITH TIME ZONE" and len(value) == len("2024-01-02"):
        value = f"{value} 00:00:00+00"
    return f"{quote(column.name)} {sign} CAST({literal(value)} AS {column.type})"


def _reason(text: str) -> str:
    said = re.match(r"(?s).*can't be attached: (?:\w+ Error: )?(.*)", text)
    return (said[1] if said else text).splitlines()[0].strip()


_FAULTS = (
    Fault(r"(Table|Schema|View) .* does not exist", ConfigError, "was it renamed or dropped?"),
    Fault(
        r"(column|Column) .* not found|Referenced column", ConfigError, "was it renamed or dropped?"
    ),
    Fault(r"[Ll]ock", Unreachable, "another program has it open to write"),
    Fault(r"not a valid DuckDB|[Cc]orrupt|magic", Refused, "is it a DuckDB file, and whole?"),
    Fault(r"syntax error|Parser|Binder", ConfigError, "see `query` and `where`"),
)

CONNECTOR = DatabaseConnector(
    (*FILE, *OPTIONS),
    Dialect(
        kind="duckdb",
        title="DuckDB",
        version="version()",
        address=_address,
        passed=_passed,
        quote=quote,
        literal=literal,
        compared=_compared,
        taken=_taken,
        reason=_reason,
        faults=_FAULTS,
    ),
)
