"""What decides about freshness, of all partitions of one table at once.

Plain values by folder, for plans over hundreds of thousands of cells.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping
from typing import Any

from nomad.manifest import Facts, digest, digest_framed, framed, from_json
from nomad.partition import COLUMN, from_folder

FORM = digest(*Facts._fields)
"""Tells these facts from those of another nomad."""


def facts_of(key: str, data: bytes) -> Facts:
    """Take the facts from a manifest's file.

    Raises:
        CorruptManifest: it is none.
    """
    return from_json(data, where=key).facts


_CONTENT = Facts._fields.index("content_hash")
_INPUTS = Facts._fields.index("inputs")
_TERMS = slice(Facts._fields.index("sql_hash"), Facts._fields.index("engine") + 1)

Contents = Mapping[str | None, str | None]
"""Content hashes by day (ISO; None: that of a full table)."""


class Ledger:
    """The facts of a table's partitions, by the names of their folders ('' for a full table)."""

    def __init__(self, found: dict[str, tuple[Any, ...]]) -> None:
        self._found = found
        self._learned = 0
        self._sorted: tuple[int, list[str], list[bytes]] | None = None

    def facts(self, name: str) -> Facts | None:
        """Give those of one partition, or None where there is none."""
        found = self._found.get(name)
        return Facts._make(found) if found else None

    def content_of(self, name: str) -> str | None:
        """Give the content of one partition, or None where there is none."""
        found = self._found.get(name)
        return found[_CONTENT] if found else None

    def contents(self, *, partitioned: bool) -> Contents:
        """Give the content of all partitions, or of the full table."""
        start = len(COLUMN) + 1
        found = ((n, f[_CONTENT]) for n, f in list(self._found.items()) if bool(n) is partitioned)
        return {n[start:] or None: content for n, content in found}

    def settled(
        self, names: Iterable[str], terms: tuple[str, ...], contents: Mapping[str, Contents]
    ) -> set[str]:
        """Name the partitions that were built on these terms of what each input has now.

        `terms` are the hashes of SQL and contract, and the engine; `contents` is by table. What
        was built of several days of an input is left out: that wants a closer look.
        """
        return {n for n in names if _settled(self._found.get(n), terms, contents)}

    def learn(self, name: str, facts: Facts) -> None:
        """Note what has just been published."""
        self._found[name] = facts
        self._learned += 1

    def content(self, first: str, last: str) -> tuple[str, int]:
        """Combine the content of the days (ISO) from first to last, and count them."""
        if not self._sorted or self._sorted[0] != self._learned:
            self._sorted = self._learned, *self._in_order()
        _, days, contents = self._sorted
        start, end = bisect_left(days, first), bisect_right(days, last)
        return digest_framed(contents[start:end]), end - start

    def _in_order(self) -> tuple[list[str], list[bytes]]:
        """Sort the days, and what each adds to the digest of several; others may learn of more."""
        names = sorted(n for n in list(self._found) if from_folder(n))
        days = [n.removeprefix(f"{COLUMN}=") for n in names]
        hashes = (self._found[n][_CONTENT] for n in names)
        return days, [framed(f"{d} {h}") for d, h in zip(days, hashes, strict=True)]


def _settled(
    found: tuple[Any, ...] | None, terms: tuple[str, ...], contents: Mapping[str, Contents]
) -> bool:
    if found is None or found[_TERMS] != terms:
        return False
    for table, day, _, content, count in found[_INPUTS]:
        if count is not None or table not in contents or contents[table].get(day) != content:
            return False
    return True
