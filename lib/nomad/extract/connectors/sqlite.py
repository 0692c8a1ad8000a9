"""Connector `sqlite`: a table or a query of a SQLite file, by DuckDB's extension.

SQLite runs one SELECT and hands over texts. In SQLite each value has a type of its own: a column's
is one that holds all of them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from nomad.engine.external import External
from nomad.errors import ConfigError, Refused, Unreachable
from nomad.extract.asking import FILE, OPTIONS, located
from nomad.extract.base import Request
from nomad.extract.databases import DatabaseConnector, Dialect, Fault, Taken
from nomad.names import literal, quote
from nomad.schema import Column

# Types -----------------------------------------------------------------------------------------

_LARGEST = 2**53
"""All whole numbers up to this one are DOUBLE, too."""

_KINDS = """
max(typeof({0}) = 'integer') || max(typeof({0}) = 'real') || max(typeof({0}) = 'text')
|| max(typeof({0}) = 'blob') || max(typeof({0}) = 'integer' AND abs({0} / 2) >= {1})
"""
"""Which types a column's values have, a digit each: whole, real, text, bytes; and large numbers."""


def _taken(external: External, relation: str, columns: Sequence[Column]) -> list[Taken]:
    each = ", ".join(
        f"{_KINDS.format(quote(c.name), _LARGEST // 2)} AS {quote(c.name)}" for c in columns
    )
    kinds = external.rows(f"FROM {_passed(external.name, f'SELECT {each} FROM {relation}')}")[0]
    declared = _declared(external, relation)
    return [
        _read(c, str(kind or "00000"), declared.get(c.name, ""))
        for c, kind in zip(columns, kinds, strict=True)
    ]


def _declared(external: External, relation: str) -> dict[str, str]:
    """Give the declared types of a table's columns; those of a query have none."""
    table = re.fullmatch(r'"((?:[^"]|"")*)"', relation)
    if not table:
        return {}
    asked = f"SELECT name, upper(type) AS kind FROM pragma_table_info({literal(_bare(table[1]))})"
    return {str(n): str(k) for n, k in external.rows(f"FROM {_passed(external.name, asked)}")}


def _bare(name: str) -> str:
    return name.replace('""', '"')


def _read(column: Column, kinds: str, declared: str) -> Taken:
    name = quote(column.name)
    kind = _kind(kinds, declared)
    column = column._replace(type=kind)
    # printf makes 0.0 of NULL
    exact = f"CASE WHEN {name} IS NOT NULL THEN printf('%!.17g', {name}) END"
    if kind == "BIGINT":
        return Taken(column, name, made=f"CAST({name} AS BIGINT)")
    if kind == "DOUBLE":
        return Taken(column, exact, made=f"CAST({name} AS DOUBLE)")
    if kind == "BLOB":
        mixed = (f"typeof({name}) NOT IN ('blob', 'null')", f"{_MIXED}{column.name}")
        return Taken(column, f"hex({name})", in_order=False, fault=mixed, made=f"unhex({name})")
    # what SQLite calls text may be any bytes: to decode it is to look at it
    spelled = f"CASE typeof({name}) WHEN 'real' THEN {exact} ELSE {name} END"
    plain = kinds in ("00100", "00000")
    return Taken(column, spelled, in_order=plain, made=f"decode(encode({name}))")


_MIXED = "bytes beside other values in column "


def _kind(kinds: str, declared: str) -> str:
    """Name the type that holds all values; declared is what SQLite makes of them where it can.

    Example:
        >>> _kind("10000", "INTEGER"), _kind("11000", ""), _kind("11001", ""), _kind("10100", "")
        ('BIGINT', 'DOUBLE', 'VARCHAR', 'VARCHAR')
        >>> _kind("00000", "DATE"), _kind("10000", "DECIMAL(10,2)"), _kind("00000", "VARCHAR(5)")
        ('VARCHAR', 'DOUBLE', 'VARCHAR')
    """
    whole, real, text, data, large = (mark == "1" for mark in kinds)
    if data:
        return "BLOB"
    if text:
        return "VARCHAR"
    if real or (not large and re.search("REAL|FLOA|DOUB|NUMERIC|DEC", declared)):
        return "VARCHAR" if large else "DOUBLE"
    if whole or "INT" in declared:
        return "BIGINT"
    return "BLOB" if "BLOB" in declared else "VARCHAR"


# Asking ----------------------------------------------------------------------------------------


def _address(request: Request) -> str:
    return str(located(request))


def _passed(name: str, select: str) -> str:
    return f"sqlite_query({literal(name)}, {literal(select)})"


def _compared(column: Column, sign: str, value: str) -> str:
    name = quote(column.name)
    if column.type == "VARCHAR":
        return f"{name} COLLATE BINARY {sign} {literal(value)}"
    bare = re.fullmatch(r"-?\d+(\.\d+)?([eE][+-]?\d+)?", value)
    return f"{name} {sign} {value if bare else literal(value)}"


def _reason(text: str) -> str:
    said = re.match(r"(?s).*?(?:query|database) \".*?\": (.*)", text)
    return (said[1] if said else text).splitlines()[0].strip()


_FAULTS = (
    Fault(r"no such table", ConfigError, "was it renamed or dropped?"),
    Fault(r"no such column", ConfigError, "was it renamed or dropped?"),
    Fault(r"syntax error|incomplete input|ambiguous", ConfigError, "see `query` and `where`"),
    Fault(
        r"locked|unable to open|busy",
        Unreachable,
        "does another program hold it, or its right to be read?",
    ),
    Fault(r"not a database|malformed", Refused, "is it a SQLite file, and whole?"),
    Fault(
        r"unicode|UTF8",
        Refused,
        "a text is no UTF-8: take it as bytes, by CAST(… AS BLOB) in a `query`",
    ),
    Fault(_MIXED, Refused, "cast it in a `query`"),
)

CONNECTOR = DatabaseConnector(
    (*FILE, *OPTIONS),
    Dialect(
        kind="sqlite",
        title="SQLite",
        version="sqlite_version()",
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
