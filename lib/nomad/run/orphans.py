"""Finds what is left in the lake of tables that no SQL file makes any more, and of sources gone.

Also what a table left that is by date now and wasn't, or the other way round. Only what a manifest
names in its own place is nomad's; nothing else is ever found here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from nomad.lake import pieces
from nomad.lake.claims import live
from nomad.lake.decoding import read_manifests
from nomad.lake.layout import (
    HISTORY,
    QUARANTINE,
    below,
    cut_key,
    folder_of,
    is_piece,
    locate,
    manifest_in,
    pieces_folder,
    success_key,
)
from nomad.lake.manifest import Manifest
from nomad.lake.pieces import Piece
from nomad.lake.publish import parts
from nomad.names import RAW, TableName, counted, is_plain
from nomad.project.naming import SQL, sql_files
from nomad.store.base import Store
from nomad.workspace import Workspace


class Orphan(NamedTuple):
    """What is left of one table: its objects, each manifest before what it names."""

    table: TableName
    versions: int
    keys: tuple[str, ...]
    why: str
    pieces: int = 0

    @property
    def what(self) -> str:
        """Say it in words."""
        kinds = ((self.versions, "version"), (self.pieces, "piece"))
        told = " and ".join(counted(number, what) for number, what in kinds if number)
        return f"{self.why}: {told} {'is' if self.versions + self.pieces == 1 else 'are'} left"


def orphans(workspace: Workspace) -> list[Orphan]:
    """Find them, table by table; what a live run is at work on is left out.

    Raises:
        Misuse: the project can't be read, so that nobody can tell.
        LakeError: the lake can't be reached.
    """
    store, found = workspace.store, list[Orphan]()
    busy = {
        cell.split(" ")[0] for cells in live(workspace.place.scratch).values() for cell in cells
    }
    for table in _tables(store):
        if str(table) in busy or not (why := _gone(workspace, table)):
            continue
        versions = list(_versions(store, table, why.dated))
        kept = list(_pieces(store, table)) if why.dated is None else []
        if versions or kept:
            keys = tuple(k for keys in (*(keys for _, keys in versions), *kept) for k in keys)
            found.append(Orphan(table, len(versions), keys, why.told, len(kept)))
    return found


class _Why(NamedTuple):
    """Why nothing makes some versions of a table any more; `dated` is None where it is gone."""

    table: TableName
    dated: bool | None

    @property
    def told(self) -> str:
        if self.dated is None:
            kind = "no source is named so" if self.table.layer == RAW else "no SQL file makes it"
            return f"{kind} any more"
        return "the table is by date now" if self.dated else "the table is not by date any more"


def _gone(workspace: Workspace, table: TableName) -> _Why | None:
    """Tell how to judge a table's versions; None where its file is there and wasn't understood."""
    project = workspace.project
    known = project.config.sources if table.layer == RAW else project.tables
    name = table.name if table.layer == RAW else table
    if table in project.tables and project.tables[table].fault:
        return None
    if name in known:
        return _Why(table, project.partitioned(table))
    files = (p.stem.lower() for p in sql_files(workspace.root / SQL))
    mistaken = table.layer != RAW and table.name.lower() in files
    return None if mistaken else _Why(table, None)


def _tables(store: Store) -> list[TableName]:
    """Name all that has a folder where tables have theirs."""
    tops = ("", HISTORY, QUARANTINE)
    layers = {name for top in tops for name in store.folders(top) if _is_layer(name)}
    names = ((layer, n) for layer in layers for t in tops for n in store.folders(below(t, layer)))
    return sorted({TableName(layer, name) for layer, name in names if is_plain(name)})


def _is_layer(name: str) -> bool:
    return is_plain(name) and not name.startswith("_")


def _versions(
    store: Store, table: TableName, dated: bool | None
) -> Iterator[tuple[Manifest, list[str]]]:
    """Give the published versions and those of the history, with the keys of what is there.

    Of a table that is `dated` or not, those of the other kind; of one that is gone (None), all.
    """
    for top in (table.key, below(HISTORY, table.key)):
        there = {e.key for e in store.list(top) if not is_piece(e.key)}
        found = (k for k in there if k.endswith(manifest_in("")))
        other = (k for k in found if dated is None or _is_dated(k) != dated)
        for key, version in _manifests(store, other):
            folder = folder_of(key)
            named = [success_key(folder), *(f"{folder}/{name}" for name in parts(version))]
            refused = _refused(store, version) if top == table.key else []
            yield version, [key, *(k for k in named if k in there), *refused]


def _pieces(store: Store, table: TableName) -> Iterator[list[str]]:
    """Give the keys of each piece of a source that is gone; with the last, the note of the cut."""
    there = {e.key for e in store.list(pieces_folder(table))}
    found = pieces.each(store, sorted(k for k in there if k.endswith(manifest_in(""))))
    whole = [(key, piece) for key, piece in found if isinstance(piece, Piece)]
    for number, (key, piece) in enumerate(whole, 1):
        named = [f"{folder_of(key)}/{part.file.name}" for part in piece.parts]
        last = [cut_key(table)] if number == len(whole) else []
        yield [key, *(k for k in (*named, *last) if k in there)]


def _is_dated(key: str) -> bool:
    place = locate(key)
    return bool(place and place.partition)


def _manifests(store: Store, keys: Iterable[str]) -> Iterator[tuple[str, Manifest]]:
    read = read_manifests(store, sorted(keys))
    return ((key, found) for key, found in read if isinstance(found, Manifest))


def _refused(store: Store, version: Manifest) -> list[str]:
    return [key for key in (version.refused_key,) if key and store.exists(key)]
