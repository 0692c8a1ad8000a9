"""Stocks, indices and their trading days. Every figure is a function of the code and the day."""

from __future__ import annotations

import math
import zlib
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache, cached_property
from typing import NamedTuple

FIRST, LAST = date(2014, 1, 1), date(2026, 12, 31)
"""The days that the vendor's calendar has."""

_HOLIDAYS = {(1, 1), (5, 1), (5, 2), (5, 3)}
_HOLIDAYS |= {(2, d) for d in range(10, 17)} | {(10, d) for d in range(1, 8)}

_BOARDS = (
    (600000, "SH", "SSE", "主板"),
    (1, "SZ", "SZSE", "主板"),
    (300001, "SZ", "SZSE", "创业板"),
    (688001, "SH", "SSE", "科创板"),
    (920001, "BJ", "BSE", "北交所"),
)
_EVENT = 243
"""About so many trading days after each other, a stock pays a dividend."""

INDICES = ("000001.SH", "000300.SH", "000905.SH", "399001.SZ", "399006.SZ")


def chance(*parts: object) -> float:
    """A number from 0 to 1, the same for the same parts."""
    return zlib.crc32("|".join(map(str, parts)).encode()) / 2**32


def spelled(day: date) -> str:
    return day.strftime("%Y%m%d")


@cache
def open_days() -> tuple[date, ...]:
    every = (FIRST + timedelta(n) for n in range((LAST - FIRST).days + 1))
    return tuple(d for d in every if d.weekday() < 5 and (d.month, d.day) not in _HOLIDAYS)


def open_between(first: date, last: date) -> tuple[date, ...]:
    days = open_days()
    return days[bisect_left(days, first) : bisect_right(days, last)]


@dataclass(frozen=True)
class Stock:
    code: str
    exchange: str
    board: str
    listed: date
    delisted: date | None

    @property
    def symbol(self) -> str:
        return self.code[:6]

    @cached_property
    def begin(self) -> int:
        """The first trading day, by its number."""
        return bisect_left(open_days(), self.listed)

    def trades(self, day: int) -> bool:
        """Whether it is listed and not suspended on a trading day; an index never is."""
        if day < self.begin or (self.delisted and open_days()[day] >= self.delisted):
            return False
        young = day - self.begin < 5
        return not self.exchange or young or chance("halt", self.code, day // 5) > 0.01

    def before(self, day: int) -> int:
        """The trading day before on which it traded; the first one has none, and gives itself."""
        earlier = day - 1
        while earlier >= self.begin and not self.trades(earlier):
            earlier -= 1
        return max(earlier, self.begin)

    def factor(self, day: int) -> float:
        shift = int(chance("event", self.code) * _EVENT)
        return round(1.017 ** max(0, (day - self.begin + shift) // _EVENT), 4)

    def close(self, day: int) -> float:
        level = 4 + 60 * chance("level", self.code)
        phase = 6 * chance("phase", self.code)
        wave = 0.3 * math.sin(day / 97 + phase) + 0.1 * math.sin(day / 13 + 2 * phase)
        noise = 0.03 * (chance("close", self.code, day) - 0.5)
        return round(level * math.exp(wave + noise) / self.factor(day), 2)


class Bar(NamedTuple):
    """Prices in yuan, volume in lots of 100 shares, amount in thousands of yuan."""

    open: float
    high: float
    low: float
    close: float
    pre_close: float
    vol: float
    amount: float

    @property
    def change(self) -> float:
        return round(self.close - self.pre_close, 2)

    @property
    def pct_chg(self) -> float:
        return round((self.close / self.pre_close - 1) * 100, 4)


@cache
def bar(stock: Stock, day: int) -> Bar:
    earlier, close = stock.before(day), stock.close(day)
    reference = stock.close(earlier) * stock.factor(earlier) / stock.factor(day)
    before = round(reference, 2)
    opened = round(before * (1 + 0.01 * (chance("open", stock.code, day) - 0.5)), 2)
    high = round(max(opened, close) * (1 + 0.01 * chance("high", stock.code, day)), 2)
    low = round(min(opened, close) * (1 - 0.01 * chance("low", stock.code, day)), 2)
    lots = round(2_000 + 300_000 * chance("lots", stock.code, day), 2)
    amount = round(lots * 100 * (opened + close + high + low) / 4 / 1000, 3)
    return Bar(opened, high, low, close, before, lots, amount)


class Market:
    """So many stocks, on all boards; some were listed later than the first day, some are gone."""

    def __init__(self, stocks: int = 300) -> None:
        self.stocks = tuple(sorted((_stock(n) for n in range(stocks)), key=lambda s: s.code))
        self.by_code = {s.code: s for s in self.stocks}


def _stock(number: int) -> Stock:
    first, suffix, exchange, board = _BOARDS[number % len(_BOARDS)]
    code = f"{first + number // len(_BOARDS):06}.{suffix}"
    late = number % 7 == 6
    listed = FIRST + timedelta(int(chance("listed", code) * 3500) if late else 1)
    gone = number % 40 == 39
    delisted = date(2024, 6, 3) + timedelta(int(chance("gone", code) * 500)) if gone else None
    return Stock(code, exchange, board, listed, delisted)
