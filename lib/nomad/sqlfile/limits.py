"""Tells of a LIMIT that a join may stand above.

DuckDB 1.5 hands the keys of a join down to the scan on its other side, past a LIMIT as well, which
then counts other rows than it should. That optimizer is left out where it could happen.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from nomad.errors import SqlFileError
from nomad.sqlfile.lexing import pieces

_LIMIT = re.compile(r"\b(?:limit|fetch)\b", re.IGNORECASE)
_MARK = rf"(?i)[()]|{_LIMIT.pattern}"


def limited(before: Iterable[str], query: str) -> bool:
    """Tell whether a query has a LIMIT in brackets, or one in the statements before it.

    Example:
        >>> limited([], "from a join b using (k) limit 9")
        False
        >>> limited([], "from (from a limit 9) join b using (k)")
        True
    """
    if any(_LIMIT.search(s) for s in before):
        return True
    return bool(_LIMIT.search(query)) and _in_brackets(query)


def _in_brackets(query: str) -> bool:
    try:
        bare, quoted = _parted(query)
    except SqlFileError:
        return True
    depth = 0
    for mark in re.findall(_MARK, bare):
        if mark in "()":
            depth += 1 if mark == "(" else -1
        elif depth:
            return True
    return bool(_LIMIT.search(quoted))


def _parted(query: str) -> tuple[str, str]:
    """Part a query into its words and what is quoted, without comments."""
    found: dict[str, list[str]] = {"bare": [], "quoted": []}
    for kind, text in _cut(query):
        found.setdefault(kind, []).append(text)
    return " ".join(found["bare"]), " ".join(found["quoted"])


def _cut(query: str) -> Iterator[tuple[str, str]]:
    at = 0
    for kind, begin, end in pieces(query, path="query"):
        yield "bare", query[at:begin]
        yield kind, query[begin:end]
        at = end
    yield "bare", query[at:]
