"""Connector `mysql`: a table or a query of a MySQL or MariaDB database, by DuckDB's extension.

The server runs one SELECT, in a session whose time zone is UTC.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import quote as escaped

from nomad.engine.external import External
from nomad.errors import ConfigError, Refused, Unreachable, hide, hide_in
from nomad.extract.asking import OPTIONS, SERVER
from nomad.extract.base import Request
from nomad.extract.databases import DatabaseConnector, Dialect, Fault, Taken
from nomad.names import literal
from nomad.schema import Column

# Options ---------------------------------------------------------------------------------------

_PARTS = ("host", "port", "database", "user", "password")


def _address(request: Request) -> str:
    """Write the address as DuckDB's extension reads it, in which nothing can be quoted."""
    options = request.source.options
    hide(options.get("password", ""))
    if dsn := options.get("dsn"):
        hide_in(str(dsn))
        return str(dsn)
    said = {name: escaped(str(options[name]), safe="") for name in _PARTS if name in options}
    password = f":{said['password']}" if "password" in said else ""
    who = f"{said['user']}{password}@" if "user" in said else ""
    port = f":{said['port']}" if "port" in said else ""
    return f"mysql://{who}{said.get('host', 'localhost')}{port}/{said.get('database', '')}"


# SQL -------------------------------------------------------------------------------------------


def _quote(name: str) -> str:
    return f"`{name.replace('`', '``')}`"


def _literal(text: str) -> str:
    return literal(text.replace("\\", "\\\\"))


def _passed(name: str, select: str) -> str:
    return f"mysql_query({literal(name)}, {literal(select)})"


_NUMBER = r"-?\d+(\.\d+)?([eE][+-]?\d+)?"


def _compared(column: Column, sign: str, value: str) -> str:
    """Compare a number as a number, for a quoted one is taken as a DOUBLE; texts by their bytes."""
    name = _quote(column.name)
    if column.type == "VARCHAR":
        return f"CONVERT({name} USING utf8mb4) COLLATE utf8mb4_bin {sign} {_literal(value)}"
    bare = not column.type.startswith(("DATE", "TIME")) and re.fullmatch(_NUMBER, value)
    return f"{name} {sign} {value if bare else _literal(value)}"


# Types -----------------------------------------------------------------------------------------

_WIDEST = 38
_DIGITS = "more digits than a DOUBLE holds in column "
_ZERO = "a date without a month or day in column "


def _taken(external: External, relation: str, columns: Sequence[Column]) -> list[Taken]:
    charsets = _asked(external, relation, columns, "CHARSET(q.{})")
    row = external.rows(f"FROM {charsets}")[0] if columns else ()
    numbers = [c for c in columns if c.type == "DOUBLE" or c.type.startswith("DECIMAL")]
    signed = _types(external, relation, numbers, "IF(FALSE, -1, q.{})")
    whole = _types(external, relation, numbers, "TRUNCATE(q.{}, 0)")
    return [
        _number(c, signed[c.name], whole[c.name]) if c in numbers else _other(c, charset)
        for c, charset in zip(columns, row, strict=True)
    ]


def _asked(external: External, relation: str, columns: Sequence[Column], each: str) -> str:
    """Ask for something of each column, without a row."""
    listed = ", ".join(f"{each.format(_quote(c.name))} AS {_quote(c.name)}" for c in columns)
    nothing = f"(SELECT 1) AS one LEFT JOIN (SELECT * FROM {relation}) AS q ON FALSE"
    return _passed(external.name, f"SELECT {listed} FROM {nothing}")


def _types(
    external: External, relation: str, columns: Sequence[Column], each: str
) -> dict[str, str]:
    if not columns:
        return {}
    found = external.columns(f"FROM {_asked(external, relation, columns, each)}")
    return {c.name: c.type for c in found}


def _number(column: Column, signed: str, whole: str) -> Taken:
    """Have a DECIMAL keep its digits.

    DuckDB's extension takes the width that a DECIMAL is written in, with sign and point, for its
    precision and two: one too few where it has no point, one too few where it has no sign. One of
    more than 38 digits it makes a DOUBLE, as which those of a query can't be told from others.
    """
    name = _quote(column.name)
    if found := re.fullmatch(r"DECIMAL\((\d+),(\d+)\)", signed):
        scale = int(found[2])
        width = int(found[1]) + (not scale)
        if width <= _WIDEST:
            kind = column._replace(type=f"DECIMAL({width},{scale})")
            return Taken(kind, f"CAST({name} AS DECIMAL({width + (not scale)},{scale}))")
    if found or whole.startswith("DECIMAL"):
        return Taken(column, f"CAST({name} AS CHAR)", in_order=False)
    lost = f"CAST({name} AS CHAR) REGEXP '^-?[0-9]{{18,}}$'"
    return Taken(column, name, fault=(lost, f"{_DIGITS}{column.name}"))


def _other(column: Column, charset: object) -> Taken:
    name = _quote(column.name)
    if column.type == "BLOB" and charset != "binary":
        return Taken(column._replace(type="VARCHAR"), f"CONVERT({name} USING utf8mb4)")
    if column.type in ("DATE", "TIMESTAMP"):
        zero = f"MONTH({name}) = 0 OR DAYOFMONTH({name}) = 0"
        return Taken(column, name, fault=(zero, f"{_ZERO}{column.name}"))
    return Taken(column, name, in_order=column.type != "VARCHAR" or charset != "binary")


# What went wrong -------------------------------------------------------------------------------


def _reason(text: str) -> str:
    if "Invalid dsn" in text or "URI" in text:
        return "its `dsn` can't be read"
    said = re.match(r"(?s).*(?:parameters|[Qq]uery) \".*\": (.*)", text)
    return (said[1] if said else text).splitlines()[0].removesuffix(".").strip()


_FAULTS = (
    Fault("can't be read", ConfigError, "write it like mysql://user@host:3306/database"),
    Fault(r"Access denied", Unreachable, "check `user`, `password` and `database`"),
    Fault(r"Unknown database", Unreachable, "check `database`"),
    Fault(r"command denied", Unreachable, "have SELECT granted to this user"),
    Fault(r"Table .* doesn't exist", ConfigError,
          "was it renamed or dropped? `table` is spelled as the server has it"),
    Fault(r"Unknown column", ConfigError, "was it renamed or dropped?"),
    Fault(rf"{_ZERO}|Date out of range", Refused,
          "which no DATE holds: make it NULL, or cast it to CHAR, in a `query`"),
    Fault(_DIGITS, Refused, "cast it to CHAR in a `query`"),
    Fault(r"[Dd]uplicate column", ConfigError, "name the columns apart in a `query`"),
    Fault(r"connect|host|gone away|Lost|killed|interrupted|timeout|Too many", Unreachable,
          "is the server up, and is this its address?"),
)  # fmt: skip

CONNECTOR = DatabaseConnector(
    (*SERVER, *OPTIONS),
    Dialect(
        kind="mysql",
        title="MySQL",
        version="SUBSTRING_INDEX(VERSION(), '-', 2)",
        address=_address,
        passed=_passed,
        quote=_quote,
        literal=_literal,
        compared=_compared,
        taken=_taken,
        reason=_reason,
        faults=_FAULTS,
    ),
)
