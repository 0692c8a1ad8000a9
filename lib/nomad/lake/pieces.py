"""What a source delivered in pieces, kept as it came until it is cut into partitions.

    <layer>/<source>/_pieces/<number>/   manifest.json, <run>-<n>.csv …
    <layer>/<source>/_pieces/cut.json    which of them the partitions were made of

A piece is one landing. Its manifest is written last and never replaced; a folder without one is
what a dead run left. Of two pieces the one with the higher number is the later.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from nomad.engine.scan import Files
from nomad.errors import CorruptManifest, LostRace
from nomad.hashing import digest
from nomad.lake.layout import (
    cut_key,
    folder_of,
    manifest_in,
    name_of,
    piece_folder,
    piece_number,
    pieces_folder,
)
from nomad.lake.manifest import DataFile
from nomad.names import TableName
from nomad.partitions import parse, text
from nomad.schema import Column
from nomad.store.base import Store
from nomad.store.capabilities import Tidy, put_all

VERSION = 1


class Part(NamedTuple):
    """One file of a piece.

    `key` says what of the source it is: a value of `each`, or a file by its path; empty where the
    source has no such parts. The latest of a key takes the place of those before it, unless it is
    `appended` to them. `stamp` changes whenever what is there of the key does; `size` (bytes) and
    `sha256` are of all that was delivered of the key so far, where that is known.
    """

    file: DataFile
    key: str = ""
    appended: bool = False
    stamp: str = ""
    size: int = 0
    sha256: str = ""


class Piece(NamedTuple):
    """One landing of a source: files of one schema, read in one way.

    `recipe` tells by which options it was fetched. `anew` is that it takes the place of all pieces
    before it. `cursor` is where the source was left, `watermark` the highest value in it, and
    `after` the one above which its rows count, where they have no key to tell them apart. `window`
    names what is being fetched in several requests, of which this is one, until `complete`.
    `since` and `until` are the values of the watermark between which it was asked for; a piece
    with `until` and without a cursor is the last of its chunk.
    """

    number: int
    run_id: str
    landed_at: str
    recipe: str
    parts: tuple[Part, ...]
    schema: tuple[Column, ...]
    dialect: Mapping[str, str] = {}
    anew: bool = False
    cursor: str | None = None
    watermark: str | None = None
    after: str | None = None
    window: str = ""
    complete: bool = True
    since: str | None = None
    until: str | None = None

    @property
    def rows(self) -> int:
        """Rows in all files."""
        return sum(p.file.rows for p in self.parts)

    @property
    def goes_on(self) -> bool:
        """Whether a fetch that isn't complete can be gone on with after it."""
        return self.cursor is not None or self.until is not None


class Placed(NamedTuple):
    """A part, and the piece that it is of."""

    piece: Piece
    part: Part


class Cut(NamedTuple):
    """Of which pieces the partitions were made: all up to a number.

    `recipe` tells how they were cut; `days` has the content hash of each partition that was made,
    by its date (ISO; empty for the one of a table that is not partitioned). `parts` tells which
    parts stood then: where others do among the same pieces, one was lost. `run` is whose it is.
    """

    through: int
    recipe: str
    days: Mapping[str, str]
    parts: str = ""
    run: str = ""


CUT = "cut-"
"""With what every recipe begins by which partitions are made of pieces."""

NOTHING_CUT = Cut(0, "", {})


def told(placed: Iterable[Placed]) -> str:
    """Tell some parts from others, in short."""
    return digest(*(f"{p.piece.number} {p.part.file.name}" for p in placed))


def read(store: Store, table: TableName) -> list[Piece]:
    """Give the pieces of a source in their order.

    Raises:
        CorruptManifest: the manifest of one can't be read.
    """
    names = [n for n in store.folders(pieces_folder(table)) if piece_number(n)]
    keys = [manifest_in(piece_folder(table, piece_number(n))) for n in names]
    found: list[Piece] = []
    for _, piece in each(store, keys):
        if isinstance(piece, CorruptManifest):
            raise piece
        found += [piece] if piece else []
    return sorted(found, key=lambda p: p.number)


def each(store: Store, keys: Iterable[str]) -> Iterator[tuple[str, Piece | CorruptManifest | None]]:
    """Give pieces by the keys of their manifests: each, or why it can't be read, or None."""
    for key, blob in store.read_all(keys):
        try:
            yield key, _parsed(key, blob.data) if blob else None
        except CorruptManifest as e:
            yield key, e


def fetches(pieces: Iterable[Piece]) -> list[list[Piece]]:
    """Put the pages of each fetch together that has ended; leave out what is of any other."""
    waiting: dict[tuple[str, str], list[Piece]] = {}
    found: list[list[Piece]] = []
    for piece in pieces:
        pages = waiting.setdefault((piece.window, piece.recipe), [])
        pages.append(piece)
        if piece.complete:
            found.append(waiting.pop((piece.window, piece.recipe)))
    return found


def whole(pieces: Iterable[Piece]) -> list[Piece]:
    """Give the pieces that are read, in the order in which their landings ended.

    A page is read once all pages of its fetch are there: others may have landed in between.
    """
    return [piece for pages in fetches(pieces) for piece in pages]


def begun(pieces: Sequence[Piece]) -> dict[tuple[str, str], list[Piece]]:
    """Give what is there of fetches that haven't ended, by window and recipe."""
    ended = {p.number for p in whole(pieces)}
    found: dict[tuple[str, str], list[Piece]] = {}
    for piece in pieces:
        if piece.number not in ended:
            found.setdefault((piece.window, piece.recipe), []).append(piece)
    return found


