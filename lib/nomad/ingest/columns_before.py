"""What columns a source in parts had so far, by the pieces that are there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from nomad.config.sources import WATERMARK, SourceConfig
from nomad.extract.columns import Shape
from nomad.extract.renames import once_renamed
from nomad.extract.sparse import Fields
from nomad.lake.pieces import Piece
from nomad.run.fetching import shape_of
from nomad.schema import NO_ROWS, Column


class ColumnsBefore:
    """Reads the columns of pieces as they come, each once."""

    def __init__(self, source: SourceConfig, there: Sequence[Piece]) -> None:
        self._needed, self._there = _needed(source), there
        self._begin()

    def _begin(self) -> None:
        self._read: list[Piece] = []
        self._columns: tuple[Column, ...] = ()
        self._of_json: dict[str, Column] = {}
        self._fields = Fields(self._needed)

    def shape(self, source: SourceConfig) -> Shape:
        """Say what is known of the next file: of JSON by all pieces, of others by the last one."""
        known = shape_of(source, None)
        if self._read != self._there[: len(self._read)]:  # some were let go of
            self._begin()
        for piece in self._there[len(self._read) :]:
            self._read.append(piece)
            if piece.parts and piece.schema != NO_ROWS:
                self._add(piece, known)
        return replace(known, before=self._columns, fields=self._fields)

    def _add(self, piece: Piece, known: Shape) -> None:
        """Take in a piece; of JSON, columns that it lacks stay as they were last."""
        self._columns = piece.schema
        if not _is_json(piece):
            return
        own = {column.name.lower(): column for column in piece.schema}
        self._of_json = {**own, **{n: c for n, c in self._of_json.items() if n not in own}}
        self._columns = tuple(self._of_json.values())
        if piece.rows:
            names = once_renamed((c.name for c in piece.schema), known.rename).values()
            self._fields = self._fields.after(names)


def _is_json(piece: Piece) -> bool:
    return piece.parts[0].file.name.endswith(".json")


def _needed(source: SourceConfig) -> frozenset[str]:
    key = source.options.get("key") or []
    names = (
        *(key if isinstance(key, list) else [key]),
        *map(source.options.get, ("dt", WATERMARK)),
    )
    return frozenset(str(name).lower() for name in names if name)
