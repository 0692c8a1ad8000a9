"""How patient a source is with a server: attempts, seconds, and how many requests in which time."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import NamedTuple

from nomad.config.options import NUMBER, TEXT, Held, Option, holds_variable
from nomad.config.sources import SourceConfig
from nomad.errors import ConfigError

HEALING = frozenset({408, 425, 429, *range(500, 600)})
"""Statuses of a server that may answer the same request otherwise a little later."""

_FIRST, _LONGEST = 1.0, 60.0
"""Seconds of the first wait, doubled by each further one, and of the longest."""

_RATE = r"\s*(\d+(?:\.\d+)?)\s*/\s*(second|minute|hour|day)\s*"
_SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400}
_MARGIN = 1.05
"""Requests take longer and shorter on their way: so much more room between two keeps the rate."""


def spacing(rate: str) -> float | None:
    """Give the seconds between two requests of a rate; None where it is none.

    Example:
        >>> spacing("120/minute"), spacing("1 / day"), spacing("often")
        (0.525, 90720.0, None)
    """
    match = re.fullmatch(_RATE, rate)
    if not match or not float(match[1]):
        return None
    return _SECONDS[match[2]] / float(match[1]) * _MARGIN


def retry_after(told: str | None, now: float) -> float | None:
    """Give the seconds that a header `Retry-After` asks for, from seconds or a date.

    Example:
        >>> retry_after("7", 0.0), retry_after("Thu, 01 Jan 1970 00:01:00 GMT", 50.0)
        (7.0, 10.0)
        >>> retry_after("soon", 0.0), retry_after(None, 0.0)
        (None, None)
    """
    if told is None:
        return None
    if re.fullmatch(r"\s*\d{1,9}(\.\d+)?\s*", told):
        return float(told)
    at = moment(told)
    return None if at is None else max(0.0, at - now)


def moment(told: str | None) -> float | None:
    """Give the moment of a date as HTTP spells it, in seconds since 1970."""
    from email.utils import parsedate_to_datetime

    try:
        return parsedate_to_datetime(told).timestamp() if told else None
    except (ValueError, OverflowError):
        return None


class Patience(NamedTuple):
    """How often, how long and how fast one source asks.

    `retries` are attempts after the first; `timeout` are seconds without a byte, `total` those of
    all attempts at one request; `spacing` those between two requests, None: as the host is used.
    """

    retries: int = 4
    timeout: float = 60.0
    total: float = 600.0
    spacing: float | None = None

    @classmethod
    def of(cls, source: SourceConfig) -> Patience:
        """Take it from the options of a source.

        Raises:
            ConfigError: what a variable put there is not of its kind.
        """
        options = source.options
        for option in OPTIONS:
            held = options.get(option.name)
            if held is not None and (fault := option.rule(held, options)):
                what = f"source `{source.name}`: `{option.name}` {fault}"
                raise ConfigError(what, where=source.origin)
        told = {name: float(str(options[name])) for name in _NUMBERS if name in options}
        return cls(
            int(told.get("retries", cls().retries)),
            told.get("timeout", cls().timeout),
            told.get("patience", cls().total),
            spacing(str(options["rate"])) if "rate" in options else None,
        )

    def wait(self, attempt: int, asked: float | None, jitter: float) -> float:
        """Give the seconds before the next attempt; `jitter` is from 0 to 1.

        What the server asks for counts, but never makes a wait shorter.

        Example:
            >>> Patience().wait(1, None, 0.0), Patience().wait(3, 0.0, 1.0)
            (0.5, 4.0)
            >>> Patience().wait(1, 30.0, 0.5)
            30.5
        """
        step = min(_LONGEST, _FIRST * 2.0 ** (attempt - 1)) * (1 + jitter) / 2
        return max(step, asked + jitter if asked else 0.0)


# Options -----------------------------------------------------------------------------------------


def _positive(value: Held, _given: Mapping[str, Held]) -> str | None:
    return _number(value, above=0.0, what="a number of seconds above 0")


def _count(value: Held, _given: Mapping[str, Held]) -> str | None:
    return _number(value, above=-1.0, what="a whole number, 0 or more", whole=True)


def _number(value: Held, *, above: float, what: str, whole: bool = False) -> str | None:
    if holds_variable(value):
        return None
    try:
        number = float(str(value))
    except ValueError:
        number = math.nan
    good = math.isfinite(number) and number > above and (number.is_integer() or not whole)
    return None if good else f"must be {what} (got {value!r})"


def _rate(value: Held, _given: Mapping[str, Held]) -> str | None:
    if holds_variable(value) or spacing(str(value)):
        return None
    return f"must be a number a time, like 60/minute, by {', '.join(_SECONDS)} (got {value!r})"


_NUMBERS = ("retries", "timeout", "patience")

OPTIONS = (
    Option("rate", "Of requests to the host, like 60/minute.", TEXT, rule=_rate, asks=False),
    Option("retries", "Attempts after the first; default 4.", NUMBER, rule=_count, asks=False),
    Option("timeout", "Seconds without an answer; default 60.", NUMBER, rule=_positive, asks=False),
    Option(
        "patience", "Seconds for all attempts; default 600.", NUMBER, rule=_positive, asks=False
    ),
)
"""The options of every source that asks over HTTP."""
