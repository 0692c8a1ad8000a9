"""Dates as they are asked for, and ranges of dates. What a table has of them, `partitions` says."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from nomad.errors import BadDate

FIRST, LAST = date(1900, 1, 1), date(2199, 12, 31)
"""The calendar: dates outside it can't be partitions."""

_RELATIVE = re.compile(r"-(\d{1,5})d")


def today(timezone: str | None, now: datetime) -> date:
    """Name the day it is in a time zone (None: the zone of `now`)."""
    return (now.astimezone(ZoneInfo(timezone)) if timezone else now).date()


def parse_date(text: str, *, today: date) -> date:
    """Read a date as typed: ISO, `today`, `yesterday` or `-7d`.

    Raises:
        BadDate: the text is no date, or one outside the calendar.

    Example:
        >>> parse_date("-7d", today=date(2024, 1, 8))
        datetime.date(2024, 1, 1)
    """
    word = text.strip().lower()
    days_ago = {"today": 0, "yesterday": 1}.get(word)
    if match := _RELATIVE.fullmatch(word):
        days_ago = int(match[1])
    day = today - timedelta(days=days_ago) if days_ago is not None else _iso(text)
    if not FIRST <= day <= LAST:
        raise BadDate(f"`{text}` lies outside {FIRST} … {LAST}", hint="is the year right?")
    return day


def _iso(text: str) -> date:
    try:
        if re.fullmatch(r"\d{4}-\d\d-\d\d", text.strip()):
            return date.fromisoformat(text.strip())
    except ValueError:
        pass
    raise BadDate(
        f"`{text}` is not a date", hint="write it like 2024-01-15, `yesterday`, `today` or `-7d`"
    )


@dataclass(frozen=True)
class DateRange:
    """Days from `first` to `last`, both included.

    Example:
        >>> [d.day for d in DateRange(date(2024, 1, 1), date(2024, 1, 3))]
        [1, 2, 3]
    """

    first: date
    last: date

    def __post_init__(self) -> None:
        if self.first > self.last:
            raise BadDate(
                f"the range begins after it ends: {self.first} … {self.last}",
                hint="swap `--from` and `--to`",
            )

    def __iter__(self) -> Iterator[date]:
        for n in range((self.last - self.first).days + 1):
            yield self.first + timedelta(days=n)

    def __len__(self) -> int:
        return (self.last - self.first).days + 1


def asked(dt: str | None, first: str | None, last: str | None, *, today: date) -> tuple[date, ...]:
    """Read the dates asked for: a range, or one date; yesterday where none is given.

    Raises:
        BadDate: a word is no date, or the range ends before it begins.

    Example:
        >>> asked(None, None, None, today=date(2024, 1, 8))
        (datetime.date(2024, 1, 7),)
    """
    if first is not None and last is not None:
        start = parse_date(first, today=today)
        return tuple(DateRange(start, parse_date(last, today=today)))
    return (parse_date("yesterday" if dt is None else dt, today=today),)


@dataclass(frozen=True, order=True)
class Span:
    """The days of an input that a query can read: `first` to `last`, both included.

    The calendar's own ends stand for "no bound".
    """

    first: date = FIRST
    last: date = LAST

    def __contains__(self, day: date) -> bool:
        return self.first <= day <= self.last

    @property
    def one(self) -> date | None:
        """The date, where the span is a single day."""
        return self.first if self.first == self.last else None

    @property
    def bounded(self) -> bool:
        """Whether both ends are given, so that its days can be counted out."""
        return self.first > FIRST and self.last < LAST

    @property
    def days(self) -> int:
        """How many days it holds, both ends included."""
        return (self.last - self.first).days + 1

    def __iter__(self) -> Iterator[date]:
        return iter(DateRange(self.first, self.last))


ALL = (Span(),)
"""Every partition."""


_MOST_RUNS = 6
"""Runs of dates that are written out; of more, all but the first five are counted."""


def compress(days: Sequence[date]) -> str:
    """Write dates briefly, runs as `first … last`, and of many runs the first ones.

    Example:
        >>> compress([date(2024, 1, 1), date(2024, 1, 6), date(2024, 1, 7)])
        '2024-01-01, 2024-01-06 … 2024-01-07'
        >>> compress([date(2024, n, 1) for n in range(1, 10)])[-39:]
        '2024-04-01, 2024-05-01 and 4 dates more'
    """
    runs: list[list[date]] = []
    for day in sorted(days):
        if runs and day - runs[-1][-1] == timedelta(days=1):
            runs[-1].append(day)
        else:
            runs.append([day])
    shown = runs if len(runs) <= _MOST_RUNS else runs[: _MOST_RUNS - 1]
    text = ", ".join(str(r[0]) if len(r) == 1 else f"{r[0]} … {r[-1]}" for r in shown)
    rest = sum(len(r) for r in runs[len(shown) :])
    return f"{text} and {rest} dates more" if rest else text
