"""What companies report by quarter: statements, indicators, forecasts; some are revised later."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

from vendor.fields import FIELDS
from vendor.market import FIRST, Stock, chance, spelled

_TEXTS = {
    "report_type": "1", "comp_type": "1", "type": "预增", "summary": "预计增长",
    "change_reason": "销售增长", "perf_summary": "", "remark": "",
}  # fmt: skip

Row = dict[str, Any]


def rows(api: str, stock: Stock, today: date) -> Iterator[Row]:
    """What is known today, the newest quarter first, and of a quarter the revised row first."""
    for end in _quarters(stock, today):
        announced = end + timedelta(20 + int(40 * chance("told", stock.code, end)))
        if announced > today or not _is_due(api, stock, end):
            continue
        revised = announced + timedelta(150)
        if chance("revised", api, stock.code, end) < 0.1 and revised <= today:
            yield _row(api, stock, end, announced=announced, actual=revised)
        yield _row(api, stock, end, announced=announced, actual=announced)


def _quarters(stock: Stock, today: date) -> Iterator[date]:
    begin = max(stock.listed, FIRST)
    for year in range(today.year, begin.year - 1, -1):
        for month, day in ((12, 31), (9, 30), (6, 30), (3, 31)):
            if begin <= date(year, month, day) < today:
                yield date(year, month, day)


def _is_due(api: str, stock: Stock, end: date) -> bool:
    """Forecasts are made by some, and express reports by fewer."""
    share = {"forecast": 0.3, "express": 0.2}.get(api, 1.0)
    return chance(api, stock.code, end) < share


def _row(api: str, stock: Stock, end: date, *, announced: date, actual: date) -> Row:
    flag = "1" if actual > announced else "0"
    told: Row = {
        "ts_code": stock.code,
        "ann_date": spelled(announced if api not in ("forecast", "express") else actual),
        "f_ann_date": spelled(actual),
        "first_ann_date": spelled(announced),
        "end_date": spelled(end),
        "end_type": str(end.month // 3),
        "update_flag": flag,
        "notice_times": 1 + int(flag),
        "is_audit": 0,
        **_TEXTS,
    }
    return {name: told[name] if name in told else _figure(name, told) for name in FIELDS[api]}


def _figure(name: str, told: Row) -> float | None:
    """An amount, or nothing; of a revised row, one figure in a few differs."""
    where = (name, told["ts_code"], told["end_date"])
    if chance("none", name, told["ts_code"]) < 0.3 and name not in _ALWAYS:
        return None
    if told["update_flag"] == "1" and (name in _ALWAYS or chance("changed", *where) < 0.05):
        where = (*where, "revised")
    return round(1e9 * chance(*where) - 1e8, 2)


_ALWAYS = ("n_income", "total_assets", "net_profit", "bps", "net_profit_min", "revenue")
