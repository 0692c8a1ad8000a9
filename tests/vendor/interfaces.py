"""The 17 data sets, and who is suspended: what each asks for, and the rows that it answers with."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date, datetime, timedelta
from itertools import groupby
from typing import Any, NamedTuple

from vendor import statements
from vendor.market import (
    FIRST,
    INDICES,
    LAST,
    Bar,
    Market,
    Stock,
    bar,
    chance,
    open_between,
    open_days,
    spelled,
)

Row = dict[str, Any]


class Question(NamedTuple):
    """What is asked, and the moment at which the vendor answers."""

    market: Market
    params: Mapping[str, str]
    now: datetime

    def day(self, name: str) -> date | None:
        text = self.params.get(name)
        return date.fromisoformat(text) if text else None

    def span(self, first: date = FIRST, last: date = LAST) -> tuple[date, date]:
        one = self.day("trade_date")
        return one or self.day("start_date") or first, one or self.day("end_date") or last

    def days(self, hour: float) -> list[date]:
        """The open days that are asked for and ready, the newest first."""
        found = (d for d in open_between(*self.span()) if self.now >= ready(d, hour))
        return sorted(found, reverse=True)

    def stocks(self) -> list[Stock]:
        codes = self.params.get("ts_code")
        if not codes:
            return list(self.market.stocks)
        return [self.market.by_code[c] for c in codes.split(",") if c in self.market.by_code]


def ready(day: date, hour: float) -> datetime:
    """When the rows of a day are there: within the hour, by the day."""
    return datetime.combine(day, datetime.min.time()) + timedelta(
        hours=hour, minutes=int(60 * chance("ready", day))
    )


class Interface(NamedTuple):
    """Who may ask (points), how many rows come at once, and what is required."""

    answer: Callable[[Question], Iterable[Row]]
    points: int = 2000
    cap: int = 6000
    required: str = ""
    calls: int = 0


def _traded(q: Question, hour: float) -> Iterator[tuple[Stock, int, date]]:
    """Each stock with each day on which it traded: by date, or by code, as it is asked."""
    days, stocks = q.days(hour), q.stocks()
    for stock in stocks:
        for day in days:
            number = bisect_left(open_days(), day)
            if stock.trades(number):
                yield stock, number, day


def _priced(code: str, day: date, found: Bar) -> Row:
    named = {**found._asdict(), "change": found.change, "pct_chg": found.pct_chg}
    return {"ts_code": code, "trade_date": spelled(day), **named}


def daily(q: Question) -> Iterator[Row]:
    for stock, number, day in _traded(q, 16):
        yield _priced(stock.code, day, bar(stock, number))


def daily_basic(q: Question) -> Iterator[Row]:
    for stock, number, day in _traded(q, 17):
        shares = round(10_000 + 500_000 * chance("shares", stock.code), 4)
        close = stock.close(number)
        loss = chance("loss", stock.code) < 0.1
        yield {
            "ts_code": stock.code, "trade_date": spelled(day), "close": close,
            "turnover_rate": round(bar(stock, number).vol / shares, 4),
            "turnover_rate_f": round(bar(stock, number).vol / shares * 1.4, 4),
            "volume_ratio": round(0.5 + chance("ratio", stock.code, day), 2),
            "pe": None if loss else round(8 + 40 * chance("pe", stock.code, day), 4),
            "pe_ttm": None if loss else round(8 + 40 * chance("ttm", stock.code, day), 4),
            "pb": round(0.6 + 5 * chance("pb", stock.code, day), 4), "ps": 1.25, "ps_ttm": 1.2,
            "dv_ratio": 2.1, "dv_ttm": 2.0, "total_share": shares,
            "float_share": round(shares * 0.8, 4), "free_share": round(shares * 0.5, 4),
            "total_mv": round(shares * close, 4), "circ_mv": round(shares * 0.8 * close, 4),
            "limit_status": 0,
        }  # fmt: skip


def adj_factor(q: Question) -> Iterator[Row]:
    for stock, number, day in _traded(q, 9):
        factor = stock.factor(number)
        yield {"ts_code": stock.code, "trade_date": spelled(day), "adj_factor": factor}


def _periods(q: Question, key: Callable[[date], object]) -> Iterator[Row]:
    """A row for each week or month that is over; volume in shares, amount in yuan."""
    first, last = q.span()
    every = open_between(first - timedelta(40), min(LAST, last + timedelta(40)))
    whole = [tuple(days) for _, days in groupby(every, key)]
    whole = [d for d in whole[1:] if first <= d[-1] <= last and q.now >= ready(d[-1], 17)]
    for stock in q.stocks():
        for days in reversed(whole):
            numbers = [bisect_left(open_days(), d) for d in days]
            bars = [bar(stock, n) for n in numbers if stock.trades(n)]
            if bars:
                yield _joined(stock, days[-1], bars)


def _joined(stock: Stock, day: date, bars: list[Bar]) -> Row:
    found = Bar(
        bars[0].open, max(b.high for b in bars), min(b.low for b in bars), bars[-1].close,
        bars[0].pre_close, round(sum(b.vol for b in bars) * 100, 2),
        round(sum(b.amount for b in bars) * 1000, 2),
    )  # fmt: skip
    return {**_priced(stock.code, day, found), "pct_chg": round(found.pct_chg / 100, 4)}


def weekly(q: Question) -> Iterator[Row]:
    yield from _periods(q, lambda d: d.isocalendar()[:2])


def monthly(q: Question) -> Iterator[Row]:
    yield from _periods(q, lambda d: (d.year, d.month))


def _index(code: str) -> Stock:
    return Stock(code, "", "", FIRST, None)


def _indices(q: Question) -> list[str]:
    return [c for c in INDICES if q.params.get("ts_code", c) == c]


def index_daily(q: Question) -> Iterator[Row]:
    for code in _indices(q):
        for day in q.days(16):
            yield _priced(code, day, bar(_index(code), bisect_left(open_days(), day)))


def index_dailybasic(q: Question) -> Iterator[Row]:
    for code in _indices(q):
        for day in q.days(17):
            value = round(1e12 * (1 + chance("value", code, day)), 2)
            yield {
                "ts_code": code, "trade_date": spelled(day), "total_mv": value,
                "float_mv": round(value * 0.7, 2), "total_share": round(value / 10, 2),
                "float_share": round(value / 14, 2), "free_share": round(value / 20, 2),
                "turnover_rate": 0.91, "turnover_rate_f": 1.3, "pe": 14.2, "pe_ttm": 13.9,
                "pb": round(1 + chance("pb", code, day), 2),
            }  # fmt: skip


def index_basic(q: Question) -> Iterator[Row]:
    wanted = q.params.get("market", "SSE")
    for code in INDICES:
        market = {"SH": "SSE", "SZ": "SZSE"}[code[-2:]]
        if market == wanted and q.params.get("ts_code", code) == code:
            yield {
                "ts_code": code, "name": f"指数{code[:6]}", "fullname": f"指数{code[:6]}",
                "market": market, "publisher": "中证公司", "index_type": "股票",
                "category": "规模指数",
                "base_date": "20041231", "base_point": 1000.0, "list_date": "20050408",
                "weight_rule": "市值", "desc": "", "exp_date": None,
            }  # fmt: skip


def index_weight(q: Question) -> Iterator[Row]:
    """A snapshot on the last open day of each month; of all stocks that trade, evenly by chance."""
    code = q.params["index_code"]
    days = q.days(18)
    last = [d for d in days if (d.year, d.month) != _month_after(d)]
    for day in last if code in INDICES else ():
        number = bisect_left(open_days(), day)
        there = [s for s in q.market.stocks if number >= s.begin and not s.delisted]
        parts = {s.code: 1 + chance("weight", code, s.code, day) for s in there}
        for stock, part in parts.items():
            weight = round(part / sum(parts.values()) * 100, 4)
            yield {
                "index_code": code, "con_code": stock, "trade_date": spelled(day), "weight": weight,
            }  # fmt: skip


def _month_after(day: date) -> tuple[int, int]:
    days = open_days()
    following = days[min(bisect_left(days, day) + 1, len(days) - 1)]
    return following.year, following.month


def suspend_d(q: Question) -> Iterator[Row]:
    """Who is listed and doesn't trade; nobody begins again on a day of its own."""
    if q.params.get("suspend_type", "S") != "S":
        return
    for stock in q.stocks():
        for day in q.days(9):
            there = stock.listed <= day and not (stock.delisted and stock.delisted <= day)
            if there and not stock.trades(bisect_left(open_days(), day)):
                yield {
                    "ts_code": stock.code, "trade_date": spelled(day), "suspend_timing": None,
                    "suspend_type": "S",
                }  # fmt: skip


