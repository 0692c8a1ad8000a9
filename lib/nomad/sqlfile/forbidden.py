"""Refuses what would write from within a statement, or change more than a session."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from sqlglot.tokens import Token, TokenType

from nomad.engine.forbidden import called, is_function, is_setting
from nomad.errors import SqlFileError

_OF_TEXT = ("query", "json_execute_serialized_sql")
"""Functions that run the text they are given: only then does a text matter."""
_SETTING = ("SET", "RESET", "PRAGMA")
_SCOPES = ("GLOBAL", "SESSION", "LOCAL")


def refuse_unfit(tokens: Sequence[Token], path: str) -> None:
    """See that a statement calls no function that writes, and sets nothing that does.

    Raises:
        SqlFileError: it names the function or the setting.
    """
    for name, line in (*_functions(tokens), *_settings(tokens)):
        raise SqlFileError(
            f"`{name}` is not for a SQL file: it writes, or changes DuckDB for all tables",
            where=f"{path}:{line}",
            hint="leave it out; a table is its query alone",
        )


def _functions(tokens: Sequence[Token]) -> Iterator[tuple[str, int]]:
    pairs = list(pairwise((*tokens, tokens[-1])))
    runs = any(t.text.lower() in _OF_TEXT and after.text == "(" for t, after in pairs)
    for token, after in pairs:
        if token.token_type == TokenType.STRING:
            name = called(token.text) if runs else None
        else:
            name = token.text if after.text == "(" and is_function(token.text) else None
        if name:
            yield name, token.line


def _settings(tokens: Sequence[Token]) -> Iterator[tuple[str, int]]:
    words = [t for t in tokens[:3] if t.text.upper() not in _SCOPES]
    if not words[1:] or words[0].text.upper() not in _SETTING:
        return
    name = words[1].text
    if name.upper() != "VARIABLE" and (is_setting(name) or is_function(name)):
        yield name, words[1].line
