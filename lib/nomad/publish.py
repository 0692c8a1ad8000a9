"""Staged files → the partition. The only code that writes where readers look.

Files go in first under names nobody refers to; then one conditional write of the manifest is the
commit; what it supersedes is taken away by `retire`, once no catalog points there any more.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from nomad.errors import LakeError, LostRace
from nomad.lake import Published, folder_key, manifest_key
from nomad.manifest import FILE, SUCCESS, Manifest
from nomad.store.base import Store

HISTORY = "_history"


def publish(
    store: Store, manifest: Manifest, staged: Sequence[Path], *, over: Published | None
) -> Manifest:
    """Make `staged` (one path for each of the manifest's files) the partition, or leave it be.

    `over` is what this run found published when it began; the manifest that was committed is given
    back, with `previous` filled in.

    Raises:
        LostRace: somebody else published meanwhile; our files are removed again.
        LakeError: the lake can't be reached; the next run or `doctor --fix` removes what is left.
    """
    ours = replace(manifest, previous=over.manifest.run_id if over else None)
    folder = folder_key(ours.dest, ours.partition_date)
    for file, path in zip(ours.files, staged, strict=True):
        store.put(f"{folder}/{file.name}", path)
    if not _commit(store, ours, over.version if over else None):
        for file in ours.files:
            store.delete(f"{folder}/{file.name}")
        raise _lost(store, ours)
    if ours.files:
        store.write(f"{folder}/{SUCCESS}", b"")
    else:
        store.delete(f"{folder}/{SUCCESS}")
    return ours


def _commit(store: Store, ours: Manifest, expected: str | None) -> bool:
    """Write the manifest if nobody else has; an unclear answer is settled by reading back."""
    key = manifest_key(ours.dest, ours.partition_date)
    try:
        return store.write_if(key, ours.to_json(), expected=expected)
    except LakeError:
        found = store.read(key)
        if found is not None and _run_id(found.data) == ours.run_id:
            return True
        raise


def _lost(store: Store, ours: Manifest) -> LostRace:
    key = manifest_key(ours.dest, ours.partition_date)
    found = store.read(key)
    winner = _run_id(found.data) if found else "a run that removed it"
    return LostRace(
        f"run {winner} published it first; nothing of this run was",
        where=folder_key(ours.dest, ours.partition_date),
        hint="run the same command again: it starts from what is published now",
    )


def _run_id(data: bytes) -> str:
    try:
        return str(json.loads(data)["run_id"])
    except (ValueError, KeyError, TypeError):
        return "unknown"


def retire(store: Store, old: Manifest, *, keep: int) -> None:
    """Take the files of a superseded version to the history, or away, and prune the history.

    `keep` is how many superseded versions stay. Only files that `old` names are touched.
    """
    folder = folder_key(old.dest, old.partition_date)
    past = f"{HISTORY}/{folder}"
    if keep:
        store.write(f"{past}/{old.run_id}/{FILE}", old.to_json())
    for file in old.files:
        if keep:
            store.move(f"{folder}/{file.name}", f"{past}/{old.run_id}/{file.name}")
        else:
            store.delete(f"{folder}/{file.name}")
    for run_id in store.folders(past)[: -keep or None]:
        for key in sorted(store.keys(f"{past}/{run_id}"), key=lambda k: k.endswith(FILE)):
            store.delete(key)
