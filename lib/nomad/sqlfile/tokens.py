"""Cuts a text into tokens, and these into statements."""

from __future__ import annotations

import sqlglot
from sqlglot.errors import SqlglotError
from sqlglot.tokens import Token, TokenType

from nomad.errors import SqlFileError
from nomad.sqlfile.lexing import pieces


def tokenized(text: str, where: str) -> list[Token]:
    """Cut a text into tokens.

    Raises:
        SqlFileError: it can't be.
    """
    try:
        return sqlglot.tokenize(text, read="duckdb")
    except SqlglotError as e:
        raise SqlFileError(f"can't be read: {str(e).splitlines()[0]}", where=where) from e


def cut(text: str, path: str) -> list[list[Token]]:
    """Give the tokens of each statement."""
    found: list[list[Token]] = [[]]
    for token in tokenized(text, path):
        if token.token_type == TokenType.SEMICOLON:
            found.append([])
        else:
            found[-1].append(token)
    return [p for p in found if p]


def refuse_templates(text: str, path: str) -> None:
    """See that a text holds none of Jinja's marks.

    Raises:
        SqlFileError: it does.
    """
    for kind, begin, _ in pieces(text, path=path):
        if kind == "template":
            raise SqlFileError(
                "no templates here",
                where=f"{path}:{text.count(chr(10), 0, begin) + 1}",
                hint="write the table's name, `raw.prices`; the date is '$<PARTITION_DATE>'",
            )
