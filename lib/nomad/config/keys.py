"""Every key of `nomad.yaml`: how it is checked, and its default."""

from __future__ import annotations

import re
import zoneinfo
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from nomad.address import SCHEME
from nomad.config.tree import Value
from nomad.names import is_plain


@dataclass(frozen=True)
class Key:
    """One scalar or list key of the file: how it is checked, and its default."""

    check: Callable[[Value], str | None]
    default: Value


def _text(value: Value) -> str | None:
    return None if isinstance(value, str) and value else "must be a text"


def _whole(least: int) -> Callable[[Value], str | None]:
    def check(value: Value) -> str | None:
        good = isinstance(value, int) and not isinstance(value, bool) and value >= least
        return None if good else f"must be a whole number of at least {least}"

    return check


def _layers(value: Value) -> str | None:
    good = isinstance(value, list) and value and all(isinstance(v, str) for v in value)
    if not good:
        return "must be a list of names"
    names = [str(v) for v in value] if isinstance(value, list) else []
    bad = [n for n in names if not is_plain(n) or n in _RESERVED]
    return f"can't hold `{bad[0]}`: use letters, digits and `_`" if bad else None


def _zone(value: Value) -> str | None:
    try:
        zoneinfo.ZoneInfo(str(value))
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return "must be a time zone like `Asia/Shanghai`"
    return None


def _memory(value: Value) -> str | None:
    good = isinstance(value, str) and re.fullmatch(
        r"[1-9]\d*(\.\d+)?\s*(%|[KMGT]i?B)", value, re.IGNORECASE
    )
    return None if good else "must be a size like `4GB` or a share like `70%`"


def _lake_url(value: Value) -> str | None:
    if not isinstance(value, str) or not value:
        return "must be a text"
    if "://" in value and not value.startswith(SCHEME):
        return "must be a folder, or s3://bucket/prefix"
    return None


def bad_in_url(prefix: str) -> bool:
    """Tell whether a prefix holds what DuckDB reads as a pattern, or a part that looks like a date.

    Example:
        >>> bad_in_url("my lake/é"), bad_in_url("a*"), bad_in_url("x/dt=2024-01-02")
        (False, True, True)
    """
    parts = prefix.split("/")
    dated = any(p.lower().startswith("dt=") for p in parts)
    return (
        dated
        or any(p in ("", ".", "..") for p in parts if prefix)
        or bool(set(prefix) & set("*?[]{}\\"))
    )


def _endpoint(value: Value) -> str | None:
    good = isinstance(value, str) and re.fullmatch(r"https?://[^/\s@?#]+/?", value)
    return None if good else "must be like `http://127.0.0.1:9000`, without a path or a key"


def _style(value: Value) -> str | None:
    return None if value in ("path", "virtual") else "must be `path` or `virtual`"


def _switch(value: Value) -> str | None:
    return None if isinstance(value, bool) else "must be true or false"


def _naming(value: Value) -> str | None:
    return None if value in ("strict", "free") else "must be `strict` or `free`"


_RESERVED = {"raw", "main", "temp", "system", "checks", "nomad", "quarantine", "catalog_meta"}

KEYS: Mapping[str, Key] = {
    "timezone": Key(_zone, None),
    "layers": Key(_layers, ["ods", "dwd", "dim", "dwm", "dws", "ads"]),
    "lake.url": Key(_lake_url, "lake"),
    "lake.history": Key(_whole(0), 1),
    "lake.endpoint": Key(_endpoint, None),
    "lake.region": Key(_text, None),
    "lake.style": Key(_style, None),
    "lake.ca": Key(_text, None),
    "lake.allow_unsafe_commit": Key(_switch, False),
    "engine.memory_limit": Key(_memory, "70%"),
    "engine.jobs": Key(_whole(1), 2),
    "naming": Key(_naming, "strict"),
}
"""Every key with one value. Beside them: the maps below."""

MAPS = ("vars", "attach", "sources", "environments")
