"""`dwd.x` ⇄ `sql/dwd/x.sql` ⇄ `dwd/x/`: the one place where names turn into paths."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

RAW = "raw"
"""The layer of extracted data; its tables are the sources."""


class TableName(NamedTuple):
    """A table of the project: its layer (also its schema) and its own name.

    Example:
        >>> str(TableName("dwd", "dwd_price"))
        'dwd.dwd_price'
    """

    layer: str
    name: str

    def __str__(self) -> str:
        return f"{self.layer}.{self.name}"

    @classmethod
    def parse(cls, text: str) -> TableName:
        """Read `layer.table`.

        Example:
            >>> TableName.parse("dwd.dwd_price").layer
            'dwd'
        """
        layer, _, name = text.partition(".")
        return cls(layer, name)

    @property
    def key(self) -> str:
        """The folder in the lake, without a slash at either end.

        Example:
            >>> TableName("dwd", "dwd_price").key
            'dwd/dwd_price'
        """
        return f"{self.layer}/{self.name}"

    @property
    def quoted(self) -> str:
        """As an identifier in SQL."""
        return f"{quote(self.layer)}.{quote(self.name)}"


def is_plain(name: str) -> bool:
    """Tell whether a name needs no quotes in SQL and no care in a path.

    Example:
        >>> is_plain("ods_trade"), is_plain("2 words")
        (True, False)
    """
    return name.isascii() and name.isidentifier()


def quote(identifier: str) -> str:
    """Quote an identifier for SQL.

    Example:
        >>> quote('a"b')
        '"a""b"'
    """
    return '"' + identifier.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Quote a string for SQL.

    Example:
        >>> literal("it's")
        "'it''s'"
    """
    return "'" + text.replace("'", "''") + "'"


def free(wanted: str, taken: Iterable[str]) -> str:
    """Find a name that is not taken: the wanted one, with as many `_` as it takes.

    Example:
        >>> free("file", ["a", "FILE"])
        'file_'
    """
    known = {t.lower() for t in taken}
    while wanted.lower() in known:
        wanted += "_"
    return wanted


def nearest(word: str, known: Iterable[str], *, most: int = 3) -> list[str]:
    """Name the known words closest to a misspelt one, best first.

    Example:
        >>> nearest("dwd_prise", ["dwd_price", "ods_trade"])
        ['dwd_price']
    """
    from difflib import get_close_matches  # needed only for a message

    return get_close_matches(word, list(known), n=most, cutoff=0.6)


def did_you_mean(word: str, known: Iterable[str]) -> str | None:
    """Turn the nearest names into a hint, or None where nothing is near.

    Example:
        >>> did_you_mean("laek", ["lake", "vars"])
        'did you mean `lake`?'
    """
    near = nearest(word, known)
    return f"did you mean {', '.join(f'`{n}`' for n in near)}?" if near else None


def counted(number: int, what: str) -> str:
    """Write a number with its noun.

    Example:
        >>> counted(1, "check"), counted(2, "check")
        ('1 check', '2 checks')
    """
    return f"{number} {what}{'' if number == 1 else 's'}"
