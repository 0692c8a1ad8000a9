"""Connector `postgres`: a table or a query of a PostgreSQL database, by DuckDB's extension.

The server runs one SELECT in a transaction of its own that only reads. What Parquet has no exact
type for lands as the text that the server writes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from nomad.config.options import TEXT, Held, Option
from nomad.engine.external import External
from nomad.errors import ConfigError, Refused, Unreachable, hide, hide_in
from nomad.extract.asking import OPTIONS, SERVER
from nomad.extract.base import Request
from nomad.extract.databases import DatabaseConnector, Dialect, Fault, Taken
from nomad.names import literal, quote
from nomad.schema import Column

# Options ---------------------------------------------------------------------------------------

_PARTS = {"host": "host", "port": "port", "database": "dbname", "user": "user",
          "password": "password"}  # fmt: skip


def _of_a_table(_value: Held, given: Mapping[str, Held]) -> str | None:
    return None if "table" in given else "needs a `table` beside it"


_OPTIONS = (
    *SERVER,
    Option("schema", "Of the table; default as the server searches.", TEXT, rule=_of_a_table),
    *OPTIONS,
)


def _address(request: Request) -> str:
    """Write libpq's connection string."""
    options = request.source.options
    hide(options.get("password", ""))
    if dsn := options.get("dsn"):
        hide_in(str(dsn))
        return str(dsn)
    parts = {"connect_timeout": "15", "application_name": "nomad"}
    parts |= {word: str(options[name]) for name, word in _PARTS.items() if name in options}
    return " ".join(f"{word}={_quoted(value)}" for word, value in parts.items())


def _quoted(value: str) -> str:
    escaped = value.replace("\\", r"\\").replace("'", r"\'")
    return f"'{escaped}'"


# Types -----------------------------------------------------------------------------------------

_EXACT = frozenset((
    "bool", "int2", "int4", "int8", "float4", "float8", "text", "varchar", "bpchar", "name",
    "bytea", "date", "time", "timestamp", "timestamptz", "uuid", "json", "jsonb",
))  # fmt: skip
"""Types that come through as they are, by the names that the server has for them."""

_TYPES = """
SELECT b.typname AS "type", e.typname AS element
FROM (
    SELECT ARRAY[{types}] AS types FROM (SELECT 1) AS one LEFT JOIN (SELECT * FROM {relation}) AS q ON false
) AS d, unnest(d.types) WITH ORDINALITY AS c("type", n)
JOIN pg_catalog.pg_type AS t ON t.oid = c."type"
JOIN pg_catalog.pg_type AS b ON b.oid = coalesce(nullif(t.typbasetype, 0), t.oid)
LEFT JOIN pg_catalog.pg_type AS e ON e.oid = b.typelem AND b.typcategory = 'A'
ORDER BY c.n
"""  # noqa: E501
"""Asks for the types of columns without a row; of a domain for what it stands for."""


def _taken(external: External, relation: str, columns: Sequence[Column]) -> list[Taken]:
    types = ", ".join(f"pg_typeof(q.{quote(c.name)})" for c in columns)
    asked = _TYPES.format(types=types, relation=relation)
    found = external.rows(f"FROM {_passed(external.name, asked)}")
    return [_read(c, str(t), e) for c, (t, e) in zip(columns, found, strict=True)]


def _read(column: Column, kind: str, element: object) -> Taken:
    name = quote(column.name)
    if kind in _EXACT or element in _EXACT:
        return Taken(column, name)
    if kind == "numeric" and _fits(column.type):  # DuckDB's extension would read a NaN as 0
        return Taken(column, name, fault=(f"{name} = 'NaN'", f"{_NAN}{column.name}"))
    return Taken(column, f"{name}::text{'[]' if element else ''}", in_order=False)


def _fits(kind: str) -> bool:
    """Tell whether DuckDB has the type of a NUMERIC; of one without bounds it makes a DOUBLE.

    Example:
        >>> _fits("DECIMAL(12,4)"), _fits("DECIMAL(3,254)"), _fits("DOUBLE")
        (True, False, False)
    """
    found = re.fullmatch(r"DECIMAL\((\d+),(\d+)\)", kind)
    return found is not None and int(found[2]) <= int(found[1])


_NAN = "NaN in column "


# Asking ----------------------------------------------------------------------------------------


def _passed(name: str, select: str) -> str:
    return f"postgres_query({literal(name)}, {literal(select)})"


def _compared(column: Column, sign: str, value: str) -> str:
    """Compare as the column's type, which a quoted value takes on; texts by their bytes."""
    if column.type == "VARCHAR":
        return f'{quote(column.name)} COLLATE "C" {sign} {literal(value)}'
    if column.type == "TIMESTAMP WITH TIME ZONE" and len(value) == len("2024-01-02"):
        value = f"{value} 00:00:00+00"
    return f"{quote(column.name)} {sign} {literal(value)}"


_SAID = (
    r"(?s).*(?:ERROR|FATAL|PANIC):\s+([^\n]*)",
    r"(?s).*Unable to connect to Postgres at \".*\": (.*)",
)


def _reason(text: str) -> str:
    found = next((m for m in (re.match(p, text) for p in _SAID) if m), None)
    said = found[1] if found else text
    if re.search(r"connection (?:info )?string|connection option|URI", said):
        return "its `dsn` can't be read"
    return said.splitlines()[0].strip()


_UP = "is the server up, and is this its address?"
_FAULTS = (
    Fault("can't be read", ConfigError, "write it like postgresql://user@host:5432/database"),
    Fault(r"password|pg_hba|role .* does not exist", Unreachable, "check `user` and `password`"),
    Fault(r"database .* does not exist", Unreachable, "check `database`"),
    Fault(r"permission denied", Unreachable, "have SELECT granted to this user"),
    Fault(r"(relation|schema) .* does not exist", ConfigError,
          "was it renamed or dropped? `table` and `schema` are spelled as the server has them"),
    Fault(r"column .* does not exist", ConfigError, "was it renamed or dropped?"),
    Fault(_NAN, Refused, "which no DECIMAL holds: cast the column to text in a `query`"),
    Fault(r"array has \d+ dimensions", Refused, "cast the array to text in a `query`"),
    Fault(r"duplicate column", ConfigError, "name the columns apart in a `query`; case is no help"),
    Fault(r"connect|timeout|starting up|shutting down|recovery|too many|network", Unreachable, _UP),
    Fault(r"translate host name|refused|closed|terminat|SSL", Unreachable, _UP),
)  # fmt: skip

CONNECTOR = DatabaseConnector(
    _OPTIONS,
    Dialect(
        kind="postgres",
        title="PostgreSQL",
        version="split_part(current_setting('server_version'), ' ', 1)",
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
