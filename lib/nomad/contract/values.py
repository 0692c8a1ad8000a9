"""What single words of a contract mean: shares, days, names, texts as they were typed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import count
from math import isfinite

from nomad.config.yamlfile import Node

_TEMPLATE = r"\{\{.*?\}\}|\{%.*?%\}"
_DAYS = {"day": 1.0, "hour": 1 / 24, "week": 7.0, "minute": 1 / 1440}


def plain(node: Node) -> object:
    """Give a word's value, a list as a tuple."""
    found = node.plain()
    return tuple(found) if isinstance(found, list) else found


def share(value: object) -> float | None:
    """Read `5%` or 0.05.

    Example:
        >>> share("5%"), share(0.05), share("some")
        (0.05, 0.05, None)
    """
    if isinstance(value, (int, float)) and not isinstance(value, bool) and value >= 0:
        return float(value)
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*%", str(value))
    return float(match[1]) / 100 if match else None


def days_in(text: str) -> float | None:
    """Read `2 days` or `36 hours`.

    Example:
        >>> days_in("36 hours"), days_in("soon")
        (1.5, None)
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?) (minute|hour|day|week)s?", text.strip())
    return float(match[1]) * _DAYS[match[2]] if match else None


def default_name(kind: str, columns: tuple[str, ...]) -> str:
    """Name a test that bears none: `traded_id_not_null`."""
    return "_".join((*columns, kind))


def numbered(name: str) -> Iterator[str]:
    """Give a name, then `…_2`, `…_3` and so on."""
    yield name
    yield from (f"{name}_{n}" for n in count(2))


def spelled(listed: Node | None) -> tuple[str, ...]:
    """Give accepted values as they stand in the file; YAML's `.inf` is no text of DuckDB's."""
    values = listed.elements() if listed else []
    return tuple(
        str(v.value) if isinstance(v.value, float) and not isfinite(v.value) else v.spelled
        for v in values
        if v.value is not None
    )


def templates(words: Iterable[Node]) -> Iterator[tuple[int, str]]:
    """Find dbt's templates: nothing fills them in, and their text would be taken as it is."""
    for word in words:
        if isinstance(word.value, str) and (match := re.search(_TEMPLATE, word.value)):
            yield word.line, match[0]
        elif isinstance(word.value, dict):
            yield from templates(word.value.values())
        elif isinstance(word.value, list):
            yield from templates(word.value)
