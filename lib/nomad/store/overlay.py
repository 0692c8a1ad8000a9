"""A lake seen through a sheet of glass: reads fall through to it, writes stay on the glass."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from nomad.store.base import Blob, Entry, Store, Survey
from nomad.store.local import LocalStore


class OverlayStore:
    """`below` is never written; what is written lies in a folder of this machine.

    Nothing of `below` can be deleted or moved away: a rehearsal has no need to.
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
        """Compare with what is seen, write here. Nobody else looks, so no lock is needed."""
        found = self.read(key)
        if (found.version if found else None) != expected:
            return None
        return self._above.write_if(key, data, expected=self._here(key))

    def put(self, key: str, source: Path) -> None:
        """Take a file in here."""
        self._above.put(key, source)

    def take(self, key: str, to: Path) -> None:
        """Bring what is here, or else what is below."""
        here = Path(self._above.uri(key)).exists()
        (self._above if here else self._below).take(key, to)

    def move(self, key: str, to: str) -> None:
        """Move what was written here."""
        self._above.move(key, to)

    def delete(self, key: str) -> None:
        """Remove what was written here."""
        self._above.delete(key)

    def entries(self, prefix: str) -> Iterator[Entry]:
        """List what is here and below; what is here covers what is below."""
        found = {e.key: e for e in (*self._below.entries(prefix), *self._above.entries(prefix))}
        yield from (found[key] for key in sorted(found))

    def survey(self, prefix: str, name: str) -> Survey:
        """Tell of what is below, and of what covers it here."""
        stamps, _, beside = self._below.survey(prefix, name)
        return Survey({**stamps, **self._above.survey(prefix, name).stamps}, "", beside)

    def has(self, key: str) -> bool:
        """Look here, and below."""
        return self._above.has(key) or self._below.has(key)

    def folders(self, prefix: str) -> list[str]:
        """Name the folders here and below."""
        return sorted({*self._above.folders(prefix), *self._below.folders(prefix)})

    def uri(self, key: str) -> str:
        """Give the address of what was written here, or else of what is below."""
        here = self._above.uri(key)
        return here if Path(here).exists() else self._below.uri(key)

    def scratch(self) -> Path:
        """Name the scratch of the place below."""
        return self._below.scratch()

    @property
    def grace(self) -> float:
        """The grace of the place below."""
        return self._below.grace

    def _here(self, key: str) -> str | None:
        found = self._above.read(key)
        return found.version if found else None
