"""Afterwards: do lake and manifests agree? Finds what crashed runs left, and removes it if told.

Only what nomad itself can have written is ever removed: a file named by a run, in the folder of a
table, that no manifest names and no live run may be about to name.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple

from nomad.errors import LakeError
from nomad.lake.decoding import read_manifests
from nomad.lake.layout import (
    HISTORY,
    MANIFEST,
    QUARANTINE,
    SUCCESS,
    below,
    folder_key,
    folder_of,
    is_ours,
    is_past,
    is_piece,
    is_refused,
    is_run,
    locate,
    manifest_in,
    name_of,
    run_of_data,
    run_of_refused,
    success_key,
)
from nomad.lake.manifest import Manifest
from nomad.lake.publish import is_whole
from nomad.lake.words import command_for
from nomad.store.base import Entry, Store
from nomad.store.capabilities import Uploads

_log = logging.getLogger(__name__)

FIX = "nomad doctor --fix"


class Remedy(StrEnum):
    """What `--fix` does about a finding."""

    REMOVE = "remove"
    WRITE = "write"
    ABANDON = "abandon"


class Finding(NamedTuple):
    """Something amiss: where, and what.

    `remedy` is `remove`, `write`, `abandon` (an upload), or None: not from here; then `command` is
    what to type, or to do.
    """

    where: str
    what: str
    remedy: Remedy | None = None
    upload: Entry | None = None
    command: str = FIX

    @property
    def told(self) -> dict[str, str]:
        """Give it as it is listed, with what to type."""
        return {"where": self.where, "what": self.what, "remedy": self.command}


def examine(
    store: Store,
    layers: Iterable[str],
    *,
    busy: Callable[[], Collection[str]] = tuple,
    dead: Collection[str] = (),
    noted: Collection[tuple[str, str]] = (),
    deep: bool = True,
    grace: float = 0.0,
) -> Iterator[Finding]:
    """Compare the objects of the given layers, and their history, with the manifests.

    `dead` names runs that are known to have ended; where other machines may write to the lake, the
    files of any other run are left to it for `grace` seconds. `busy` names the runs still going on:
    their files are left alone, and those of the versions they supersede, as are the versions
    `noted` by dead ones (folder and run). `deep` reads every file.

    `busy` is asked after the files are listed, and the manifests are read after that: a run whose
    file is in the list is then still busy, or its manifest is there. What seems amiss is looked at
    once more by itself: others may have been at work between the list and the manifests.
    """
    look = _Look(store, busy, dead, noted, grace)
    for layer in layers:
        cells = look.below(layer)
        for cell in cells.values():
            if any(_published(cell)):
                yield from _published(look.again(cell.folder))
        past = look.below(below(HISTORY, layer))
        refused = look.below(below(QUARANTINE, layer))
        if deep:
            yield from _changed(look, [*cells.values(), *past.values()])
        yield from _beside(look, refused, cells, _quarantine)
        yield from _beside(look, past, cells, _past)


def unfinished(store: Store, dead: Collection[str], *, grace: float) -> Iterator[Finding]:
    """Find uploads in parts that nobody will end, those of other machines after `grace` seconds.

    A server that can't list them may be used all the same.
    """
    if isinstance(store, Uploads):
        try:
            uploads = list(store.unfinished(""))
        except LakeError as e:
            _log.warning("uploads in parts can't be listed, and are left alone: %s", e)
            return
        for upload in uploads:
            run = run_of_data(name_of(upload.key))
            if run and (run in dead or upload.age >= grace):
                what = "an upload in parts that was never ended"
                yield Finding(upload.key, what, Remedy.ABANDON, upload)


def _folders(store: Store, top: str) -> list[tuple[str, dict[str, float]]]:
    """Give each folder's files and their ages."""
    found: dict[str, dict[str, float]] = {}
    for entry in (e for e in store.list(top) if not is_piece(e.key)):
        found.setdefault(folder_of(entry.key), {})[name_of(entry.key)] = entry.age
    return sorted(found.items())


Found = Manifest | LakeError | None
_Listed = Sequence[tuple[str, Mapping[str, float]]]


