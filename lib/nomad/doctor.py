"""Afterwards: do lake and manifests agree? Finds what crashed runs left, and removes it if told.

Only what nomad itself can have written is ever removed: a file named by a run, in the folder of a
table, that no manifest names and no live run may be about to name.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass

from nomad.errors import LakeError
from nomad.manifest import FILE, SUCCESS, Manifest, from_json
from nomad.publish import HISTORY
from nomad.store.base import Store

_OURS = re.compile(r"(\d{8}T\d{6}Z-[0-9a-f]{6})-\d+(\.\w+)?")
"""The name of a data file: its run's id, and a number."""


@dataclass(frozen=True)
class Finding:
    """Something amiss: where, and what. `remedy` is `remove`, `write`, or None: not from here."""

    where: str
    what: str
    remedy: str | None = None


def examine(
    store: Store,
    layers: Iterable[str],
    *,
    busy: Callable[[], Collection[str]] = tuple,
    deep: bool = True,
) -> Iterator[Finding]:
    """Compare the objects of the given layers, and their history, with the manifests.

    `busy` names the runs still going on, whose files are left alone; `deep` reads every file. It
    is asked after the files are listed, and the manifests are read after that: a run whose file is
    in the list is then still busy, or its manifest is there.
    """
    for layer in layers:
        listed = _folders(store, layer)
        going_on = busy()
        for folder, names in listed:
            yield from _published(store, folder, names, going_on, deep=deep)
        for folder, names in _folders(store, f"{HISTORY}/{layer}"):
            yield from _past(store, folder, names)


def _folders(store: Store, top: str) -> list[tuple[str, set[str]]]:
    found: dict[str, set[str]] = {}
    for key in store.keys(top):
        folder, _, name = key.rpartition("/")
        found.setdefault(folder, set()).add(name)
    return sorted(found.items())


def _manifest(store: Store, folder: str, names: set[str]) -> Manifest | None:
    key = f"{folder}/{FILE}"
    blob = store.read(key) if FILE in names else None
    return from_json(blob.data, where=key) if blob else None


def _published(
    store: Store, folder: str, names: set[str], busy: Collection[str], *, deep: bool
) -> Iterator[Finding]:
    try:
        manifest = _manifest(store, folder, names)
    except LakeError as e:
        yield Finding(f"{folder}/{FILE}", f"{e.what}; {e.hint}")
        return
    named = {f.name for f in manifest.files} if manifest else set()
    for name in sorted(names - named - {FILE, SUCCESS}):
        match = _OURS.fullmatch(name)
        if match is None:
            yield Finding(f"{folder}/{name}", "not a file of nomad's; no reader sees it")
        elif match[1] not in busy:
            yield Finding(f"{folder}/{name}", "no manifest names it", "remove")
    if manifest is not None:
        yield from _damage(store, folder, names, manifest, deep=deep)
    yield from _mark(folder, names, manifest)


def _damage(
    store: Store, folder: str, names: set[str], manifest: Manifest, *, deep: bool
) -> Iterator[Finding]:
    again = f"build it again: nomad run {manifest.dest.name} --force"
    if manifest.partition_date:
        again += f" --dt {manifest.partition_date}"
    for file in manifest.files:
        path = f"{folder}/{file.name}"
        if file.name not in names:
            yield Finding(path, f"the manifest names it, but it is not there; {again}")
        elif deep and not _whole(store, path, file.sha256):
            yield Finding(path, f"not the bytes that were published; {again}")


def _whole(store: Store, path: str, sha256: str) -> bool:
    blob = store.read(path)
    return blob is not None and hashlib.sha256(blob.data).hexdigest() == sha256


def _mark(folder: str, names: set[str], manifest: Manifest | None) -> Iterator[Finding]:
    wanted = manifest is not None and bool(manifest.files)
    path = f"{folder}/{SUCCESS}"
    if wanted and SUCCESS not in names:
        yield Finding(path, "missing beside a published partition", "write")
    if not wanted and SUCCESS in names:
        yield Finding(path, "there, though no rows are published", "remove")


def _past(store: Store, folder: str, names: set[str]) -> Iterator[Finding]:
    """A version that was half-way into the history, or out of it, is of no use to anybody."""
    try:
        manifest = _manifest(store, folder, names)
    except LakeError:
        manifest = None
    named = {f.name for f in manifest.files} | {FILE} if manifest else set()
    if names != named:
        for name in sorted(names):
            yield Finding(f"{folder}/{name}", "an incomplete past version", "remove")


def mend(store: Store, findings: Iterable[Finding]) -> list[Finding]:
    """Apply every remedy; give the findings that have none."""
    left: list[Finding] = []
    for finding in findings:
        if finding.remedy == "remove":
            store.delete(finding.where)
        elif finding.remedy == "write":
            store.write(finding.where, b"")
        else:
            left.append(finding)
    return left
