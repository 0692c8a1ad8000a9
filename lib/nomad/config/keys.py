"""Every key of `nomad.yaml`: how it is checked, and its default."""

from __future__ import annotations

import re
import zoneinfo
from collections.abc import Callable, Container, Mapping
from typing import NamedTuple

from nomad.config.tree import Value
from nomad.names import is_plain
from nomad.store.address import SCHEME, split


class Key(NamedTuple):
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
    faults = [f for name in names if (f := _taken(name))]
    known = {n.lower() for n in names}
    if not faults and len(known) < len(names):
        faults = ["names one layer twice; case makes no difference"]
    return faults[0] if faults else None


def _taken(layer: str) -> str | None:
    """Say why a name is none for a layer; case makes no difference to DuckDB."""
    if not is_plain(layer):
        return f"can't hold `{layer}`: use letters, digits and `_`"
    if layer.lower() in _OURS or layer.startswith("_"):
        return f"can't hold `{layer}`: that name is nomad's own"
    return f"can't hold `{layer}`: that name is DuckDB's own" if layer.lower() in _DUCKDB else None


def fault_of_attached(name: str, layers: Container[str]) -> str | None:
    """Say why a database can't be attached by a name; `layers` are in small letters."""
    if name.lower() in layers:
        return "bears the name of a layer"
    if name.lower() in _SCHEMAS:
        return "bears a name that is nomad's own"
    taken = name.lower() in {*_DUCKDB, "memory"}
    return "bears a name that is DuckDB's own" if taken else None


_AGE = r"([1-9]\d*) days?"


def _history(value: Value) -> str | None:
    if isinstance(value, str) and re.fullmatch(_AGE, value):
        return None
    return "must be a count, or an age like `30 days`" if _whole(0)(value) else None


def age_of(value: Value) -> int | None:
    """Read `30 days`; None of a count.

    Example:
        >>> age_of("30 days"), age_of(3)
        (30, None)
    """
    match = re.fullmatch(_AGE, value) if isinstance(value, str) else None
    return int(match[1]) if match else None


_SPAN = r"([1-9]\d*) ?(s|seconds?|min|minutes?|h|hours?)"
_SECONDS = {"s": 1, "m": 60, "h": 3600}


def _span(value: Value) -> str | None:
    good = isinstance(value, str) and re.fullmatch(_SPAN, value)
    return None if good else "must be a time like `1 hour` or `90 s`"


def seconds_of(value: Value) -> float:
    """Read `1 hour`, `10 min`, `90 s`.

    Example:
        >>> seconds_of("1 hour"), seconds_of("90 s")
        (3600.0, 90.0)
    """
    match = re.fullmatch(_SPAN, str(value))
    return float(int(match[1]) * _SECONDS[match[2][0]]) if match else 0.0


def zone_of(environ: Mapping[str, str]) -> str | None:
    """Give the time zone of the environment, where it names one; `TZ` may also hold a path."""
    given = environ.get("TZ")
    return given if given and _zone(given) is None else None


def _zone(value: Value) -> str | None:
    try:
        zoneinfo.ZoneInfo(str(value))
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return "must be a time zone like `Asia/Shanghai`"
    return None


def _memory(value: Value) -> str | None:
    good = isinstance(value, str) and re.fullmatch(
        r"(100|[1-9]\d?(\.\d+)?)\s*%|[1-9]\d*(\.\d+)?\s*[KMGT]i?B", value, re.IGNORECASE
    )
    return None if good else "must be a size like `4GB` or a share like `70%`"


_BUCKET = r"[a-z0-9][a-z0-9._-]{1,61}[a-z0-9]"
_BAD_IN_PREFIX = r"[*?\[\]{}\\]|(^|/)\.{1,2}(/|$)|//"


def _lake_url(value: Value) -> str | None:
    """Refuse an address that is none, or that DuckDB would read as a pattern."""
    if not isinstance(value, str) or not value:
        return "must be a text"
    if not value.startswith(SCHEME):
        return "must be a folder, or s3://bucket/prefix" if "://" in value else None
    bucket, prefix = split(value)
    if "@" in bucket:
        return "must not hold a key: that comes from the environment"
    if not re.fullmatch(_BUCKET, bucket):
        return "must be like s3://bucket/prefix, the bucket in small letters, digits, `.`, `-`"
    bad = re.search(_BAD_IN_PREFIX, prefix)
    return f"can't hold `{bad[0].strip('/') or bad[0]}` in its prefix" if bad else None


def endpoint(value: Value) -> str | None:
    """Refuse what is not the address of a server."""
    good = isinstance(value, str) and re.fullmatch(r"https?://[^/\s@?#]+/?", value)
    return None if good else "must be like `http://127.0.0.1:9000`, without a path or a key"


def _style(value: Value) -> str | None:
    return None if value in ("path", "virtual") else "must be `path` or `virtual`"


def _switch(value: Value) -> str | None:
    return None if isinstance(value, bool) else "must be true or false"


def _naming(value: Value) -> str | None:
    return None if value in ("strict", "free") else "must be `strict` or `free`"


_OURS = {"raw", "checks", "nomad", "quarantine", "catalog_meta"}
_SCHEMAS = {"raw", "nomad", "quarantine"}
_DUCKDB = {"main", "temp", "system", "information_schema", "pg_catalog"}

KEYS: Mapping[str, Key] = {
    "timezone": Key(_zone, None),
    "layers": Key(_layers, ["ods", "dwd", "dim", "dwm", "dws", "ads"]),
    "lake.url": Key(_lake_url, "lake"),
    "lake.history": Key(_history, 1),
    "lake.endpoint": Key(endpoint, None),
    "lake.region": Key(_text, None),
    "lake.style": Key(_style, None),
    "lake.ca": Key(_text, None),
    "lake.grace": Key(_span, "1 hour"),
    "lake.allow_unsafe_commit": Key(_switch, False),
    "engine.memory_limit": Key(_memory, "70%"),
    "engine.jobs": Key(_whole(1), 2),
    "engine.lock_wait": Key(_whole(1), 60),
    "extract.parallel": Key(_whole(1), 1),
    "naming": Key(_naming, "strict"),
}
"""Every key with one value. Beside them: the maps below."""

MAPS = ("calendar", "vars", "attach", "sources", "environments")
