"""What a run supersedes, noted in its scratch until it is in the history.

A commit replaces the manifest that names the old files, and those leave their folder only once the
catalog is renewed. In between, the note alone tells what they are: a run that ends otherwise leaves
it to the next.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from nomad.errors import CorruptManifest, LakeError, LostRace, NomadError, Unanswered
from nomad.files import translated
from nomad.lake.claims import NOTES
from nomad.lake.decoding import from_json, lying_at
from nomad.lake.layout import manifest_key, name_of
from nomad.lake.manifest import Manifest
from nomad.lake.publish import is_whole, retire
from nomad.store.base import Store

_log = logging.getLogger(__name__)


@contextmanager
def record(store: Store, scratch: Path, old: Manifest | None) -> Iterator[None]:
    """Note the version that a commit in this block supersedes; `forget` drops the note.

    It goes at once where nothing comes of the commit.

    Raises:
        LakeError: scratch can't be written.
    """
    if old is None:
        yield
        return
    path = _path(scratch, old)
    with translated(str(path)):
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(old.to_json())
    try:
        yield
    except Unanswered:
        raise
    except NomadError as e:
        with suppress(LakeError):
            if isinstance(e, LostRace) or not _replaced(store, old):
                forget(scratch, old)
        raise


def forget(scratch: Path, old: Manifest) -> None:
    """Drop the note: the version is where it belongs."""
    with suppress(OSError):
        _path(scratch, old).unlink()


def replay(store: Store, left: Iterable[Path], *, keep: int) -> None:
    """Retire what runs that died had superseded and not yet retired; `left` is their scratch.

    A note is dropped once there is nothing to be done. What can't be retired now stays where it
    is: for its sake no run is held up.
    """
    for path, old in _notes(left):
        try:
            if old and _waits(store, old):
                retire(store, old, keep=keep)
            path.unlink(missing_ok=True)
        except LakeError as e:
            _log.warning("a superseded version did not go to the history yet: %s", e)


def pending(store: Store, left: Iterable[Path]) -> Iterator[Manifest]:
    """Give what runs that died had superseded, as long as it is there."""
    return (old for _, old in _notes(left) if old and _waits(store, old))


def kept_for(left: Iterable[Path]) -> frozenset[tuple[str, str]]:
    """Name what runs that died have notes of, by folder and run."""
    return frozenset((m.folder, m.run_id) for _, m in _notes(left) if m)


def _notes(left: Iterable[Path]) -> Iterator[tuple[Path, Manifest | None]]:
    """Read the notes. A torn one's commit was never sent; one that goes is settled by another."""
    for path in (p for scratch in left for p in sorted((scratch / NOTES).glob("*.json"))):
        with suppress(FileNotFoundError):
            data, found = path.read_bytes(), None
            with suppress(CorruptManifest):
                found = from_json(data, where=str(path))
            yield path, found


def _waits(store: Store, old: Manifest) -> bool:
    """Tell whether a version is still to go: not if never committed over, nor if gone since."""
    return _replaced(store, old) and _there(store, old)


def _path(scratch: Path, old: Manifest) -> Path:
    return scratch / NOTES / f"{old.folder.replace('/', ' ')}.json"


def _replaced(store: Store, old: Manifest) -> bool:
    """Tell whether another version is published now."""
    key = manifest_key(*old.cell)
    with suppress(CorruptManifest):
        found = store.read(key)
        return found is not None and lying_at(key, found.data).run_id != old.run_id
    return False


def _there(store: Store, old: Manifest) -> bool:
    """Tell whether all files are still there, each in its folder or already in the history."""
    tops = (old.folder, old.past_folder)
    return is_whole(old, {name_of(e.key) for top in tops for e in store.list(top)})
