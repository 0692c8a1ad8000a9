"""`ready_after` of a source: the time from which on a date of it may be asked for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from nomad.config.options import Held, Kind, holds_variable

_READY = r"(?:(?P<days>\d{1,3}) days? )?(?P<hour>[01]?\d|2[0-3]):(?P<minute>[0-5]\d)"
_WRITE = "write it like 16:30, or `1 day 09:00` for the day after"


def _fault(value: Held) -> str | None:
    good = isinstance(value, str) and (re.fullmatch(_READY, value) or holds_variable(value))
    return None if good else f"must be a time of the day (got {value!r}): {_WRITE}"


READY = Kind(_fault, {"type": ["string", "null"]})
"""A time of the day, or of one after it."""


def by_date_alone(_value: Held, given: Mapping[str, Held]) -> str | None:
    """Refuse what is only of use for a source that is fetched by date."""
    cut = next((o for o in ("each", "watermark", "dt") if o in given), None)
    return f"is of sources that are fetched by date: not together with `{cut}:`" if cut else None


def ready_at(text: str, day: date, zone: str | None) -> datetime | None:
    """Tell from when on a date may be asked for, in a time zone (None: this machine's).

    None where the text names no time.

    Example:
        >>> ready_at("16:30", date(2024, 1, 3), "Asia/Shanghai").isoformat()
        '2024-01-03T16:30:00+08:00'
        >>> ready_at("1 day 09:00", date(2024, 1, 3), "UTC").isoformat()
        '2024-01-04T09:00:00+00:00'
    """
    if not (found := re.fullmatch(_READY, text.strip())):
        return None
    at = time(int(found["hour"]), int(found["minute"]))
    moment = datetime.combine(day + timedelta(days=int(found["days"] or 0)), at)
    return moment.replace(tzinfo=ZoneInfo(zone)) if zone else moment.astimezone()
