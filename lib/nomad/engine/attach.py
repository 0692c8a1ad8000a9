"""Databases outside the lake, opened read-only in an instance."""

from __future__ import annotations

import re
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from nomad.engine.extensions import packaged
from nomad.engine.interrupts import awaited
from nomad.errors import LakeError
from nomad.names import literal, quote

if TYPE_CHECKING:
    import duckdb

    from nomad.engine.interrupts import Pending

_SCHEME = r"[A-Za-z][\w+.-]*:"


def located(address: str, root: Path) -> str:
    """Give the address of a database to attach; a relative path counts from a folder.

    Example:
        >>> located("shop.duckdb", Path("/p")), located("sqlite:a/b.db", Path("/p"))
        ('/p/shop.duckdb', 'sqlite:/p/a/b.db')
        >>> located("postgres:dbname=shop", Path("/p")), located("/x.duckdb", Path("/p"))
        ('postgres:dbname=shop', '/x.duckdb')
    """
    kind, _, rest = address.partition(":")
    if kind in ("sqlite", "duckdb") and rest and not re.match(_SCHEME, rest):
        return f"{kind}:{root / rest}"
    return address if re.match(_SCHEME, address) else str(root / address)


def attach(con: duckdb.DuckDBPyConnection, name: str, address: str, pending: Pending) -> None:
    """Open a database read-only, by a name; `pending` is by what the wait for it is given up.

    It is done by a connection of its own, as one that waits for a server can't even be closed, nor
    can one that this is a cursor of: `con` is an instance's first.

    Raises:
        LakeError: it can't be reached, or its extension can't be loaded.
    """
    import duckdb

    apart = con.cursor()
    try:
        awaited(lambda: _attach(apart, name, address), pending, late=lambda: _detach(apart, name))
    except duckdb.Error as e:
        raise LakeError(
            f"database `{name}` can't be attached: {str(e).splitlines()[0]}",
            where="nomad.yaml",
            hint=f"check `attach.{name}` and that the database is up",
        ) from e
    apart.close()


def _attach(con: duckdb.DuckDBPyConnection, name: str, address: str) -> None:
    kind, _, rest = address.partition(":")
    typed = kind in ("postgres", "mysql", "sqlite", "duckdb") and rest
    options = f"READ_ONLY, TYPE {kind}" if typed else "READ_ONLY"
    if typed and (path := packaged(f"{kind}_scanner")):
        con.execute(f"LOAD {literal(str(path))}")
    con.execute(f"ATTACH {literal(rest if typed else address)} AS {quote(name)} ({options})")


def _detach(con: duckdb.DuckDBPyConnection, name: str) -> None:
    """Let go of what nobody waits for any more."""
    import duckdb

    with closing(con), suppress(duckdb.Error):
        con.execute(f"DETACH DATABASE IF EXISTS {quote(name)}")
