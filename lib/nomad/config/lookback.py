"""`lookback` of a source: so many of its last dates are asked for again with each run."""

from __future__ import annotations

import re
from collections.abc import Mapping

from nomad.config.options import Held, Kind, texts
from nomad.config.ready import by_date_alone

_LOOKBACK = r"(\d{1,4})(?: days?)?"


def _fault(value: Held) -> str | None:
    good = not isinstance(value, bool) and re.fullmatch(_LOOKBACK, str(value))
    return None if good else f"must be like `3 days` or `3` (got {value!r})"


LOOKBACK = Kind(_fault, {"type": ["integer", "string", "null"]}, "3 days, or 3")
"""A number of dates."""


def of_dates(value: Held, given: Mapping[str, Held]) -> str | None:
    """Refuse it of a source that is not fetched date by date."""
    others = (v for name, v in given.items() if name not in ("calendar", "complete"))
    if fault := by_date_alone(value, given):
        return fault
    return None if any("$<" in t for v in others for t in texts(v)) else f"needs a {_DATE}"


_DATE = "`$<PARTITION_DATE>` in another option"


def lookback_of(options: Mapping[str, Held]) -> int:
    """Tell how many dates a source looks back at, the one that is asked for included.

    Example:
        >>> lookback_of({"lookback": "3 days"}), lookback_of({"lookback": 2}), lookback_of({})
        (3, 2, 1)
    """
    found = re.fullmatch(_LOOKBACK, str(options.get("lookback", 1)))
    return max(int(found[1]), 1) if found else 1