class Runs(NamedTuple):
    """Which runs may not be done yet: those `busy`, and any but the `dead` that was just at work.

    `noted` are the versions that dead runs superseded, by folder and run; `grace` is in seconds.
    """

    busy: Collection[str]
    dead: Collection[str]
    noted: Collection[tuple[str, str]]
    grace: float

    def may_go_on(self, run_id: str, age: float) -> bool:
        """Tell of a run whether it may be at work, from the age of what it wrote."""
        return run_id in self.busy or (run_id not in self.dead and age < self.grace)


class _Cell(NamedTuple):
    """The folder of a partition or full table: its files by age, its manifest."""

    folder: str
    ages: Mapping[str, float]
    manifest: Found
    runs: Runs

    def spares(self, run_id: str, age: float) -> bool:
        """Tell of a file that no manifest names, by its run, whether it is still wanted.

        Its run may be about to name it; or it is of the version before, on its way to the history.
        """
        return self.runs.may_go_on(run_id, age) or self._leaves(run_id)

    def moves(self, run_id: str) -> bool:
        """Tell whether a version may be half-way to the history, the one just seen included."""
        seen = isinstance(self.manifest, Manifest) and self.manifest.run_id == run_id
        return seen or self._leaves(run_id)

    def _leaves(self, run_id: str) -> bool:
        if (self.folder, run_id) in self.runs.noted:
            return True
        if not isinstance(self.manifest, Manifest) or self.manifest.previous != run_id:
            return False
        names = [f.name for f in self.manifest.files] or [MANIFEST]
        age = min(self.ages.get(name, 0.0) for name in names)
        return self.runs.may_go_on(self.manifest.run_id, age)


def _manifests(
    store: Store, folders: Iterable[tuple[str, Mapping[str, float]]]
) -> dict[str, Found]:
    """Read the manifest of each folder: it, or why it can't be read, or None without one."""
    found: dict[str, Found] = {folder: None for folder, _ in folders}
    keys = [manifest_in(folder) for folder, names in folders if MANIFEST in names]
    return found | {folder_of(key): manifest for key, manifest in read_manifests(store, keys)}


class _Look(NamedTuple):
    """Looks at folders and their manifests: at all of them at once, or at one again."""

    store: Store
    busy: Callable[[], Collection[str]]
    dead: Collection[str]
    noted: Collection[tuple[str, str]]
    grace: float

    def below(self, top: str) -> dict[str, _Cell]:
        """Give all folders at any depth."""
        return self._seen(_folders(self.store, top))

    def again(self, folder: str) -> _Cell:
        """Give one, as it is now."""
        listed = [found for found in _folders(self.store, folder) if found[0] == folder]
        return self._seen(listed or [(folder, {})])[folder]

    def _seen(self, listed: _Listed) -> dict[str, _Cell]:
        before = self.busy()
        manifests = _manifests(self.store, listed)
        busy = frozenset((*before, *self.busy()))
        runs = Runs(busy, self.dead, self.noted, self.grace)
        return {f: _Cell(f, ages, manifests[f], runs) for f, ages in listed}


def _beside(
    look: _Look,
    beside: Mapping[str, _Cell],
    cells: Mapping[str, _Cell],
    judged: Callable[[_Cell, _Cell | None], Iterator[Finding]],
) -> Iterator[Finding]:
    """Judge the folders that lie elsewhere, each with the cell it belongs to."""
    for found in beside.values():
        of = _cell_of(found.folder)
        if any(judged(found, cells.get(of))):
            yield from judged(look.again(found.folder), look.again(of))


def _cell_of(folder: str) -> str:
    """Name the folder of the cell whose refused rows or past version lie in this one."""
    place = locate(f"{folder}/")
    return folder_key(place.table, place.partition) if place else ""


