"""Staged files → the partition. The only code that writes where readers look.

Files go in first under names nobody refers to; then one conditional write of the manifest is the
commit; what it supersedes is taken away by `retire`, once no catalog points there any more.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from nomad.errors import CorruptManifest, LakeError, LostRace, Unanswered
from nomad.lake.decoding import lying_at
from nomad.lake.layout import (
    folder_of,
    history_folder,
    manifest_in,
    manifest_key,
    name_of,
    success_key,
)
from nomad.lake.manifest import Manifest, Over, Published
from nomad.store.base import Store

MANY = 1000
"""From so many on, nothing is pruned at a publish; `nomad gc` does it."""

_PAUSES = (0.1, 0.5, 2.0, None)
"""Seconds to wait after each commit that was not answered; after the last, it is given up."""

_log = logging.getLogger(__name__)


def publish(
    store: Store,
    manifest: Manifest,
    staged: Sequence[Path],
    *,
    over: Over | None,
    quarantined: Path | None = None,
    grace: float = 0.0,
) -> Published:
    """Make `staged` (one path for each of the manifest's files) the partition, or leave it be.

    `quarantined` is the file of refused rows, where the manifest names one. `grace` is after how
    many seconds another machine takes a file that nobody names for a dead run's; 0: none writes.

    `over` is what this run found published when it began; the manifest that was committed is given
    back, with `previous` filled in.

    Raises:
        LostRace: somebody else published meanwhile; our files are removed again.
        Unanswered: whether it is published isn't known. Nothing is removed: a commit that is still
            on its way would name the files.
        LakeError: the lake can't be reached; the next run or `doctor --fix` removes what is left.
    """
    ours = replace(manifest, previous=over.manifest.run_id if over and over.manifest else None)
    assert ours.previous != ours.run_id, f"{ours.cell} twice in one run: its files have one name"
    refused = [quarantined] if ours.quarantined and quarantined else []
    files = dict(zip(_objects(ours), [*refused, *staged], strict=True))
    sent = _Sent(store, files, grace)
    version = _commit(store, ours, over.version if over else None, sent)
    if version is None:
        sent.drop()
        raise _lost(store, ours)
    sent.keep()
    _mark(store, ours.folder, there=bool(ours.files))
    return Published(ours, version)


class _Sent:
    """The files of a commit, sent on ahead; of each, where it came from.

    Where other machines write as well, they take a file that nobody names for a dead run's once it
    is old. A run that has lingered makes sure of its files, therefore.
    """

    def __init__(self, store: Store, files: Mapping[str, Path], grace: float) -> None:
        self._store, self._files, self._grace = store, files, grace
        self._began = (time.time(), time.monotonic())
        for key, path in files.items():
            store.put(key, path)

    def make_sure(self) -> None:
        """Look at the files again if they may be taken for old; send again what is gone.

        Raises:
            LakeError: it is gone here, too.
        """
        if not self._grace or self._age() < self._grace / 2:
            return
        folders = {folder_of(key) for key in self._files}
        there = {e.key for folder in folders for e in self._store.list(folder)}
        for key in self._files.keys() - there:
            self._send_again(key)

    def _age(self) -> float:
        """Tell the seconds since the first was sent, whichever clock stood still meanwhile."""
        day, steady = self._began
        return max(time.time() - day, time.monotonic() - steady)

    def _send_again(self, key: str) -> None:
        if not self._files[key].exists():
            raise LakeError(
                "the file was removed before it was published: it took longer than `lake.grace`",
                where=key,
                hint="run the same command again; if it is always slow, raise `lake.grace`",
            )
        self._store.put(key, self._files[key])

    def keep(self) -> None:
        """Now that they are named: make sure once more; what they came from can go."""
        self.make_sure()
        if self._grace:
            for path in self._files.values():
                path.unlink(missing_ok=True)

    def drop(self) -> None:
        """Take them away: nobody will name them."""
        for key in self._files:
            self._store.delete(key)


def _mark(store: Store, folder: str, *, there: bool) -> None:
    """Set or remove `_SUCCESS`. The partition is published by now, whatever comes of its mark."""
    try:
        if there:
            store.write(success_key(folder), b"")
        else:
            store.delete(success_key(folder))
    except LakeError as e:
        _log.warning("published, but without its mark (`nomad doctor --fix` sets it): %s", e)


def _commit(store: Store, ours: Manifest, expected: str | None, sent: _Sent) -> str | None:
    """Write the manifest if nobody else has; an unclear answer is settled by reading back.

    A request whose answer is lost is sent again, and may then find its own work: so a refusal is
    read back, too. Each is sent with the same condition: once one has been answered, or another
    version is there, no earlier one that is still on its way can be carried out.
    """
    for pause in _PAUSES:
        sent.make_sure()
        try:
            return _tried(store, ours, expected)
        except Unanswered as e:
            if pause is None:
                raise e.replace(
                    what=f"{e.what}; whether it is published isn't known yet",
                    hint="run the same command again: it looks at what is there then",
                ) from e
        time.sleep(pause)
    raise AssertionError("unreachable")


def _tried(store: Store, ours: Manifest, expected: str | None) -> str | None:
    """Send the commit once and settle what came of it.

    Raises:
        Unanswered: the expected version is still there; ours may yet come, or not.
    """
    key = manifest_key(*ours.cell)
    try:
        if version := store.write_if(key, ours.to_json(), expected=expected):
            return version
        return _found_ours(store, key, ours)
    except Unanswered:
        found = store.read(key)
        if (found.version if found else None) == expected:
            raise
        return _found_ours(store, key, ours)
    except LakeError:
        if version := _found_ours(store, key, ours):
            return version
        raise


def _found_ours(store: Store, key: str, ours: Manifest) -> str | None:
    found = store.read(key)
    return found.version if found and _run_id(found.data) == ours.run_id else None


def _lost(store: Store, ours: Manifest) -> LostRace:
    found = store.read(manifest_key(*ours.cell))
    return _beaten(_run_id(found.data) if found else "a run that removed it", ours)


def lost(winner: Manifest) -> LostRace:
    """Say that another version was published first."""
    return _beaten(winner.run_id, winner)


def _beaten(by: str, version: Manifest) -> LostRace:
    return LostRace(
        f"run {by} published it first; nothing of this run was",
        where=version.folder,
        hint="run the same command again: it starts from what is published now",
    )


def _run_id(data: bytes) -> str:
    try:
        return str(json.loads(data)["run_id"])
    except (ValueError, KeyError, TypeError):
        return "unknown"


def retire(store: Store, old: Manifest, *, keep: int) -> None:
    """Take the files of a superseded version to the history, or away, and prune the history.

    `keep` is how many superseded versions stay, each with its refused rows. Only files that a
    manifest names are touched, and nothing is listed: each version names the one before it.
    """
    if keep:
        store.write(manifest_in(old.past_folder), old.to_json())
    for key in _objects(old):
        if keep:
            store.move(key, f"{old.past_folder}/{name_of(key)}")
        else:
            store.delete(key)
    if 0 < keep < MANY:
        _prune(store, old, keep)


def _objects(version: Manifest) -> list[str]:
    """Name what belongs to a published version; its rows last: with them, the rest has moved."""
    refused = [version.refused_key] if version.refused_key else []
    return [*refused, *(f"{version.folder}/{f.name}" for f in version.files)]


def parts(version: Manifest) -> tuple[str, ...]:
    """Name what a past version consists of besides its manifest."""
    refused = version.quarantined
    return (*(f.name for f in version.files), *((refused.name,) if refused else ()))


def is_whole(version: Manifest, there: Collection[str]) -> bool:
    """Tell of a past version by the names beside its manifest whether all its rows are kept.

    What else lies there is nobody's business; and one that an older nomad took to the history has
    lost its refused rows.
    """
    return all(f.name in there for f in version.files)


def _prune(store: Store, old: Manifest, keep: int) -> None:
    """Remove the version that is one too many, if it is there."""
    one: Manifest | None = old
    for _ in range(keep):
        one = _before(store, one) if one else None
    if one is None:
        return
    for key in (manifest_in(one.past_folder), *(f"{one.past_folder}/{n}" for n in parts(one))):
        store.delete(key)


def _before(store: Store, version: Manifest) -> Manifest | None:
    """Give the past version that a version superseded, where it is kept."""
    if not version.previous:
        return None
    key = manifest_in(history_folder(*version.cell, version.previous))
    blob = store.read(key)
    with suppress(CorruptManifest):
        return lying_at(key, blob.data) if blob else None
    return None
