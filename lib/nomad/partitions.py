"""A partition of a table by date: how long it is, where it begins, and how it is spelled.

No other module knows how `dt=` is spelled. A full table has none: what may be of either holds
`Partition | None`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from enum import StrEnum
from functools import cache, lru_cache
from typing import NamedTuple

from nomad.dates import Span, compress

COLUMN = "dt"
"""The column that tells of each row which partition it is of."""

IN_PATH = rf"/{COLUMN}=([0-9-]{{10}})/[^/]*$"
"""Finds the text of a partition in the path of a file that lies in its folder."""

_FOLDER = re.compile(rf"{COLUMN}=(\d{{4}}-\d\d-\d\d)")
_BEFORE = len(COLUMN) + 1
_MANY = 1 << 14


class Grain(StrEnum):
    """How long a table's partitions are."""

    DAY = "day"

    @property
    def type(self) -> str:
        """The type of `dt` in SQL."""
        return "DATE"


class Partition(NamedTuple):
    """The rows of one day of a table, say: `start` is its first day, and the value of `dt`.

    As text it is that day in ISO form, as manifests, journals and listings have it. Partitions of
    one table sort by time.

    Example:
        >>> str(Partition(date(2024, 1, 2)))
        '2024-01-02'
    """

    start: date
    grain: Grain = Grain.DAY

    def __str__(self) -> str:
        return self.start.isoformat()

    @property
    def folder(self) -> str:
        """The name of its folder below its table.

        Example:
            >>> Partition(date(2024, 1, 2)).folder
            'dt=2024-01-02'
        """
        return folder_named(str(self))

    @property
    def literal(self) -> str:
        """Its `dt` in SQL.

        Example:
            >>> Partition(date(2024, 1, 2)).literal
            "DATE '2024-01-02'"
        """
        return f"{self.grain.type} '{self}'"

    @property
    def span(self) -> Span:
        """What `dt` is in it."""
        return Span(self.start, self.start)

    @property
    def past(self) -> Span:
        """The days before it."""
        return Span(last=self.start - timedelta(days=1))

    def earlier(self, count: int) -> Partition:
        """Name the partition that is so many before it.

        Example:
            >>> str(Partition(date(2024, 1, 2)).earlier(2))
            '2023-12-31'
        """
        return Partition(self.start - timedelta(days=count), self.grain)

    def spelled(self, form: str) -> str:
        """Spell its start in a form of `strftime`.

        Example:
            >>> Partition(date(2024, 1, 2)).spelled("%Y%m%d")
            '20240102'
        """
        return self.start.strftime(form)


@lru_cache(_MANY)
def parse(written: str | None) -> Partition | None:
    """Read the text of a partition as manifests and journals hold it; None is a full table's.

    Raises:
        ValueError: it is none.

    Example:
        >>> str(parse("2024-01-02")), parse(None)
        ('2024-01-02', None)
    """
    return Partition(date.fromisoformat(written)) if written else None


@cache
def text(partition: Partition | None) -> str | None:
    """Write a partition as manifests, journals and listings hold it; None for a full table.

    Example:
        >>> text(Partition(date(2024, 1, 2))), text(None)
        ('2024-01-02', None)
    """
    return str(partition) if partition else None


def folder_named(written: str) -> str:
    """Name the folder of the partition that has this text.

    Example:
        >>> folder_named("2024-01-02")
        'dt=2024-01-02'
    """
    return f"{COLUMN}={written}"


@cache
def folder(partition: Partition | None) -> str:
    """Name the folder of a partition below its table; empty for a full table.

    Example:
        >>> folder(Partition(date(2024, 1, 2))), folder(None)
        ('dt=2024-01-02', '')
    """
    return partition.folder if partition else ""


@lru_cache(_MANY)
def from_folder(name: str) -> Partition | None:
    """Read a partition's folder name; None for any other name.

    Example:
        >>> str(from_folder("dt=2024-01-02")), from_folder("_tmp")
        ('2024-01-02', None)
    """
    match = _FOLDER.fullmatch(name)
    try:
        return parse(match[1]) if match else None
    except ValueError:
        return None


def text_of(name: str) -> str | None:
    """Take a partition's text from its folder's name; None for any other name.

    Example:
        >>> text_of("dt=2024-01-02"), text_of("")
        ('2024-01-02', None)
    """
    return name[_BEFORE:] if from_folder(name) else None


def briefly(partitions: Iterable[Partition]) -> str:
    """Write partitions briefly, runs as `first … last`.

    Example:
        >>> briefly([Partition(date(2024, 1, 6)), Partition(date(2024, 1, 7))])
        '2024-01-06 … 2024-01-07'
    """
    return compress([p.start for p in partitions])


def of_days(days: Iterable[date]) -> tuple[Partition, ...]:
    """Name the partitions of some days, in their order.

    Example:
        >>> [str(p) for p in of_days([date(2024, 1, 2)])]
        ['2024-01-02']
    """
    return tuple(map(Partition, days))


def of_table(days: Iterable[date], *, partitioned: bool) -> Sequence[Partition | None]:
    """Name the partitions of a table at some days: of a full table, the one there is.

    Example:
        >>> of_table([date(2024, 1, 2)], partitioned=False)
        (None,)
    """
    return of_days(days) if partitioned else (None,)