def _published(cell: _Cell) -> Iterator[Finding]:
    folder, names, manifest = cell.folder, set(cell.ages), cell.manifest
    if isinstance(manifest, LakeError):
        yield Finding(manifest_in(folder), manifest.what, command=manifest.hint or "")
        return
    named = {f.name for f in manifest.files} if manifest else set()
    for name in sorted(names - named - {MANIFEST, SUCCESS}):
        run = run_of_data(name)
        if run is None:
            told = "not a file of nomad's; no reader sees it"
            yield Finding(f"{folder}/{name}", told, command="move it elsewhere")
        elif not cell.spares(run, cell.ages[name]):
            yield Finding(f"{folder}/{name}", "no manifest names it", Remedy.REMOVE)
    for name in sorted(named - names):
        what = "the manifest names it, but it is not there"
        yield Finding(
            f"{folder}/{name}",
            what,
            command=command_for(*manifest.cell, force=True) if manifest else "",
        )
    yield from _mark(folder, names, manifest)


def _changed(look: _Look, cells: Iterable[_Cell]) -> Iterator[Finding]:
    """Read every file that a manifest names, and compare it with what was published."""
    wanted = {key: (sha256, cell) for cell in cells for key, sha256 in _files(cell)}
    for key, found in look.store.digests(wanted):
        sha256, cell = wanted[key]
        manifest = cell.manifest
        if not isinstance(manifest, Manifest) or found == sha256:
            continue
        kept = is_past(cell.folder)
        if found is not None:
            command = _UNFIT if kept else command_for(*manifest.cell, force=True)
            yield Finding(key, "not the bytes that were published", command=command)
        elif is_refused(key) and look.again(cell.folder).manifest == manifest:
            what = "the manifest names these refused rows, but they are not there"
            yield Finding(key, what, command=command_for(*manifest.cell, force=True))


_UNFIT = "no rollback can use it: remove its folder"


def _files(cell: _Cell) -> Iterator[tuple[str, str]]:
    """Give the key and the sha256 of all files of a version, the refused rows among them."""
    manifest = cell.manifest
    if not isinstance(manifest, Manifest):
        return
    yield from ((f"{cell.folder}/{f.name}", f.sha256) for f in manifest.files)
    if (refused := manifest.quarantined) and (key := manifest.refused_key):
        kept = is_past(cell.folder)
        yield f"{cell.folder}/{refused.name}" if kept else key, refused.sha256


def _mark(folder: str, names: set[str], manifest: Manifest | None) -> Iterator[Finding]:
    wanted = manifest is not None and bool(manifest.files)
    path = success_key(folder)
    if wanted and SUCCESS not in names:
        yield Finding(path, "missing beside a published partition", Remedy.WRITE)
    if not wanted and SUCCESS in names:
        yield Finding(path, "there, though no rows are published", Remedy.REMOVE)


def _quarantine(refused: _Cell, of: _Cell | None) -> Iterator[Finding]:
    """Find files of refused rows that no published version names."""
    manifest = of.manifest if of else None
    if isinstance(manifest, LakeError):
        return
    named = manifest.quarantined.name if manifest and manifest.quarantined else None
    for name in sorted(set(refused.ages) - {named}):
        run = run_of_refused(name)
        if run and not (of or refused).spares(run, refused.ages[name]):
            where = f"{refused.folder}/{name}"
            yield Finding(where, "refused rows of no published version", Remedy.REMOVE)


def _past(version: _Cell, of: _Cell | None) -> Iterator[Finding]:
    """A version that was half-way into the history, or out of it, is of no use to anybody.

    One whose manifest can't be read may be of a later nomad's.
    """
    manifest, run_id = version.manifest, name_of(version.folder)
    if isinstance(manifest, LakeError):
        what = f"a past version that can't be read: {manifest.what}"
        yield Finding(manifest_in(version.folder), what, command="remove its folder")
        return
    whole = manifest is not None and is_whole(manifest, version.ages)
    if whole or not is_run(run_id) or (of and of.moves(run_id)):
        return
    for name in sorted(filter(is_ours, version.ages)):
        yield Finding(f"{version.folder}/{name}", "an incomplete past version", Remedy.REMOVE)


def repair(store: Store, findings: Iterable[Finding]) -> list[Finding]:
    """Apply every remedy; give the findings that have none."""
    left: list[Finding] = []
    for finding in findings:
        if finding.remedy is Remedy.REMOVE:
            store.delete(finding.where)
        elif finding.remedy is Remedy.WRITE:
            store.write(finding.where, b"")
        elif finding.upload and isinstance(store, Uploads):
            store.abandon(finding.upload)
        else:
            left.append(finding)
    return left
