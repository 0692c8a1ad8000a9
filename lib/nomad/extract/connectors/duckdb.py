"""Connector `duckdb`: a table or a query of a DuckDB file."""

from __future__ import annotations

from nomad.errors import ConfigError, Refused, Unreachable
from nomad.extract import own_sql
from nomad.extract.asking import FILE, OPTIONS, located
from nomad.extract.base import Request
from nomad.extract.databases import DatabaseConnector, Dialect, Fault
from nomad.names import literal, quote


def _address(request: Request) -> str:
    return str(located(request))


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
        passed=own_sql.passed,
        quote=quote,
        literal=literal,
        compared=own_sql.compared,
        taken=own_sql.taken,
        reason=own_sql.reason,
        faults=_FAULTS,
    ),
)
