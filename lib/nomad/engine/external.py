"""A database outside the lake, read in one transaction; what is asked of it goes into a file.

An extension is loaded once a process, into an instance of its own: to load it costs 0.2 seconds.
The database itself runs what is asked; DuckDB writes it down. Where it is a DuckDB, names in a
query are those of that file.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import closing, contextmanager, nullcontext, suppress
from functools import cache
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, NamedTuple

from nomad.engine.attach import attach
from nomad.engine.extensions import packaged
from nomad.engine.faults import guarded
from nomad.engine.instance import Session, Settings
from nomad.engine.machine import cores, memory
from nomad.errors import ConfigError, QueryFailed
from nomad.names import literal
from nomad.schema import Column

if TYPE_CHECKING:
    import duckdb

_OWN = "duckdb"
_ALONE = Lock()
"""A DuckDB file can be open once in a process."""

_SETTINGS = {
    "mysql": "SET GLOBAL mysql_tinyint1_as_boolean = false;"
    " SET GLOBAL mysql_session_time_zone = '+00:00'",
}
"""What keeps an extension from changing values: a TINYINT(1) holds more than 0 and 1."""

_NUMBERS = itertools.count(1)


class External(NamedTuple):
    """A database that is open: a session, in which it has a name."""

    session: Session
    name: str

    def rows(self, query: str) -> list[tuple[object, ...]]:
        """Give the rows of a query of DuckDB's."""
        return self.session.execute(query)

    def columns(self, query: str) -> tuple[Column, ...]:
        """Name the columns of a query; asked once, as an error would end the transaction."""
        return tuple(Column(r[0], r[1]) for r in self.session.execute(f"DESCRIBE (\n{query}\n)"))

    def save(self, query: str, path: Path) -> int:
        """Write a query's rows as one Parquet file; tell how many there are."""
        to = f"{literal(str(path))} (FORMAT parquet, COMPRESSION zstd)"
        return int(self.session.execute(f"COPY (\n{query}\n) TO {to}")[0][0])


@contextmanager
def opened(kind: str, address: str) -> Iterator[External]:
    """Open a database read-only: all that is asked within sees it as it was at the first query.

    `kind` is DuckDB's word for it.

    Raises:
        ConfigError: its extension is not installed.
        LakeError: it can't be reached.
    """
    if kind != _OWN and not packaged(f"{kind}_scanner"):
        raise ConfigError(
            f"connector `{kind}` needs DuckDB's extension {kind}_scanner",
            hint=f"pip install 'nomad-warehouse[{kind}]'",
        )
    name = f"source_{next(_NUMBERS)}"
    alone = _ALONE if kind == _OWN else nullcontext()
    with alone, closing(_instance(kind).cursor()) as con:
        attach(con, name, f"{kind}:{address}")
        try:
            con.execute(f"USE {name}; BEGIN" if kind == _OWN else "BEGIN")
            yield External(Session(con), name)
        finally:
            _leave(Session(con), name)


def _leave(session: Session, name: str) -> None:
    for statement in ("ROLLBACK", "USE memory", f"DETACH {name}"):
        with suppress(QueryFailed):
            session.execute(statement)


@cache
def _instance(kind: str) -> duckdb.DuckDBPyConnection:
    """Open an instance for the databases of a kind; without a folder to spill to."""
    import duckdb

    config: dict[str, Any] = {
        "memory_limit": memory(Settings().memory_limit),
        "threads": cores(),
        "autoinstall_known_extensions": False,
        "python_enable_replacements": False,
        "temp_directory": "",
    }
    con = duckdb.connect(config=config)
    if path := packaged(f"{kind}_scanner"):
        guarded(lambda: con.execute(f"LOAD {literal(str(path))}; {_SETTINGS.get(kind, '')}"))
    return con
