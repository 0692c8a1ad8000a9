"""JSON written anew, so that every number in it is read as it was."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from nomad.engine.instance import Session
from nomad.errors import QueryFailed
from nomad.extract.spelling import Number, line, plain

_EXACT_IN_DOUBLE = 2**53
_LONGEST = 20
"""Characters of the longest whole number that UBIGINT holds, or BIGINT with its sign."""


def write(path: Path, rows: Iterable[Any]) -> None:
    """Write rows as lines in place of a file, which may be read meanwhile."""
    target = path.with_name(f".{path.name}.exact{path.suffix}")
    with target.open("w", encoding="utf-8") as f:
        f.writelines(map(line, rows))
    target.replace(path)


Place = tuple[str, ...]
"""Where a value is in its row: the names down to it; `[]` for any element of a list."""


class Numbers:
    """Reads numbers, each as it is spelled; where nothing holds one exactly, it is `inexact`.

    Example:
        >>> numbers = Numbers()
        >>> numbers.real("9.1"), numbers.real("9.10").text, numbers.inexact
        (9.1, '9.10', False)
        >>> numbers.real("1234567890123456789.12").text, numbers.inexact
        ('1234567890123456789.12', True)
    """

    def __init__(self) -> None:
        self.inexact = False

    def real(self, text: str) -> float | Number:
        """Read a number as DOUBLE where that prints as the same number again."""
        value = float(text)
        printed = repr(value)
        if printed == text and "e" not in text:
            return value
        exact = math.isfinite(value) and Decimal(text) == Decimal(printed)
        self.inexact |= not exact
        return Number(text, exact=exact, is_whole=False)

    def whole(self, text: str) -> int | Number:
        """Read a whole number where BIGINT or UBIGINT holds it."""
        if len(text) <= _LONGEST and -(2**63) <= (value := int(text)) < 2**64:
            return value
        self.inexact = True
        return Number(text, exact=False, is_whole=True)


def values(session: Session, query: str, numbers: Numbers) -> Iterator[Any]:
    """Parse row by row what a query gives as text."""
    decoder = json.JSONDecoder(
        parse_float=numbers.real,
        parse_int=numbers.whole,
        object_pairs_hook=_pairs,
        strict=False,
    )
    try:
        for (text,) in session.stream(query):
            yield decoder.decode(text)
    except (ValueError, RecursionError) as e:
        raise QueryFailed(f"not JSON in full: {e}") from e


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        names = [k for k, _ in pairs]
        raise QueryFailed(f"`{next(n for n in names if names.count(n) > 1)}` is there twice")
    return made


def _leaves(value: Any, at: Place = ()) -> Iterator[tuple[Place, Any]]:
    if isinstance(value, dict):
        for name, below in value.items():
            yield from _leaves(below, (*at, name))
    elif isinstance(value, list):
        for below in value:
            yield from _leaves(below, (*at, "[]"))
    else:
        yield at, value


def _is_long(value: Any) -> bool:
    return isinstance(value, int) and abs(value) > _EXACT_IN_DOUBLE


def clashes(values: Iterable[Any]) -> frozenset[Place]:
    """Name the places that hold reals as well as whole numbers too long for a DOUBLE."""
    reals: set[Place] = set()
    longs: set[Place] = set()
    for value in values:
        for at, leaf in _leaves(value):
            if isinstance(leaf, float) or (isinstance(leaf, Number) and leaf.exact):
                reals.add(at)
            elif _is_long(leaf):
                longs.add(at)
    return frozenset(reals & longs)


class Exact:
    """Writes a row so that every number is read as it was, and columns have their new names."""

    def __init__(self, clashes: frozenset[Place], renamed: Mapping[str, str]) -> None:
        self._clashes, self._renamed = clashes, renamed

    def written(self, row: Any) -> Any:
        """Give a row as it is to be written."""
        if not isinstance(row, dict):
            return self._value(row, ())
        made = {self._renamed.get(k, k): self._value(v, (k,)) for k, v in row.items()}
        if len(made) < len(row):
            raise QueryFailed(f"two columns are named `{_twice(self._renamed, row)}`")
        return made

    def _value(self, value: Any, at: Place) -> Any:
        if isinstance(value, dict):
            return {k: self._value(v, (*at, k)) for k, v in value.items()}
        if isinstance(value, list):
            return [self._value(v, (*at, "[]")) for v in value]
        return str(value) if _is_long(value) and at in self._clashes else plain(value)


def _twice(renamed: Mapping[str, str], row: Mapping[str, Any]) -> str:
    names = [renamed.get(k, k) for k in row]
    return next(n for n in names if names.count(n) > 1)
