"""What decides about freshness, of all partitions of one table at once.

Plain values by folder, for plans over hundreds of thousands of cells.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, KeysView, Mapping
from functools import cached_property
from threading import Lock
from typing import Any

from nomad.errors import CorruptManifest
from nomad.hashing import digest, digest_framed, framed
from nomad.lake.decoding import lying_at
from nomad.lake.manifest import VERSION, Facts, Fault, Input
from nomad.partitions import text_of

FORM = digest(*Facts._fields, f"{VERSION}, where it belongs")
"""Tells these facts from those of another nomad."""


def facts_of(key: str, data: bytes) -> tuple[Any, ...]:
    """Take the facts from a manifest's file, as plain values.

    Or tell, as a `Fault`, why it is none, or not that of this place.
    """
    try:
        return lying_at(key, data).facts.plain
    except CorruptManifest as e:
        return Fault(e.what, key, e.hint or "")


_CONTENT = Facts._fields.index("content_hash")
_INPUTS = Facts._fields.index("inputs")
_TERMS = slice(Facts._fields.index("sql_hash"), Facts._fields.index("engine") + 1)

Contents = Mapping[str | None, str | None]
"""Content hashes by day (ISO; None: that of a full table)."""


class Fingerprints:
    """The facts of a table's partitions, by the names of their folders ('' for a full table).

    Of a manifest that can't be read there are none, and to ask for them raises `CorruptManifest`.
    `look` gives them as plain values, when they are first asked for. `stamps` are what the listing
    shows of each, without a look, and `beside` is a token of the files that lie beside them.
    """

    def __init__(
        self,
        look: Callable[[], dict[str, tuple[Any, ...]]],
        stamps: dict[str, str],
        beside: str = "",
    ) -> None:
        self._look, self._stamps, self._besides = look, stamps, beside
        self._looking = Lock()
        self._seen: dict[str, tuple[Any, ...]] | None = None
        self._faults: dict[str, Fault] = {}
        self._learned = 0
        self._sorted: tuple[int, list[str], list[bytes]] | None = None

    @property
    def _found(self) -> dict[str, tuple[Any, ...]]:
        if self._seen is None:
            with self._looking:
                if self._seen is None:
                    seen = self._look()
                    bad = [n for n, found in seen.items() if len(found) == len(Fault._fields)]
                    self._faults = {n: Fault._make(seen[n]) for n in bad}
                    gone = self._faults.keys()
                    self._seen = {n: f for n, f in seen.items() if n not in gone} if bad else seen
        return self._seen

    def _of(self, name: str) -> tuple[Any, ...] | None:
        found = self._found.get(name)
        if found is None and name in self._faults:
            raise self._faults[name].error
        return found

    @property
    def names(self) -> KeysView[str]:
        """The folders in the listing."""
        return self._stamps.keys()

    @property
    def token(self) -> str:
        """What changes whenever a partition or a file of one does; '' where that isn't sure."""
        return "" if self._learned else self._token

    @cached_property
    def _token(self) -> str:
        sure = self._stamps and self._besides and all(self._stamps.values())
        return digest(repr(self._stamps), self._besides) if sure else ""

    def facts(self, name: str) -> Facts | None:
        """Give those of one partition, or None where there is none."""
        found = self._of(name)
        if found is None:
            return None
        facts = Facts._make(found)
        return facts._replace(inputs=tuple(map(Input._make, facts.inputs)))

    def files(self, name: str) -> list[str]:
        """Name the files of one partition."""
        found = self._of(name)
        return Facts._make(found).names if found else []

    def content_of(self, name: str) -> str | None:
        """Give the content of one partition, or None where there is none."""
        found = self._of(name)
        return found[_CONTENT] if found else None

    def contents(self, *, partitioned: bool) -> Contents:
        """Give the content of all partitions, or of the full table."""
        if not partitioned:
            full = self._found.get("")
            return {None: full[_CONTENT] if full else None}
        found = list(self._found.items())
        return {text: f[_CONTENT] for n, f in found if (text := text_of(n))}

    def unsettled(self, terms: tuple[str, ...], contents: Mapping[str, Contents]) -> list[str]:
        """Name the partitions not built on these terms of what each input has now.

        `terms` are the hashes of SQL and contract, and the engine; `contents` is by table. What
        was built of several days of an input is among them: that wants a closer look.
        """
        found = self._found
        return [n for n in self.names if not _settled(found.get(n), terms, contents)]

    def learn(self, name: str, facts: Facts) -> None:
        """Note what has just been published."""
        self._found[name] = facts
        self._faults.pop(name, None)
        self._learned += 1

    def content(self, first: str, last: str) -> tuple[str, int]:
        """Combine the content of the days (ISO) from first to last, and count them."""
        if not self._sorted or self._sorted[0] != self._learned:
            self._sorted = self._learned, *self._in_order()
        _, days, contents = self._sorted
        if bad := [f.error for n, f in self._faults.items() if first <= (text_of(n) or "") <= last]:
            raise CorruptManifest.of(bad)
        start, end = bisect_left(days, first), bisect_right(days, last)
        return digest_framed(contents[start:end]), end - start

    def _in_order(self) -> tuple[list[str], list[bytes]]:
        """Sort the days, and what each adds to the digest of several; others may learn of more."""
        found = {text: n for n in list(self._found) if (text := text_of(n))}
        days = sorted(found)
        return days, [framed(f"{d} {self._found[found[d]][_CONTENT]}") for d in days]


def _settled(
    found: tuple[Any, ...] | None, terms: tuple[str, ...], contents: Mapping[str, Contents]
) -> bool:
    if found is None or found[_TERMS] != terms:
        return False
    for table, day, _, content, count in found[_INPUTS]:
        if count is not None or table not in contents or contents[table].get(day) != content:
            return False
    return True
