"""Keeps the rows of a query within a session."""

from __future__ import annotations

from nomad.engine.session import Session
from nomad.errors import QueryFailed


def keep(session: Session, name: str, query: str) -> None:
    """Keep a query's rows in a temporary table; a view, where no table may have its columns.

    So it is with a UNION that comes from Parquet: there it is a struct without names.
    """
    try:
        session.execute(f"CREATE TEMP TABLE {name} AS {query}")
    except QueryFailed as e:
        if "unnamed struct" not in e.what:
            raise
        session.execute(f"CREATE TEMP VIEW {name} AS {query}")
