"""Which delimiter a CSV has: the one by which all lines that are tried have as many fields."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

CANDIDATES = (",", ";", "\t", "|")

_LINES = 200


def detect(path: Path, quote: str = '"') -> tuple[str, ...]:
    """Tell the delimiter of a text in UTF-8: one, or several or none where it can't be told.

    A text of one column, in which there is no delimiter at all, has the customary one.
    """
    with path.open(encoding="utf-8", newline="") as f:
        lines = list(islice(f, _LINES))
    return of_lines(lines, quote)


def of_lines(lines: Sequence[str], quote: str = '"') -> tuple[str, ...]:
    """Tell the delimiter of some lines.

    Example:
        >>> of_lines(["a;b", "1,5;2"]), of_lines(["a,b;c", "1,2;3"]), of_lines(["a", "1"])
        ((';',), (',', ';'), (',',))
        >>> of_lines(["a;b,c", "1;2"])
        (';',)
        >>> of_lines(["a;b", "1;2;3"])
        ()
    """
    widths = {mark: _widths(lines, mark, quote) for mark in CANDIDATES}
    fit = tuple(m for m, w in widths.items() if len(set(w)) == 1 and w[0] > 1)
    in_header = any(w and w[0] > 1 for w in widths.values())
    return fit if fit or in_header else CANDIDATES[:1]


def _widths(lines: Sequence[str], mark: str, quote: str) -> list[int]:
    """Count the fields of each record; the last line may be half of one."""
    try:
        records = list(csv.reader(lines, delimiter=mark, quotechar=quote))
    except csv.Error:
        return []
    whole = records[:-1] if len(lines) == _LINES else records
    return [len(r) for r in whole if r]