def trade_cal(q: Question) -> Iterator[Row]:
    first, last = q.span()
    last = min(last, LAST)
    days, exchange = open_days(), q.params.get("exchange") or "SSE"
    for n in range((last - max(first, FIRST)).days + 1):
        day = last - timedelta(n)
        at = bisect_left(days, day)
        is_open = int(at < len(days) and days[at] == day)
        if q.params.get("is_open", str(is_open)) == str(is_open):
            before = spelled(days[at - 1]) if at else None
            yield {
                "exchange": exchange, "cal_date": spelled(day), "is_open": is_open,
                "pretrade_date": before,
            }  # fmt: skip


def stock_basic(q: Question) -> Iterator[Row]:
    wanted, today = q.params.get("list_status", "L"), q.now.date()
    for stock in q.stocks():
        gone = stock.delisted is not None and stock.delisted <= today
        status = "D" if gone else "G" if stock.listed > today else "L"
        if status == wanted and q.params.get("exchange", stock.exchange) == stock.exchange:
            yield {
                "ts_code": stock.code, "symbol": stock.symbol, "name": f"股票{stock.symbol}",
                "area": "深圳", "industry": "银行", "fullname": f"股票{stock.symbol}股份有限公司",
                "enname": f"Stock {stock.symbol}", "cnspell": f"gp{stock.symbol}",
                "market": stock.board, "exchange": stock.exchange, "curr_type": "CNY",
                "list_status": status, "list_date": spelled(stock.listed),
                "delist_date": spelled(stock.delisted) if gone and stock.delisted else None,
                "is_hs": "N", "act_name": None, "act_ent_type": None,
            }  # fmt: skip


