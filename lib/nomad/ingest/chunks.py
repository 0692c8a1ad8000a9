"""A first load by a watermark, in chunks: each is landed before the next one is asked for.

The chunks of a load are read by SQL once all are there. A load that was broken off goes on after
the last one that is there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

from nomad.engine.instance import Engine
from nomad.errors import ConfigError, SourceMissing
from nomad.extract import watermark
from nomad.extract.base import Bounds, Chunked, Connector, Request
from nomad.lake.pieces import Piece

CHUNK, SINCE = "chunk", "since"


class Load(NamedTuple):
    """A load in chunks: who is asked, for what, and what of it is there; that grows meanwhile."""

    engine: Engine
    connector: Connector
    request: Request
    there: Sequence[Piece]


def is_in_chunks(request: Request, there: Sequence[Piece]) -> bool:
    """Tell whether a load goes in chunks: the first one does, and one that has begun so."""
    first = CHUNK in request.source.options and request.watermark is None
    return first or any(piece.until is not None for piece in there)


def requests(load: Load) -> Iterator[Request]:
    """Ask for one chunk after the other; the last one has no end.

    Raises:
        SourceMissing: there are no rows at all.
        ConfigError: the source can't be asked in chunks.
    """
    last = load.there[-1] if load.there else None
    if last and last.cursor is not None:
        cursor, since, until = last.cursor, last.since, last.until
        yield replace(load.request, cursor=cursor, watermark=since, until=until)
        if until is None:
            return
    yield from _from(load, resumed=last is not None)
    if not any(piece.parts for piece in load.there):
        start = load.request.source.options.get(SINCE)
        raise SourceMissing(f"source `{load.request.source.name}` has nothing since {start}")


def _from(load: Load, *, resumed: bool) -> Iterator[Request]:
    options = load.request.source.options
    bounds: Bounds | None = None
    start = options.get(SINCE)
    low = None if start is None else str(start)
    if load.there:
        low = load.there[-1].until
    overlap = options.get("overlap") if resumed else None
    while True:
        since = _before(load, low, overlap)
        request = replace(load.request, cursor=None, watermark=since, until=None)
        asked = bounds is None
        bounds = bounds or _bounds(load, request)
        until = _end(load, low, bounds, asked=asked)
        count = len(load.there)
        yield replace(request, until=until)
        if until is None:
            return
        if not any(piece.rows for piece in load.there[count:]):
            bounds = None  # there may be years without a row
        low, overlap = until, None


def _before(load: Load, low: str | None, overlap: object) -> str | None:
    with load.engine.session() as session:
        return watermark.before(session, low, overlap)


def _bounds(load: Load, request: Request) -> Bounds | None:
    if not isinstance(load.connector, Chunked):
        raise ConfigError(
            f"source `{request.source.name}`: connector `{request.source.connector}` can't be asked"
            " in chunks",
            where=request.source.origin,
            hint="take `chunk:` out; the first load is then one fetch",
        )
    return load.connector.bounds(request)


def _end(load: Load, low: str | None, bounds: Bounds | None, *, asked: bool) -> str | None:
    """Tell where a chunk ends; None: all that is left is in it."""
    chunk = load.request.source.options.get(CHUNK)
    if bounds is None or chunk is None:
        return None
    with load.engine.session() as session:
        first = bounds.lowest if low is None else low
        if asked:
            first = watermark.highest(session, [first, bounds.lowest]) or first
        end = watermark.stepped(session, first, str(chunk))
        above = watermark.highest(session, [end, bounds.highest]) == end
        return None if above and end != bounds.highest else end
