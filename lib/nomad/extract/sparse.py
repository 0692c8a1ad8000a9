"""Fields of JSON that only some rows have: which of them a file may lack, and which it lost.

A field that is absent is NULL. A file lost one that all files before it had where it has another
one that none of them had: that is how a field that was renamed looks.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import NamedTuple


class Fields(NamedTuple):
    """The fields that any file so far had, by their names in small letters, and that all had.

    The `needed` ones are those that the source names as its date, its key or its watermark.
    """

    needed: frozenset[str] = frozenset()
    ever: Mapping[str, str] = MappingProxyType({})
    always: frozenset[str] | None = None

    def after(self, names: Iterable[str]) -> Fields:
        """Add those of one more file.

        Example:
            >>> fields = Fields().after(["id", "day"]).after(["ID", "note"])
            >>> sorted(fields.ever), sorted(fields.always)
            (['day', 'id', 'note'], ['id'])
        """
        named = {n.lower(): n for n in names}
        always = frozenset(named) if self.always is None else self.always & named.keys()
        return self._replace(ever={**named, **self.ever}, always=always)

    def lost(self, names: Iterable[str]) -> list[str]:
        """Name those that a file lost: a needed one, or one in whose place there is a new one.

        Example:
            >>> fields = Fields(frozenset({"day"})).after(["id", "day"])
            >>> fields.lost(["day"]), fields.lost(["day", "ident"]), fields.lost(["id"])
            ([], ['id'], ['day'])
        """
        held = {n.lower() for n in names}
        is_new = bool(held - self.ever.keys())
        gone = (self.always or frozenset()) - held if is_new else frozenset()
        gone |= (self.needed & self.ever.keys()) - held
        return [self.ever[n] for n in sorted(gone)]
