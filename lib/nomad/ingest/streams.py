"""Keeps hold of where a stream was left: a source that is asked for what is new, by its cursor."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from nomad.config.sources import EACH, WATERMARK
from nomad.errors import ConfigError, Refused
from nomad.extract.base import Landed, Request

_BEGINS_ANEW = (EACH, WATERMARK, "key")
"""Options by which what is fetched once more is not there twice."""


def going_on(files: Iterable[Landed], request: Request, *, stream: bool) -> Iterator[Landed]:
    """Give files as they come, as long as each has a cursor: the next run goes on behind it.

    `stream` is that cursors are those of a stream, not of the pages of this fetch alone.

    Raises:
        ConfigError: the first has none: each run would land all rows again, as further ones.
        Refused: a later one loses it.
    """
    if any(option in request.source.options for option in _BEGINS_ANEW):
        yield from files
        return
    cursor = request.cursor
    for file in files:
        if not stream or (cursor is None and file.cursor is None):
            raise ConfigError(
                f"source `{request.source.name}`: by `dt:` alone, each landing would add all rows"
                " once more",
                where=request.source.origin,
                hint="say `key:`, by which rows are told apart; or `each:`, or `watermark:`",
            )
        if file.cursor is None:
            raise Refused(
                f"source `{request.source.name}`: rows came without a cursor behind those of cursor"
                f" `{(cursor or '')[:_SHOWN]}`: the next run would land all again",
                where=request.source.origin,
                hint="have all rows come with one, or say `key:`, by which none is there twice",
            )
        cursor = file.cursor
        yield file


_SHOWN = 80
"""So much of a cursor is in a message."""
