"""How much TuShare gives: rows a request, calls a minute, and the points that an interface takes.

As its pages and those who use it tell, late in 2026. Where they differ, the lower figure stands
here. A source says otherwise by `rate:`, `points:` and `page:`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

CALLS: Mapping[int, int] = MappingProxyType({120: 50, 2000: 200, 5000: 500})
"""Calls a minute of one interface, by the points that an account has at least."""

POINTS = 2000
"""Of an account, where a source doesn't say: what most interfaces take."""

PAGE = 2000
"""Rows to ask for at once, of an interface that isn't known."""

CAPS = frozenset({100, 500, 1000, 2000, 3000, 3500, 4000, 4500, 5000, 6000, 8000, 10000})
"""Rows at which some interface is cut off."""


class Interface(NamedTuple):
    """An interface: rows a request, the points it takes, and a limit of its own, if it has one."""

    rows: int = PAGE
    points: int = POINTS
    calls: int = 0


INTERFACES: Mapping[str, Interface] = MappingProxyType(
    {
        "adj_factor": Interface(5000),
        "balancesheet": Interface(100),
        "cashflow": Interface(100),
        "daily": Interface(6000, points=120),
        "daily_basic": Interface(6000),
        "express": Interface(2000),
        "fina_indicator": Interface(100),
        "forecast": Interface(3500),
        "income": Interface(500),
        "index_basic": Interface(8000),
        "index_daily": Interface(8000),
        "index_dailybasic": Interface(3000, points=400),
        "index_weight": Interface(3000),
        "monthly": Interface(4500),
        "stock_basic": Interface(6000, calls=50),
        "suspend_d": Interface(),
        "trade_cal": Interface(2000),
        "weekly": Interface(6000),
    }
)


def interface(api: str) -> Interface:
    """Give what is known of an interface."""
    return INTERFACES.get(api, Interface())


def calls(api: str, points: float) -> int:
    """Give the calls a minute that an account may make of an interface.

    Example:
        >>> calls("daily", 2000), calls("daily", 6000), calls("stock_basic", 5000), calls("x", 1)
        (200, 500, 50, 50)
    """
    level = max((least for least in CALLS if least <= points), default=min(CALLS))
    return min(CALLS[level], interface(api).calls or CALLS[level])
