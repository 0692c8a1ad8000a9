"""The store port: the few calls that everything above makes of a disk or an object store.

Keys are relative, with `/` between parts. A store knows nothing of tables or manifests.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, Protocol


class Blob(NamedTuple):
    """An object's bytes, and a token that changes whenever they do."""

    data: bytes
    version: str


class Store(Protocol):
    """A place for objects. Every method raises `LakeError` where the place can't be reached."""

    def read(self, key: str) -> Blob | None:
        """Give an object whole, or None where there is none."""

    def write(self, key: str, data: bytes) -> None:
        """Put a small object in one step, whatever was there; one that can be made again."""

    def write_if(self, key: str, data: bytes, *, expected: str | None) -> bool:
        """Put a small object only if its version is still `expected` (None: only if new).

        The compare and the write are one atomic, durable step. False: somebody else was first.
        """

    def put(self, key: str, source: Path) -> None:
        """Take a file of this machine in; the source may be gone afterwards.

        It is durable at the latest with the next `write_if` in its folder.
        """

    def move(self, key: str, to: str) -> None:
        """Move an object; one that is gone already is passed over."""

    def delete(self, key: str) -> None:
        """Remove an object; one that is gone already is passed over."""

    def keys(self, prefix: str) -> Iterator[str]:
        """Name every object below a folder (`a/b`), at any depth."""

    def folders(self, prefix: str) -> list[str]:
        """Name the folders right below a folder, sorted."""

    def uri(self, key: str) -> str:
        """Give the address under which DuckDB reads an object."""

    def scratch(self) -> Path:
        """Name a folder of this machine from which `put` is cheap."""
