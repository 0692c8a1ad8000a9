"""The store port: the few calls that everything above makes of a disk or an object store.

Keys are relative, with `/` between parts. A store knows nothing of tables or manifests, nor of who
else works here. What only some stores can do is in `capabilities`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

from nomad.hashing import digest

ELSEWHERE = b"by way of a symbolic link that leads out of the lake"
"""What a store gives for a file that is reached so: DuckDB, held to the lake, reads none of it."""


class Blob(NamedTuple):
    """An object's bytes, and a token that changes whenever they do.

    `stamp` is the token a listing shows for it; empty where the listing can't be trusted yet.
    """

    data: bytes
    version: str
    stamp: str = ""


class Entry(NamedTuple):
    """One object in a listing: its stamp, and its age in seconds by the store's own clock."""

    key: str
    stamp: str
    age: float


class Survey(NamedTuple):
    """The stamps of the objects of one name, in a folder and right below, by folder.

    `token` changes whenever an object comes or goes beside them; empty where that isn't sure.
    `beside` are those others, but for marks, by their keys below the folder; None where they were
    not looked at.
    """

    stamps: dict[str, str]
    token: str
    beside: Collection[str] | None = None


def surveyed(entries: Iterable[Entry], prefix: str, name: str) -> Survey:
    """Make a survey of a listing.

    Example:
        >>> found = [Entry("a/b/m", "1", 0.0), Entry("a/b/x", "3", 0.0), Entry("a/m", "2", 0.0)]
        >>> stamps, _, beside = surveyed(found, "a", "m")
        >>> stamps, beside
        ({'b': '1', '': '2'}, {'b/x'})
    """
    stamps: dict[str, str] = {}
    beside: set[str] = set()
    for key, stamp, _ in entries:
        below = key[len(prefix) + 1 :]
        folder, _, last = below.rpartition("/")
        if last == name and "/" not in folder:
            stamps[folder] = stamp
        elif not last.startswith("_"):
            beside.add(below)
    return Survey(stamps, digest(*sorted(beside)), beside)


class Store(Protocol):
    """A place for objects. Every method raises `LakeError` where the place can't be reached."""

    # One object ----------------------------------------------------------------------------------

    def read(self, key: str) -> Blob | None:
        """Give an object whole, or None where there is none."""

    def exists(self, key: str) -> bool:
        """Tell whether there is an object."""

    def write(self, key: str, data: bytes) -> None:
        """Put a small object in one step, whatever was there; one that can be made again."""

    def write_if(self, key: str, data: bytes, *, expected: str | None) -> str | None:
        """Put a small object only if its version is still `expected` (None: only if new).

        The compare and the write are one atomic, durable step. Gives the new version, or None:
        somebody else was first.

        Raises:
            Unanswered: it was sent, and whether it was done isn't known.
        """

    def put(self, key: str, source: Path) -> None:
        """Take a file of this machine in; the source may be gone afterwards.

        It is durable at the latest with the next `write_if` in its folder.
        """

    def get(self, key: str, to: Path) -> None:
        """Bring an object into a file of this machine, for `put` to take in again.

        Raises:
            LakeError: there is none.
        """

    def move(self, key: str, to: str) -> None:
        """Move an object; one that is gone already is passed over."""

    def delete(self, key: str) -> None:
        """Remove an object; one that is gone already is passed over."""

    def uri(self, key: str) -> str:
        """Give the address under which DuckDB reads an object."""

    # Many at once --------------------------------------------------------------------------------

    def read_all(self, keys: Iterable[str]) -> Iterator[tuple[str, Blob | None]]:
        """Read many objects, side by side where that is faster, in the order of the keys."""

    def digests(self, keys: Iterable[str]) -> Iterator[tuple[str, str | None]]:
        """Give the sha256 (hex) of many objects, in their order; None where there is none."""

    def list(self, prefix: str) -> Iterator[Entry]:
        """List every object below a folder (`a/b`), at any depth."""

    def survey(self, prefix: str, name: str) -> Survey:
        """Look at the objects of one name, in a folder and right below."""

    def folders(self, prefix: str) -> Sequence[str]:
        """Name the folders right below a folder, sorted."""
