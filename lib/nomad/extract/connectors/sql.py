"""Connector `sql`: a table or a query of any database that SQLAlchemy has a driver for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from nomad.config.options import TEXT, Option
from nomad.extract.asking import OPTIONS, asks, landed
from nomad.extract.base import Bounds, Landed, Request
from nomad.extract.extras import Extra


class SqlConnector:
    """Brings rows in batches, by one SELECT; their types are those of the values in Python."""

    options = (
        Option(
            "url",
            "SQLAlchemy's address: dialect+driver://user@host/database.",
            TEXT,
            required=True,
            rule=asks,
        ),
        *OPTIONS,
    )
    extras = (Extra("sql", modules=("sqlalchemy", "pyarrow")),)

    def fetch(self, request: Request, into: Path) -> Iterator[Landed]:
        """Write the rows as Parquet; of a date, a range or a piece there must be some."""
        from nomad.extract import alchemy

        path = into / "rows.parquet"
        with alchemy.connected(request) as connection:
            count = alchemy.save(connection, request, path)
        yield from landed(request, path, count)

    def bounds(self, request: Request) -> Bounds | None:
        """Ask for the lowest and the highest watermark."""
        from nomad.extract import alchemy

        with alchemy.connected(request) as connection:
            return alchemy.extremes(connection, request)

    def probe(self, request: Request) -> str:
        """Reach the database and look at the columns, without reading a row."""
        from nomad.extract import alchemy

        with alchemy.connected(request) as connection:
            return alchemy.seen(connection, request)


CONNECTOR = SqlConnector()
