"""A database outside the lake, read in one transaction; what is asked of it goes into a file.

An extension is loaded once a process, into an instance of its own: to load it costs 0.2 seconds.
The database itself runs what is asked; DuckDB writes it down. Where it is a DuckDB, names in a
query are those of that file; so it is of what DuckDB itself scans, as a Delta table.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from contextlib import closing, contextmanager, nullcontext, suppress
from functools import cache
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, NamedTuple

from nomad.engine.attach import attach
from nomad.engine.extensions import packaged
from nomad.engine.faults import FULL, guarded
from nomad.engine.instance import Settings
from nomad.engine.interrupts import give_up, heeding
from nomad.engine.machine import cores, memory
from nomad.errors import ConfigError, QueryFailed
from nomad.names import literal
from nomad.schema import Column

if TYPE_CHECKING:
    import duckdb

    from nomad.engine.interrupts import Pending

_SCANNED = {"delta": ("delta",), "iceberg": ("avro", "iceberg")}
"""The extensions of what is not attached, but scanned by a function; the first is needed by the
second."""

_OWN = "duckdb"
_ALONE = Lock()
"""A DuckDB file can be open once in a process."""

_SETTINGS = {
    "mysql": "SET GLOBAL mysql_tinyint1_as_boolean = false;"
    " SET GLOBAL mysql_session_time_zone = '+00:00'",
}
"""What keeps an extension from changing values: a TINYINT(1) holds more than 0 and 1."""

_NUMBERS = itertools.count(1)


_OPEN: set[duckdb.DuckDBPyConnection] = set()
_PENDING: Pending = set()


def interrupt() -> None:
    """Break off whatever is asked of databases now, and wait no longer for those to be reached."""
    import duckdb

    give_up(_PENDING)
    for con in list(_OPEN):
        with suppress(duckdb.Error):  # it was closed meanwhile
            con.interrupt()


class External(NamedTuple):
    """A database that is open: a connection in which it has a name."""

    con: duckdb.DuckDBPyConnection
    name: str

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Give the rows of a query of DuckDB's.

        Raises:
            QueryFailed: with all that DuckDB and the database said.
        """
        return guarded(lambda: heeding(self.con, lambda: self._rows(query)))

    def _rows(self, query: str) -> list[tuple[Any, ...]]:
        import duckdb

        try:
            return self.con.execute(query).fetchall()
        except duckdb.OutOfMemoryException:
            raise
        except duckdb.Error as e:
            if FULL in str(e):
                raise
            raise QueryFailed(re.sub(r"^(?:[A-Z]\w+ )+Error: ", "", str(e))) from e

    def columns(self, query: str) -> tuple[Column, ...]:
        """Name the columns of a query; asked once, as an error would end the transaction."""
        return tuple(Column(r[0], r[1]) for r in self.rows(f"DESCRIBE (\n{query}\n)"))

    def save(self, query: str, path: Path) -> int:
        """Write a query's rows as one Parquet file; tell how many there are."""
        to = f"{literal(str(path))} (FORMAT parquet, COMPRESSION zstd)"
        return int(self.rows(f"COPY (\n{query}\n) TO {to}")[0][0])


@contextmanager
def opened(kind: str, address: str) -> Iterator[External]:
    """Open a database read-only: all that is asked within sees it as it was at the first query.

    `kind` is DuckDB's word for it.

    Raises:
        ConfigError: its extension is not installed.
        LakeError: it can't be reached.
    """
    for name in extensions(kind):
        if not packaged(name):
            raise ConfigError(
                f"connector `{kind}` needs DuckDB's extension {name}",
                hint=f"pip install 'nomad-warehouse[{kind}]'",
            )
    name = f"source_{next(_NUMBERS)}"
    alone = _ALONE if kind == _OWN else nullcontext()
    with alone:
        instance = _instance(kind)
        if kind not in _SCANNED:
            attach(instance, name, f"{kind}:{address}", _PENDING)
        with closing(instance.cursor()) as con, _left(External(con, name)) as external:
            external.rows(f"USE {name}; BEGIN" if kind == _OWN else "BEGIN")
            yield external


@contextmanager
def _left(external: External) -> Iterator[External]:
    """Have a database be let go of in the end, whatever is asked meanwhile."""
    try:
        _OPEN.add(external.con)
        yield external
    finally:
        _OPEN.discard(external.con)
        for statement in ("ROLLBACK", "USE memory", f"DETACH DATABASE IF EXISTS {external.name}"):
            with suppress(QueryFailed):
                external.rows(statement)


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
    loads = [f"LOAD {literal(str(packaged(name)))}; " for name in extensions(kind)]
    guarded(lambda: con.execute(f"{''.join(loads)}{_SETTINGS.get(kind, '')}"))
    return con


def extensions(kind: str) -> tuple[str, ...]:
    """Name the extensions of DuckDB that a kind of database needs."""
    return _SCANNED.get(kind, () if kind == _OWN else (f"{kind}_scanner",))
