"""What a contract says of dates: how late a table may be, how far back runs look, which are due."""

from __future__ import annotations

from collections.abc import Callable
from math import ceil
from typing import cast

from nomad.config.calendars import CALENDAR, Calendar, calendar_of
from nomad.config.options import Held
from nomad.config.yamlfile import Node
from nomad.contract.contract import Freshness
from nomad.contract.values import days_in
from nomad.errors import ConfigError

Fault = Callable[[int, str], None]
"""What hears of a fault: its line and its text."""


def freshness(node: Node, fault: Fault) -> Freshness:
    """Read `{warn_after: 1 day, error_after: 2 days}`."""
    return Freshness(*(_days(node.get(k), fault) for k in ("warn_after", "error_after")))


def lookback(node: Node, fault: Fault) -> int:
    """Read the dates each run looks at, its own included: `3`, or an age like `3 days`.

    `restate` is the old word for it.
    """
    given, old = node.get("lookback"), node.get("restate")
    if given and old:
        fault(old.line, "`restate` is the old word for `lookback`: keep one of them")
    if given and type(given.scalar) is int and given.scalar >= 0:
        return given.scalar
    return ceil(_days(given or old, fault) or 0)


def calendar(node: Node, path: str, fault: Fault) -> Calendar | None:
    """Read which dates are due; None where that isn't told."""
    given = node.get("calendar")
    value = cast("Held", given.plain()) if given else None
    if given is None or value is None:
        return None
    if wrong := CALENDAR.fault(value):
        fault(given.line, f"`calendar` {wrong}")
        return None
    return calendar_of(value, f"{path}:{given.line}")


def outdated(node: Node, path: str) -> tuple[ConfigError, ...]:
    """Say which keys have new names, and what to write."""
    old = node.get("restate")
    if old is None:
        return ()
    what = "`restate` is now called `lookback`"
    hint = f"write `lookback: {_spelled(old)}`"
    return (ConfigError(what, where=f"{path}:{old.line}", hint=hint),)


def _days(node: Node | None, fault: Fault) -> float | None:
    """Read `2 days`, or dbt's `{count: 2, period: day}`."""
    if node is None:
        return None
    text = _spelled(node)
    if (found := days_in(text)) is None:
        fault(node.line, f"must be like `2 days` or `36 hours` (got {text!r})")
    return found


def _spelled(node: Node) -> str:
    if not isinstance(node.value, dict):
        return str(node.scalar)
    parts = (node.get(key) for key in ("count", "period"))
    return " ".join(part.spelled if part else "" for part in parts)
