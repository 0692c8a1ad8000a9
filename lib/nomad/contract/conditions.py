"""A condition in SQL is one expression: nothing may stand behind it."""

from __future__ import annotations

import re
from collections.abc import Callable

from nomad.config.yamlfile import Node
from nomad.engine.forbidden import called

_PLAIN_TEXT = r"'(?:[^']|'')*'"
_OTHER_QUOTES = r"[$\"\\]|--|/\*"


def goes_on(text: str) -> bool:
    """Tell whether there may be a second statement in a text; in doubt there may."""
    return ";" in text and (
        ";" in re.sub(_PLAIN_TEXT, "", text) or re.search(_OTHER_QUOTES, text) is not None
    )


def condition(node: Node | None, key: str, fault: Callable[[int, str], None]) -> str:
    """Read a condition; a fault is told where there is more than one statement in it."""
    text = "" if node is None else str(node.scalar)
    if node is not None and goes_on(text):
        fault(node.line, f"`{key}` is one condition: no `;`")
    if node is not None and (name := called(text)):
        fault(node.line, f"`{key}` can't call `{name}`: it writes, or tells passwords")
    return text
