"""What only some stores can do: who needs it asks by `isinstance`, and does without elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple, Protocol, runtime_checkable

from nomad.store.base import Entry, Store

GOOD, BAD, DOUBTFUL = "good", "bad", "doubtful"


class Verdict(NamedTuple):
    """One thing asked of a server, what it showed, and what that means."""

    check: str
    found: str
    verdict: str


@runtime_checkable
class Diagnosable(Protocol):
    """A store behind a server that may be unfit for a lake."""

    def diagnose(self) -> Iterator[Verdict]:
        """Ask the server how it behaves; where it can't be reached, that is all that is said."""


@runtime_checkable
class Uploads(Protocol):
    """A store in which a large file goes up in parts, and may be left half-way."""

    def unfinished(self, prefix: str) -> Iterator[Entry]:
        """List uploads that were begun and not ended; `stamp` is the upload's id."""

    def abandon(self, upload: Entry) -> None:
        """Drop an upload and the parts it has."""


@runtime_checkable
class Bulk(Protocol):
    """A store that takes many files at once for less than one by one."""

    def put_all(self, folder: str, files: Mapping[str, Path]) -> None:
        """Take files into a folder by their names there; all are safe before it returns."""


def put_all(store: Store, folder: str, files: Mapping[str, Path]) -> None:
    """Put files into a folder, at once where the store can."""
    if isinstance(store, Bulk):
        store.put_all(folder, files)
    else:
        for name, path in files.items():
            store.put(f"{folder}/{name}", path)


@runtime_checkable
class Tidy(Protocol):
    """A store whose folders stay when nothing is left in them."""

    def tidy(self, folders: Iterable[str]) -> None:
        """Remove folders in which nothing is left, and those above them."""
