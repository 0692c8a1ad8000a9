"""A lake in memory, for tests of the logic above it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from threading import Lock

from nomad.errors import LakeError
from nomad.store.base import Blob, Entry, Survey, surveyed


def _nothing(_call: str, _key: str) -> None:
    """Let every call go ahead."""


class MemoryStore:
    """Objects in a dict. `before` is called with (call, key) ahead of each call.

    A test lets `before` raise, to fail at the n-th call, or wait, to choose who goes next.
    """

    def __init__(self, before: Callable[[str, str], None] = _nothing) -> None:
        self.objects: dict[str, bytes] = {}
        self.before = before
        self._lock = Lock()

    def read(self, key: str) -> Blob | None:
        """Give an object whole."""
        self.before("read", key)
        data = self.objects.get(key)
        return None if data is None else Blob(data, data.hex(), data.hex())

    def read_all(self, keys: Iterable[str]) -> Iterator[tuple[str, Blob | None]]:
        """Read one after another."""
        return ((key, self.read(key)) for key in keys)

    def digests(self, keys: Iterable[str]) -> Iterator[tuple[str, str | None]]:
        """Digest one after another."""
        found = ((key, self.objects.get(key)) for key in keys)
        return ((k, None if v is None else hashlib.sha256(v).hexdigest()) for k, v in found)

    def write(self, key: str, data: bytes) -> None:
        """Put an object."""
        self.before("write", key)
        self.objects[key] = data

    def write_if(self, key: str, data: bytes, *, expected: str | None) -> str | None:
        """Compare and put in one step."""
        self.before("write_if", key)
        with self._lock:
            found = self.objects.get(key)
            if (None if found is None else found.hex()) != expected:
                return None
            self.objects[key] = data
        return data.hex()

    def put(self, key: str, source: Path) -> None:
        """Take a file in."""
        self.before("put", key)
        self.objects[key] = source.read_bytes()

    def get(self, key: str, to: Path) -> None:
        """Write the bytes to a file."""
        if key not in self.objects:
            raise LakeError("the lake can't be used: no such object", where=key)
        to.write_bytes(self.objects[key])

    def move(self, key: str, to: str) -> None:
        """Move an object, in one step."""
        self.before("move", key)
        if key in self.objects:
            self.objects[to] = self.objects.pop(key)

    def delete(self, key: str) -> None:
        """Remove an object."""
        self.before("delete", key)
        self.objects.pop(key, None)

    def list(self, prefix: str) -> Iterator[Entry]:
        """List every object below a folder."""
        self.before("list", prefix)
        below = f"{prefix}/" if prefix else ""
        found = sorted((k, v) for k, v in self.objects.items() if k.startswith(below))
        return (Entry(key, data.hex(), 0.0) for key, data in found)

    def survey(self, prefix: str, name: str) -> Survey:
        """Pick them from the listing."""
        return surveyed(self.list(prefix), prefix, name)

    def exists(self, key: str) -> bool:
        """Look for it."""
        return key in self.objects

    def folders(self, prefix: str) -> Sequence[str]:
        """Name the folders right below a folder."""
        rest = [e.key[len(prefix) :].lstrip("/") for e in self.list(prefix)]
        return sorted({k.split("/")[0] for k in rest if "/" in k})

    def uri(self, key: str) -> str:
        """Give a name; DuckDB can't read it."""
        return f"memory:{key}"
