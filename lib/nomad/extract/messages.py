"""What connectors of streams share: bytes as text, and the refusal of what was lost meanwhile."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping

from nomad.config.options import Held, Option, Rule, one_of
from nomad.config.sources import ALLOW, REFUSE
from nomad.errors import Refused
from nomad.extract.base import Request
from nomad.extract.lines import Odd

TEXT, BASE64, JSON = "text", "base64", "json"
"""How bytes are written down."""

LOST = Option("lost", "allow: entries may be gone before they were landed.", one_of(REFUSE, ALLOW))


def adds_up(moment: str) -> Rule:
    """Make the rule that a stream is cut by date: only then does a landing add to those before."""

    def rule(_value: Held, given: Mapping[str, Held]) -> str | None:
        return None if "dt" in given else f"needs `dt: {moment}` beside it, so that landings add up"

    return rule


def as_text(value: bytes, form: str, told: str) -> str:
    """Write bytes as the text that they are, or in base64; `told` names the value.

    Raises:
        Odd: they are no text.

    Example:
        >>> as_text(b"a", "text", "the key"), as_text(b"a", "base64", "the key")
        ('a', 'YQ==')
    """
    if form == BASE64:
        return b64encode(value).decode()
    try:
        return value.decode()
    except UnicodeDecodeError as e:
        raise Odd(f"{told} is no text in UTF-8") from e


def refuse_lost(request: Request, what: str) -> None:
    """Say what was lost since the last landing, unless that may be.

    Raises:
        Refused: it may not.
    """
    if request.source.options.get(LOST.name) != ALLOW:
        raise Refused(
            f"source `{request.source.name}`: {what}",
            where=request.source.origin,
            hint="extract more often, or have the server keep more; `lost: allow` goes on with what"
            " is there",
        )
