"""What is wrong with the pieces of sources: files that no piece names, and pieces that lack theirs.

Pages of a fetch that has not ended are pieces like any other: they stay, to be gone on after.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import NamedTuple

from nomad.errors import CorruptManifest
from nomad.lake import pieces
from nomad.lake.doctor import Finding, Remedy, Runs
from nomad.lake.layout import (
    MANIFEST,
    cut_key,
    folder_of,
    manifest_in,
    name_of,
    piece_number,
    pieces_folder,
    run_of_data,
)
from nomad.lake.pieces import Piece
from nomad.lake.words import command_for
from nomad.names import RAW, TableName, is_plain
from nomad.store.base import Store

_FOREIGN = "not a file of nomad's; no reader sees it"


class _Folder(NamedTuple):
    """The folder of a piece: its files by age, its manifest, and the runs that may be at work."""

    key: str
    ages: Mapping[str, float]
    piece: Piece | CorruptManifest | None
    runs: Runs


class _Look(NamedTuple):
    """Looks at the pieces of a source: at all of them at once, or at one again.

    Files are listed first, and manifests read last: what a run lands meanwhile is still its own,
    or is named by then.
    """

    store: Store
    table: TableName
    busy: Callable[[], Collection[str]]
    dead: Collection[str]
    grace: float

    def below(self, top: str) -> list[_Folder]:
        listed: dict[str, dict[str, float]] = {}
        for entry in self.store.list(top):
            listed.setdefault(folder_of(entry.key), {})[name_of(entry.key)] = entry.age
        before = self.busy()
        keys = [manifest_in(folder) for folder, names in listed.items() if MANIFEST in names]
        found = {folder_of(key): piece for key, piece in pieces.each(self.store, keys)}
        runs = Runs(frozenset((*before, *self.busy())), self.dead, (), self.grace)
        return [_Folder(f, listed[f], found.get(f), runs) for f in sorted(listed)]

    def again(self, folder: str) -> Iterator[Finding]:
        for found in self.below(folder):
            if found.key == folder:
                yield from _faults(self.table, found)


def examine(
    store: Store,
    *,
    busy: Callable[[], Collection[str]] = tuple,
    dead: Collection[str] = (),
    deep: bool = True,
    grace: float = 0.0,
) -> Iterator[Finding]:
    """Compare what lies in the pieces of all sources with their manifests.

    The words mean what they do for `doctor.examine`; `deep` reads every file.
    """
    for name in store.folders(RAW):
        if not is_plain(name):
            continue
        look = _Look(store, TableName(RAW, name), busy, dead, grace)
        folders = look.below(pieces_folder(look.table))
        for folder in folders:
            if any(_faults(look.table, folder)):
                yield from look.again(folder.key)
        if deep:
            yield from _changed(look, folders)


def _faults(table: TableName, folder: _Folder) -> Iterator[Finding]:
    piece, top = folder.piece, pieces_folder(table)
    if isinstance(piece, CorruptManifest):
        yield Finding(manifest_in(folder.key), piece.what, command=piece.hint or "")
        return
    is_one = folder_of(folder.key) == top and piece_number(name_of(folder.key)) > 0
    named = {part.file.name for part in piece.parts} if piece else set()
    for name in sorted(folder.ages.keys() - named - ({MANIFEST} if is_one else set())):
        key, run = f"{folder.key}/{name}", run_of_data(name)
        if key == cut_key(table):
            continue
        if run is None or not is_one:
            yield Finding(key, _FOREIGN, command="move it elsewhere")
        elif not folder.runs.may_go_on(run, folder.ages[name]):
            yield Finding(key, "no piece names it", Remedy.REMOVE)
    for name in sorted(named - folder.ages.keys()):
        what = "a piece names it, but it is not there"
        yield Finding(f"{folder.key}/{name}", what, command=_anew(table))


def _changed(look: _Look, folders: list[_Folder]) -> Iterator[Finding]:
    """Read every file that a piece names, and compare it with what was landed."""
    wanted = {
        f"{folder.key}/{part.file.name}": part.file.sha256
        for folder in folders
        if isinstance(folder.piece, Piece)
        for part in folder.piece.parts
    }
    for key, found in look.store.digests(wanted):
        if found is not None and found != wanted[key]:
            yield Finding(key, "not the bytes that were landed", command=_anew(look.table))


def _anew(table: TableName) -> str:
    return command_for(table, None, force=True)
