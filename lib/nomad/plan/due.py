"""On which dates a table or a source is due, by its calendars."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import count, islice, takewhile

from nomad.dates import FIRST, LAST
from nomad.names import TableName
from nomad.partitions import Partition


@dataclass(frozen=True)
class Days:
    """The dates of a calendar. It says nothing of those before its first, or after its last.

    Without dates, it says nothing at all.

    Example:
        >>> Days.of([]).allows(date(2024, 1, 6))
        True
    """

    days: frozenset[date]
    first: date
    last: date

    @staticmethod
    def of(days: Iterable[date]) -> Days:
        """Make it of its dates."""
        known = frozenset(days)
        return Days(known, min(known, default=LAST), max(known, default=FIRST))

    def allows(self, day: date) -> bool:
        """Tell whether a date may be due: it is in the calendar, or beyond its ends."""
        return day in self.days or not self.first <= day <= self.last


@dataclass(frozen=True)
class Due:
    """The dates that are due by all of some calendars; without any, every date is.

    Example:
        >>> due = Due((Days.of([date(2024, 1, 5), date(2024, 1, 8)]),))
        >>> [due.is_due(Partition(date(2024, 1, d))) for d in (5, 6, 8, 9)]
        [True, False, True, True]
        >>> [str(p) for p in due.before(Partition(date(2024, 1, 8)), 2)]
        ['2024-01-05', '2024-01-04']
    """

    calendars: tuple[Days, ...] = ()

    def is_due(self, partition: Partition) -> bool:
        """Tell whether a date is due."""
        return all(c.allows(partition.start) for c in self.calendars)

    def among(self, partitions: Sequence[Partition]) -> Sequence[Partition]:
        """Give those of some dates that are due, in their order."""
        return [p for p in partitions if self.is_due(p)] if self.calendars else partitions

    def must_be(self, partition: Partition) -> bool:
        """Tell whether a date is one that the calendars name: it must be there."""
        named = (partition.start in c.days for c in self.calendars)
        return bool(self.calendars) and all(named)

    def before(self, partition: Partition, many: int) -> Iterator[Partition]:
        """Give so many due dates before one, the latest first."""
        return islice(filter(self.is_due, _back(partition)), many)

    def looked_back(self, asked: Iterable[Partition], many: int) -> set[Partition]:
        """Give the due dates to look at again where one looks at so many, the one asked included.

        Data may have come late, or corrected.
        """
        return {b for p in asked for b in self.before(p, many - 1)} if many > 1 else set()


EVERY_DATE = Due()

DueDates = Callable[[TableName], Due]
"""Says of a table or a source when it is due."""


def always(_: TableName) -> Due:
    """Say that every date is due."""
    return EVERY_DATE


def _back(partition: Partition) -> Iterator[Partition]:
    """Count the partitions down from the one before, as far as the calendar goes."""
    return takewhile(lambda p: p.start > FIRST, map(partition.earlier, count(1)))