def _reported(api: str) -> Callable[[Question], Iterator[Row]]:
    def answer(q: Question) -> Iterator[Row]:
        by = "end_date" if api == "fina_indicator" else "ann_date"
        first, last = q.params.get("start_date", ""), q.params.get("end_date", "9")
        for stock in q.stocks():
            for row in statements.rows(api, stock, q.now.date()):
                exact = all(q.params.get(p, row[n]) == row[n] for p, n in _EXACT.items())
                if exact and first <= row[by] <= last:
                    yield row

    return answer


_EXACT = {"period": "end_date", "ann_date": "ann_date"}

INTERFACES = {
    "daily": Interface(daily, points=120),
    "daily_basic": Interface(daily_basic, required="ts_code|trade_date"),
    "adj_factor": Interface(adj_factor),
    "weekly": Interface(weekly, required="ts_code|trade_date", calls=300),
    "monthly": Interface(monthly, required="ts_code|trade_date", cap=4500),
    "index_daily": Interface(index_daily, cap=8000, required="ts_code"),
    "index_dailybasic": Interface(
        index_dailybasic, points=400, cap=3000, required="ts_code|trade_date"
    ),
    "index_basic": Interface(index_basic, cap=8000),
    "index_weight": Interface(index_weight, cap=3000, required="index_code"),
    "suspend_d": Interface(suspend_d),
    "trade_cal": Interface(trade_cal, cap=2000),
    "stock_basic": Interface(stock_basic, calls=50),
    "income": Interface(_reported("income"), cap=500, required="ts_code"),
    "balancesheet": Interface(_reported("balancesheet"), cap=100, required="ts_code"),
    "cashflow": Interface(_reported("cashflow"), cap=100, required="ts_code"),
    "fina_indicator": Interface(_reported("fina_indicator"), cap=100, required="ts_code"),
    "forecast": Interface(_reported("forecast"), cap=3500, required="ts_code|ann_date"),
    "express": Interface(_reported("express"), cap=2000, required="ts_code|ann_date"),
}
