"""Pages of fetches that were broken off: which can be gone on after, and which are let go of."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import NamedTuple

from nomad.errors import CursorRefused
from nomad.extract.base import Request
from nomad.lake import pieces
from nomad.lake.pieces import Piece
from nomad.names import TableName
from nomad.store.base import Store

_log = logging.getLogger(__name__)


class Fetch(NamedTuple):
    """A request, and the pages that are there of what it is for; in chunks there are more."""

    request: Request
    pages: list[Piece]
    in_chunks: bool = False


class There(NamedTuple):
    """All pieces that are there of a source."""

    store: Store
    table: TableName
    pieces: list[Piece]

    def without_stale(self, recipe: str) -> list[Piece]:
        """Remove what is there of a request that can't be gone on with, or was by other options."""
        for (_, by), begun in pieces.begun(self.pieces).items():
            while begun and not (begun[-1].goes_on and by == recipe):
                self._remove(begun.pop())
        return self.pieces

    def renewed(self, fetch: Fetch, fetched: Callable[[Fetch], Iterator[Piece]]) -> Iterator[Piece]:
        """Give what comes after the pages that are there, or where that is refused, all of it.

        Raises:
            CursorRefused: there are none of an earlier run.
        """
        try:
            yield from fetched(fetch)
        except CursorRefused as e:
            if not (fetch.pages and _is_of(fetch.pages[-1], fetch.request)):
                raise
            tell_renewed(e)
        else:
            return
        self._let_go(fetch)
        yield from fetched(fetch._replace(request=replace(fetch.request, cursor=None)))

    def _let_go(self, fetch: Fetch) -> None:
        """Remove the pages of a request, the last first: what is left can be gone on after.

        Those of chunks before it are not its own.
        """
        while fetch.pages and _is_of(fetch.pages[-1], fetch.request):
            self._remove(fetch.pages.pop())

    def _remove(self, piece: Piece) -> None:
        pieces.remove(self.store, self.table, piece)
        self.pieces.remove(piece)


def _is_of(page: Piece, request: Request) -> bool:
    asked = (request.watermark, request.until)
    return page.cursor is not None and (page.since, page.until) == asked


def tell_renewed(refusal: CursorRefused) -> None:
    """Warn that what was fetched is asked for again."""
    _log.warning("%s; it is fetched from its beginning", refusal.what)
