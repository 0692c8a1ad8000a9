"""Rows cut out of JSON text as the server spelled them, and what else an answer says."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass


def _no_number(word: str) -> object:
    raise ValueError(f"`{word}` is no JSON")


_DECODER = json.JSONDecoder(parse_float=str, parse_int=str, parse_constant=_no_number)
_SPACE = re.compile(r"[ \t\n\r]*")


class Odd(ValueError):
    """An answer that is not what it should be; the text says how, in words that follow its name."""


def keys(path: str) -> list[str]:
    """Give the names of a path, from the top.

    Example:
        >>> keys("data.items"), keys("$.data"), keys("$")
        (['data', 'items'], ['data'], [])
    """
    return [k for k in path.removeprefix("$").split(".") if k]


@dataclass(frozen=True)
class Document:
    """An answer in JSON: its text, and the same as values in which numbers are texts, too."""

    text: str
    value: object

    @classmethod
    def of(cls, data: bytes, encoding: str = "utf-8") -> Document:
        """Read an answer.

        Raises:
            Odd: it is no JSON.
        """
        try:
            text = data.decode(encoding).removeprefix("\ufeff")
            value = _DECODER.decode(text)
        except (LookupError, ValueError, RecursionError) as e:
            what = f"is no JSON: {e}" if data.strip() else "is empty"
            raise Odd(what) from e
        return cls(text, value)

    def at(self, path: str) -> object:
        """Give the value at a path; None where it is null.

        Raises:
            Odd: there is no such path.
        """
        value, walked = self.value, "the answer"
        for key in keys(path):
            if not isinstance(value, dict) or key not in value:
                raise Odd(f"has no `{path}`: {walked} {_holds(value)}")
            value, walked = value[key], f"`{key}`"
        return value

    def find(self, path: str | None) -> object:
        """Give the value at a path; None where it is null or there is none."""
        try:
            return None if path is None else self.at(path)
        except Odd:
            return None

    def rows(self, path: str, fields: str | Sequence[str] | None = None) -> list[str]:
        r"""Cut the rows at a path, each an object on one line, its values as they were spelled.

        Rows that are lists get their names by `fields`: from a path in the answer, or a list. Null
        in place of the rows is none; at the top, one object is one row.

        Raises:
            Odd: there are no rows at the path.

        Example:
            >>> Document.of(b'{"data": [{"x": 1.10},\n {"x": 1e2}]}').rows("data")
            ['{"x": 1.10}', '{"x": 1e2}']
            >>> Document.of(b'{"f": ["a", "b"], "i": [[1.0, "x"]]}').rows("i", "f")
            ['{"a": 1.0, "b": "x"}']
        """
        found = self.at(path)
        if found is None:
            return []
        if isinstance(found, dict) and not keys(path) and not fields:
            return [_line(self.text.strip())]
        if not isinstance(found, list):
            raise Odd(f"has no list of rows at `{path}`: it {_holds(found)}")
        names = None if fields is None else self._names(fields)
        for number, row in enumerate(found, 1):
            _refuse_odd(row, number, path, names)
        cut = _elements(self.text, self._begin(path))
        return [self._row(begin, end, names) for begin, end in cut]

    def _names(self, fields: str | Sequence[str]) -> list[str]:
        found = self.at(fields) if isinstance(fields, str) else list(fields)
        if not isinstance(found, list) or not all(isinstance(n, str) for n in found):
            raise Odd(f"has no list of names at `{fields}`: it {_holds(found)}")
        return found

    def _begin(self, path: str) -> int:
        """Find where the value at a path begins in the text; of two of a name, the last counts."""
        at = _skip(self.text, 0)
        for key in keys(path):
            at = [begin for name, begin in _members(self.text, at) if name == key][-1]
        return at

    def _row(self, begin: int, end: int, names: Sequence[str] | None) -> str:
        if names is None:
            return _line(self.text[begin:end])
        values = (self.text[b:e] for b, e in _elements(self.text, begin))
        named = zip(names, values, strict=True)
        told = (f"{json.dumps(name, ensure_ascii=False)}: {value}" for name, value in named)
        return _line(f"{{{', '.join(told)}}}")


def _skip(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    assert match
    return match.end()


def _elements(text: str, at: int) -> Iterator[tuple[int, int]]:
    """Give where each element of the list at a place begins and ends."""
    at = _skip(text, at + 1)
    while text[at] != "]":
        end = _DECODER.raw_decode(text, at)[1]
        yield at, end
        at = _skip(text, end)
        at = _skip(text, at + 1) if text[at] == "," else at


def _members(text: str, at: int) -> Iterator[tuple[str, int]]:
    """Give each name of the object at a place, and where its value begins."""
    at = _skip(text, at + 1)
    while text[at] != "}":
        name, end = _DECODER.raw_decode(text, at)
        begin = _skip(text, _skip(text, end) + 1)
        yield name, begin
        at = _skip(text, _DECODER.raw_decode(text, begin)[1])
        at = _skip(text, at + 1) if text[at] == "," else at


def _line(row: str) -> str:
    """Put a row on one line: no text in JSON has a line break of its own."""
    return re.sub(r"[\r\n]+", " ", row)


def _refuse_odd(row: object, number: int, path: str, names: Sequence[str] | None) -> None:
    what = f"has an odd row, number {number} at `{path}`"
    if names is None and not isinstance(row, dict):
        named = ": name its columns by `fields`" if isinstance(row, list) else ""
        raise Odd(f"{what}: it {_holds(row)}{named}")
    if names is not None and not isinstance(row, list):
        raise Odd(f"{what}: `fields` name the values of lists, and it {_holds(row)}")
    if names is not None and isinstance(row, list) and len(row) != len(names):
        raise Odd(f"{what}: it has {len(row)} values for {len(names)} names")


_MANY = 12


def _holds(value: object) -> str:
    """Say what a value is, in words that follow its name."""
    if isinstance(value, dict):
        more = ", …" if len(value) > _MANY else ""
        return f"has {', '.join(list(value)[:_MANY])}{more}" if value else "is an empty object"
    if isinstance(value, list):
        return f"is a list of {len(value)}"
    return "is null" if value is None else f"is `{str(value)[:80]}`"