def live(pieces: Iterable[Piece]) -> list[Placed]:
    """Give what stands of pieces that are whole, in their order."""
    by_key: dict[str, list[tuple[int, int, Placed]]] = {}
    loose: list[tuple[int, int, Placed]] = []
    for order, piece in enumerate(pieces):
        if piece.anew:
            by_key, loose = {}, []
        for n, part in enumerate(piece.parts):
            placed = (order, n, Placed(piece, part))
            if not part.key:
                loose.append(placed)
            elif part.appended:
                by_key.setdefault(part.key, []).append(placed)
            else:
                by_key[part.key] = [placed]
    every = [*loose, *(p for found in by_key.values() for p in found)]
    return [placed for _, _, placed in sorted(every, key=lambda found: found[:2])]


def latest(pieces: Iterable[Piece]) -> dict[str, Placed]:
    """Give the last part of each key that stands."""
    return {p.part.key: p for p in live(pieces) if p.part.key}


def commit(store: Store, table: TableName, piece: Piece, files: Sequence[Path]) -> None:
    """Land a piece: its files, one for each part, and then its manifest.

    Raises:
        LostRace: another run has landed one of this number meanwhile.
    """
    folder = piece_folder(table, piece.number)
    put_all(store, folder, {p.file.name: f for p, f in zip(piece.parts, files, strict=True)})
    if store.write_if(manifest_in(folder), _to_json(table, piece), expected=None) is None:
        for part in piece.parts:
            store.delete(f"{folder}/{part.file.name}")
        _tidy(store, folder)
        raise LostRace(
            f"another run has landed piece {piece.number} of {table} meanwhile",
            where=folder,
            hint="run the same command again: it goes on from there",
        )


def key(table: TableName, piece: Piece, part: Part) -> str:
    """Name the object of a part."""
    return f"{piece_folder(table, piece.number)}/{part.file.name}"


def remove(store: Store, table: TableName, piece: Piece) -> None:
    """Take a piece away: first its manifest, by which it is there."""
    folder = piece_folder(table, piece.number)
    store.delete(manifest_in(folder))
    for part in piece.parts:
        store.delete(f"{folder}/{part.file.name}")
    _tidy(store, folder)


def _tidy(store: Store, folder: str) -> None:
    """Take a folder away, if nothing is left in it."""
    if isinstance(store, Tidy):
        store.tidy([folder])


def files(store: Store, table: TableName, placed: Iterable[Placed]) -> dict[int, Files]:
    """Give the files of parts as DuckDB reads them, by the number of their piece."""
    uris: dict[int, list[str]] = {}
    pieces: dict[int, Piece] = {}
    for piece, part in placed:
        folder = piece_folder(table, piece.number)
        uris.setdefault(piece.number, []).append(store.uri(f"{folder}/{part.file.name}"))
        pieces[piece.number] = piece
    return {n: Files(tuple(uris[n]), p.schema, p.dialect) for n, p in pieces.items()}


# What was cut ------------------------------------------------------------------------------------


def read_cut(store: Store, table: TableName) -> Cut:
    """Tell what was cut; nothing, where that can't be told: then all is cut anew."""
    blob = store.read(cut_key(table))
    try:
        body = json.loads(blob.data) if blob else {}
        days = {str(k): str(v) for k, v in body["days"].items()}
        _refuse_undated(days)
        told = (str(body[name]) for name in ("parts", "run"))
        return Cut(int(body["through"]), str(body["recipe"]), days, *told)
    except (ValueError, OverflowError, KeyError, TypeError, AttributeError, RecursionError):
        return NOTHING_CUT


def _refuse_undated(days: Collection[str]) -> None:
    """Refuse what are no dates as nomad writes them; a table that isn't partitioned has one, empty.

    Raises:
        ValueError: they are none.
    """
    if set(days) != {""} and any(text(parse(day)) != day for day in days):
        raise ValueError("no dates")


def write_cut(store: Store, table: TableName, cut: Cut) -> None:
    """Note what was cut; whoever finds no note cuts all anew, with the same result."""
    store.write(cut_key(table), _encoded(cut._asdict()))


# The manifest's file -----------------------------------------------------------------------------


def _to_json(table: TableName, piece: Piece) -> bytes:
    body = piece._asdict() | {
        "parts": [{**p._asdict(), "file": p.file._asdict()} for p in piece.parts],
        "schema": [c._asdict() for c in piece.schema],
        "dialect": dict(piece.dialect),
    }
    return _encoded({"piece_version": VERSION, "dest": str(table), **body})


def _encoded(body: Mapping[str, Any]) -> bytes:
    lines = (f" {json.dumps(k)}: {json.dumps(v, ensure_ascii=False)}" for k, v in body.items())
    return ("{\n" + ",\n".join(lines) + "\n}\n").encode()


def _parsed(key: str, data: bytes) -> Piece:
    try:
        return _from_body(json.loads(data), piece_number(name_of(folder_of(key))))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as e:
        raise CorruptManifest(
            f"not the manifest of a piece that nomad can read ({type(e).__name__}: {e})",
            where=key,
            hint="move its folder aside, then land it again: nomad extract --force",
        ) from e


def _from_body(body: dict[str, Any], number: int) -> Piece:
    if body.pop("piece_version") != VERSION:
        raise ValueError("of another version")
    body.pop("dest")
    parts = tuple(Part(**{**p, "file": _file(p["file"])}) for p in body.pop("parts"))
    schema = tuple(Column(**c) for c in body.pop("schema"))
    piece = Piece(**body, parts=parts, schema=schema)
    if piece.number != number:
        raise ValueError(f"of piece {piece.number}, not of this folder")
    return piece


def _file(body: Mapping[str, Any]) -> DataFile:
    file = DataFile(**body)
    if "/" in file.name or file.name.startswith("."):
        raise ValueError(f"`{file.name}` is no name of a file here")
    return file
