"""What a run supersedes, noted in its scratch: one that dies takes no past version with it.

A commit replaces the manifest that names the old files, and those leave their folder only once the
catalog is renewed. In between, the note alone tells what they are.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from nomad.errors import CorruptManifest, LakeError
from nomad.lake import folder_key, manifest_key
from nomad.manifest import Manifest, from_json
from nomad.publish import HISTORY, retire
from nomad.store.base import Store
from nomad.store.local import translated

FOLDER = "superseded"

_log = logging.getLogger(__name__)


def note(scratch: Path, old: Manifest) -> None:
    """Note the version that a commit is about to supersede.

    Raises:
        LakeError: scratch can't be written.
    """
    path = _path(scratch, old)
    with translated(str(path)):
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(old.to_json())


def forget(scratch: Path, old: Manifest) -> None:
    """Drop the note: the version is where it belongs."""
    with suppress(OSError):
        _path(scratch, old).unlink()


def settle(store: Store, left: Iterable[Path], *, keep: int) -> None:
    """Retire what runs that died had superseded and not yet retired; `left` is their scratch.

    One that can't be, stays where it is: for its sake no run is held up.
    """
    for old in pending(store, left):
        try:
            retire(store, old, keep=keep)
        except LakeError as e:
            _log.warning("a superseded version did not go to the history: %s", e)


def pending(store: Store, left: Iterable[Path]) -> Iterator[Manifest]:
    """Give what runs that died had superseded, as long as it is there.

    Not what was never committed over, nor what has gone since.
    """
    for old in (m for path in left for m in _noted(path)):
        if _replaced(store, old) and _there(store, old):
            yield old


def noted(left: Iterable[Path]) -> frozenset[tuple[str, str]]:
    """Name what runs that died have notes of, by folder and run."""
    found = (m for path in left for m in _noted(path))
    return frozenset((folder_key(*m.cell), m.run_id) for m in found)


def _path(scratch: Path, old: Manifest) -> Path:
    return scratch / FOLDER / f"{folder_key(*old.cell).replace('/', ' ')}.json"


def _noted(scratch: Path) -> Iterator[Manifest]:
    """Read a run's notes. A torn one's commit was never sent; one that goes has been settled."""
    for path in sorted((scratch / FOLDER).glob("*.json")):
        with suppress(CorruptManifest, FileNotFoundError):
            yield from_json(path.read_bytes(), where=str(path))


def _replaced(store: Store, old: Manifest) -> bool:
    """Tell whether another version is published now."""
    key = manifest_key(*old.cell)
    with suppress(CorruptManifest):
        found = store.read(key)
        return found is not None and from_json(found.data, where=key).run_id != old.run_id
    return False


def _there(store: Store, old: Manifest) -> bool:
    """Tell whether all files are still there, each in its folder or already in the history."""
    folder = folder_key(*old.cell)
    past = f"{HISTORY}/{folder}/{old.run_id}"
    names = {e.key.rpartition("/")[2] for top in (folder, past) for e in store.entries(top)}
    return names >= {f.name for f in old.files}
