"""A lake seen through a sheet of glass: reads fall through to it, writes stay on the glass."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from nomad.store.base import Blob, Entry, Store, Survey
from nomad.store.local import LocalStore


class OverlayStore:
    """`below` is never written; what is written lies in a folder of this machine.

    Nothing of `below` can be deleted or moved away: a dry run has no need to.
    """

    def __init__(self, below: Store, folder: Path) -> None:
        self._below = below
        self._above = LocalStore(folder)

    def read(self, key: str) -> Blob | None:
        """Give what was written here, or else what is below."""
        return self._above.read(key) or self._below.read(key)

    def read_all(self, keys: Iterable[str]) -> Iterator[tuple[str, Blob | None]]:
        """Read what is here, and the rest from below, side by side."""
        wanted = list(keys)
        here = {key: blob for key in wanted if (blob := self._above.read(key))}
        below = dict(self._below.read_all(k for k in wanted if k not in here))
        return ((key, here.get(key) or below.get(key)) for key in wanted)

    def digests(self, keys: Iterable[str]) -> Iterator[tuple[str, str | None]]:
        """Digest what is here, or else what is below."""
        for key in keys:
            here = dict(self._above.digests([key]))
            yield key, here[key] or dict(self._below.digests([key]))[key]

    def write(self, key: str, data: bytes) -> None:
        """Write here."""
        self._above.write(key, data)

    def write_if(self, key: str, data: bytes, *, expected: str | None) -> str | None:
        """Compare with what is seen, write here; what is below doesn't change meanwhile."""
        here = self._above.read(key)
        seen = here or self._below.read(key)
        if (seen.version if seen else None) != expected:
            return None
        return self._above.write_if(key, data, expected=here.version if here else None)

    def put(self, key: str, source: Path) -> None:
        """Take a file in here."""
        self._above.put(key, source)

    def get(self, key: str, to: Path) -> None:
        """Bring what is here, or else what is below."""
        here = Path(self._above.uri(key)).exists()
        (self._above if here else self._below).get(key, to)

    def move(self, key: str, to: str) -> None:
        """Move what was written here."""
        self._above.move(key, to)

    def delete(self, key: str) -> None:
        """Remove what was written here."""
        self._above.delete(key)

    def list(self, prefix: str) -> Iterator[Entry]:
        """List what is here and below; what is here covers what is below."""
        found = {e.key: e for e in (*self._below.list(prefix), *self._above.list(prefix))}
        yield from (found[key] for key in sorted(found))

    def survey(self, prefix: str, name: str) -> Survey:
        """Tell of what is below, and of what covers it here."""
        stamps, _, beside = self._below.survey(prefix, name)
        return Survey({**stamps, **self._above.survey(prefix, name).stamps}, "", beside)

    def exists(self, key: str) -> bool:
        """Look here, and below."""
        return self._above.exists(key) or self._below.exists(key)

    def folders(self, prefix: str) -> Sequence[str]:
        """Name the folders here and below."""
        return sorted({*self._above.folders(prefix), *self._below.folders(prefix)})

    def uri(self, key: str) -> str:
        """Give the address of what was written here, or else of what is below."""
        here = self._above.uri(key)
        return here if Path(here).exists() else self._below.uri(key)
