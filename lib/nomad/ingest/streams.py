"""Keeps hold of where a stream was left: a source that is asked for what is new, by its cursor."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from nomad.config.sources import EACH, WATERMARK
from nomad.errors import Refused
from nomad.extract.base import Landed, Request

_BEGINS_ANEW = (EACH, WATERMARK, "key")
"""Options by which what is fetched once more is not there twice."""


def going_on(files: Iterable[Landed], request: Request) -> Iterator[Landed]:
    """Give files as they come, as long as none loses the cursor of the one before.

    Raises:
        Refused: one does; the next run would land all of the stream again.
    """
    if any(option in request.source.options for option in _BEGINS_ANEW):
        yield from files
        return
    cursor = request.cursor
    for file in files:
        if cursor is not None and file.cursor is None:
            raise Refused(
                f"source `{request.source.name}`: rows came without a cursor behind those of cursor"
                f" `{cursor[:_SHOWN]}`: the next run would land all again",
                where=request.source.origin,
                hint="have all rows come with one, or say `key:`, by which none is there twice",
            )
        cursor = file.cursor
        yield file


_SHOWN = 80
"""So much of a cursor is in a message."""
