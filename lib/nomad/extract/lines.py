"""Values of Python as lines of JSON: none is rounded, and what JSON has no word for is refused."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from uuid import UUID

from nomad.extract.spelling import marked, unmarked


class Odd(ValueError):
    """A row that can't be a line of JSON; the text says how, in words that follow its source."""


def line(row: object, number: int) -> str:
    r"""Write a row; `number` is which one it is, for whoever looks for it.

    A Decimal is a number with all its digits; a date, a time and a UUID are texts.

    Raises:
        Odd: it is no dict, or has a value that JSON can't hold.

    Example:
        >>> line({"day": date(2024, 1, 2), "close": Decimal("1.10")}, 1)
        '{"day": "2024-01-02", "close": 1.10}\n'
    """
    if not isinstance(row, Mapping):
        raise Odd(f"row {number} is a `{type(row).__name__}`: it is to be a dict")
    try:
        text = _encoded(row if isinstance(row, dict) else dict(row))
    except (TypeError, ValueError, RecursionError) as e:
        raise Odd(f"row {number}: {_fault(row) or e}") from e
    if not set(map(type, row)) <= {str} and not all(isinstance(name, str) for name in row):
        raise Odd(f"row {number}: {_fault(row)}")
    return f"{unmarked(text)}\n"


def write(path: Path, rows: Iterable[object]) -> int:
    """Write rows into a file; tell how many there are.

    Raises:
        Odd: one can't be a line of JSON.
    """
    number = 0
    with path.open("w", encoding="utf-8") as f:
        for number, row in enumerate(rows, 1):
            f.write(line(row, number))
    return number


def _encoded(value: object) -> str:
    """Write a value; half a surrogate pair fails here, and not where the file is written."""
    text = _ENCODER.encode(value)
    if not text.isascii():
        text.encode()
    return text


def _plain(value: object) -> object:
    """Give what JSON has in place of a value that it has not."""
    if isinstance(value, (date, time)):
        if value != value:  # noqa: PLR0124 - pandas' NaT
            raise ValueError("NaT")
        return value.isoformat()
    if isinstance(value, Decimal):
        if not value.is_finite():
            raise ValueError("NaN")
        return marked(str(value))
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, Mapping):
        return dict(value)
    if type(value).__module__ == "numpy" and not hasattr(value, "tzinfo"):
        return _of_numpy(value)
    raise TypeError


_ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False, default=_plain)


def _of_numpy(value: object) -> object:
    """Give numbers of numpy's as Python's, and a list for an array; a moment must keep its form."""
    if type(value).__name__ in ("datetime64", "timedelta64"):
        raise TypeError
    return value.tolist()  # type: ignore[attr-defined]


def _fault(row: Mapping[object, object]) -> str | None:
    """Say which value it is, and what to give in its place."""
    for name, value in row.items():
        if not isinstance(name, str):
            return f"the name {name!r} is a `{type(name).__name__}`: give names as text"
        if not _fits(value):
            return f"`{name}` {_told(value)}"
    return None


def _told(value: object) -> str:
    """Say what is wrong with a value.

    Example:
        >>> _told(b"x")
        'holds bytes: decode them, or give base64 or an Arrow table'
        >>> _told([1, float("nan")]), _told({1})
        ('holds NaN or infinity, which JSON has not: give None', 'holds a `set`')
    """
    inner = next((v for v in _leaves(value) if not _fits(v)), value)
    if isinstance(inner, (bytes, bytearray, memoryview)):
        return "holds bytes: decode them, or give base64 or an Arrow table"
    if isinstance(inner, (float, Decimal, datetime)):
        return "holds NaN or infinity, which JSON has not: give None"
    if isinstance(inner, str):
        return "holds half a surrogate pair, which is no text"
    return f"holds a `{type(inner).__name__}`"


def _fits(value: object) -> bool:
    try:
        _encoded(value)
    except (TypeError, ValueError, RecursionError):
        return False
    return True


def _leaves(value: object, depth: int = 0) -> Iterator[object]:
    if depth < _DEEPEST and isinstance(value, Mapping):
        for below in value.values():
            yield from _leaves(below, depth + 1)
    elif depth < _DEEPEST and isinstance(value, (list, tuple)):
        for below in value:
            yield from _leaves(below, depth + 1)
    else:
        yield value


_DEEPEST = 100
