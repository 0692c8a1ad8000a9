"""Chunks of what can't be asked for its lowest and highest value: they go up to the present."""

from __future__ import annotations

from nomad.errors import ConfigError
from nomad.extract.base import Bounds, Request


def bounds(request: Request) -> Bounds:
    """Give the bounds of a source whose watermark is a moment: from `since` to the present.

    Raises:
        ConfigError: the source doesn't say where it starts, or rows at a bound may come twice.
    """
    options = request.source.options
    if request.watermark is None:
        raise _lacks(request, "a `since:`", "say from when on there are rows: `since: 2020-01-01`")
    if not options.get("key"):
        what = "what lies at the bound of two chunks may come with both, and stands once by its key"
        raise _lacks(request, "a `key:`", what)
    return Bounds(request.watermark, present(request))


def present(request: Request) -> str:
    """Spell the present moment as `since` of the source is spelled."""
    now, like = request.clock(), str(request.source.options.get("since", ""))
    if len(like) <= len("2020-01-01"):
        return str(now.date())
    zoned = like.endswith("Z") or like[-6:-5] in ("+", "-")
    text = (now if zoned else now.replace(tzinfo=None)).isoformat(timespec="seconds")
    return text if like[10:11] == "T" else text.replace("T", " ", 1)


def _lacks(request: Request, what: str, hint: str) -> ConfigError:
    return ConfigError(
        f"source `{request.source.name}`: `chunk:` needs {what}",
        where=request.source.origin,
        hint=hint,
    )
