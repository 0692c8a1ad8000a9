"""Lines of JSON whose numbers are spelled as they came, each where its column's type can say so."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from uuid import uuid4

from nomad.engine.typenames import bare, element_of, fields_of, parts_of, shape

_MARK = f"{uuid4()}:"
"""Stands before a number that is written as it is spelled; no text has it by chance."""

_MARKED = re.compile(f'"{_MARK}([^"]*)"')


def marked(number: str) -> str:
    """Give a number as text that `unmarked` writes as a number."""
    return f"{_MARK}{number}"


def unmarked(line: str) -> str:
    """Write the numbers that are marked in a line of JSON as numbers."""
    return _MARKED.sub(lambda found: found[1], line) if _MARK in line else line


class Number:
    """A number that Python would spell otherwise; `exact` is that BIGINT or DOUBLE holds it."""

    __slots__ = ("exact", "is_whole", "text")

    def __init__(self, text: str, *, exact: bool, is_whole: bool) -> None:
        self.text, self.exact, self.is_whole = text, exact, is_whole


def line(row: object) -> str:
    """Write a row as a line of JSON."""
    return f"{unmarked(_ENCODER.encode(row))}\n"


def _of_number(value: object) -> str:
    if isinstance(value, Number):
        return marked(value.text)
    raise TypeError(value)


_ENCODER = json.JSONEncoder(ensure_ascii=False, default=_of_number)
_COMPACT = json.JSONEncoder(ensure_ascii=False, default=_of_number, separators=(",", ":"))


# By type -----------------------------------------------------------------------------------------

Change = Callable[[Any], Any]
"""What becomes of a value of JSON where it is written anew."""


def by_types(kinds: Mapping[str, str], renamed: Mapping[str, str]) -> Change:
    """Give what becomes of a row whose columns are read as types, under their new names."""
    changes = {name: by_type(kind) for name, kind in kinds.items()}

    def change(row: Any) -> Any:
        if not isinstance(row, dict):
            return row
        named: Iterator[tuple[str, Any]] = ((renamed.get(n, n), v) for n, v in row.items())
        return {name: changes.get(name, plain)(value) for name, value in named}

    return change


def by_type(kind: str) -> Change:
    """Give what becomes of a value that is read as a type, as deep as that goes.

    Example:
        >>> by_type("STRUCT(a VARCHAR, b DOUBLE)[]")([{"a": 1.5, "b": 1.5}])
        [{'a': '1.5', 'b': 1.5}]
    """
    match shape(kind):
        case "[":
            return _of_list(by_type(element_of(kind)))
        case "STRUCT":
            fields = {bare(name): by_type(below) for name, below in fields_of(kind)}
            return _of_object(lambda name: fields.get(name, plain))
        case "MAP":
            value = by_type(parts_of(kind)[1])
            return _of_object(lambda _: value)
        case _:
            return _LEAVES.get(kind.partition("(")[0], plain)


def _of_list(change: Change) -> Change:
    return lambda value: [*map(change, value)] if isinstance(value, list) else plain(value)


def _of_object(field: Callable[[str], Change]) -> Change:
    def change(value: Any) -> Any:
        if not isinstance(value, dict):
            return plain(value)
        return {name: field(name)(below) for name, below in value.items()}

    return change


def plain(value: Any) -> Any:
    """Give a value with text in place of numbers that no type of numbers holds exactly."""
    if isinstance(value, Number) and not value.exact:
        return value.text
    return _within(value, plain)


def _json(value: Any) -> Any:
    """Give a value that is read as JSON, where a whole number may have any number of digits."""
    if isinstance(value, Number) and not value.is_whole:
        return plain(value)
    return _within(value, _json)


def _within(value: Any, change: Change) -> Any:
    if isinstance(value, dict):
        return {name: change(below) for name, below in value.items()}
    return [*map(change, value)] if isinstance(value, list) else value


def _text(value: Any) -> Any:
    """Give a value that is read as text: a number as it is spelled, also within what is nested."""
    if isinstance(value, (dict, list)) and any(isinstance(v, Number) for v in _leaves(value)):
        return unmarked(_COMPACT.encode(value))
    return _digits(value)


def _digits(value: Any) -> Any:
    """Give a number as text."""
    if isinstance(value, Number):
        return value.text
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return repr(value) if is_number else plain(value)


_LEAVES: Mapping[str, Change] = {"VARCHAR": _text, "JSON": _json, "DECIMAL": _digits}


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, (dict, list)):
        for below in value.values() if isinstance(value, dict) else value:
            yield from _leaves(below)
    else:
        yield value
