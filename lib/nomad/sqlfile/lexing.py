"""The few marks of SQL's text that come before any grammar: comments, quotes and variables.

They are DuckDB's own: a comment may hold another, `e'…'` has escapes, `$t$…$t$` quotes as it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from nomad.errors import SqlFileError

_PIECE = re.compile(
    r"(?=[-/'\"$eE{])(?:"
    r"(?P<comment>--[^\n]*|/\*)"
    r"|(?P<quoted>'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|[eE](?<!\w.)'(?:[^'\\]|\\.|'')*'"
    r"|(?<!\w)\$(?P<tag>(?:[^\W\d]\w*)?)\$.*?\$(?P=tag)\$)"
    r"|(?P<unclosed>['\"]|(?<!\w)\$(?:[^\W\d]\w*)?\$)"
    r"|(?P<variable>\$<[A-Za-z_]\w*>|\$\{[A-Za-z_]\w*\})"
    r"|(?P<template>\{[{%#]))",
    re.DOTALL,
)
_NESTED = re.compile(r"/\*|\*/")


_CLOSE = "close it; within a text, a quote is written twice"


def pieces(text: str, *, path: str) -> Iterator[tuple[str, int, int]]:
    """Give the marks of a text in order: the kind of each, where it begins and where it ends.

    Kinds are `comment`, `quoted`, `variable` and `template`, which is none of SQL's.

    Raises:
        SqlFileError: a quote or a comment is never closed.

    Example:
        >>> list(pieces("a /* /* */ */ 'b'", path="a.sql"))
        [('comment', 2, 13), ('quoted', 14, 17)]
    """
    at = 0
    while match := _PIECE.search(text, at):
        kind = str(match.lastgroup if match["quoted"] is None else "quoted")
        at = match.end()
        if kind == "unclosed":
            raise SqlFileError(
                "a quote opened here is never closed", where=line_of(match, path), hint=_CLOSE
            )
        if match[0] == "/*":
            at = _end_of_comment(match, path)
        yield kind, match.start(), at


def without_values(text: str, *, path: str) -> str:
    """Give a text with a blank for each comment and each string; quoted names stay.

    Raises:
        SqlFileError: a quote or a comment is never closed.

    Example:
        >>> without_values("select 'a' as b -- c", path="a.sql")
        'select   as b  '
    """
    kept, at = [], 0
    for kind, begin, end in pieces(text, path=path):
        if kind == "comment" or (kind == "quoted" and text[begin] != '"'):
            kept.append(text[at:begin])
            at = end
    return " ".join([*kept, text[at:]])


def line_of(match: re.Match[str], path: str) -> str:
    """Tell where a match begins: `path:line`."""
    return f"{path}:{match.string.count(chr(10), 0, match.start()) + 1}"


def _end_of_comment(match: re.Match[str], path: str) -> int:
    depth = 1
    for mark in _NESTED.finditer(match.string, match.end()):
        depth += 1 if mark[0] == "/*" else -1
        if not depth:
            return mark.end()
    raise SqlFileError("`/*` is never closed", where=line_of(match, path), hint=_CLOSE)
