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


def shape_after(source: SourceConfig, there: Sequence[Piece]) -> Shape:
    """Say what is known of the next file: of JSON by all pieces, of others by the last one."""
    told = [p for p in there if p.parts and p.schema != NO_ROWS]
    shape = shape_of(source, None, before=_latest(told))
    fields = Fields(_needed(source))
    for piece in told:
        if _is_json(piece) and piece.rows:
            fields = fields.after(
                once_renamed((c.name for c in piece.schema), shape.rename).values()
            )
    return replace(shape, fields=fields)


def _latest(told: Sequence[Piece]) -> tuple[Column, ...]:
    """Give the columns of the last piece; of JSON, with those that it lacks as they were last."""
    if not told or not _is_json(told[-1]):
        return told[-1].schema if told else ()
    found: dict[str, Column] = {}
    for piece in reversed([p for p in told if _is_json(p)]):
        for column in piece.schema:
            found.setdefault(column.name.lower(), column)
    return tuple(found.values())


def _is_json(piece: Piece) -> bool:
    return piece.parts[0].file.name.endswith(".json")


def _needed(source: SourceConfig) -> frozenset[str]:
    key = source.options.get("key") or []
    names = (
        *(key if isinstance(key, list) else [key]),
        *map(source.options.get, ("dt", WATERMARK)),
    )
    return frozenset(str(name).lower() for name in names if name)
