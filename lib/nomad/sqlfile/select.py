"""A query inside a statement: its text, and the tokens it is made of."""

from __future__ import annotations

from typing import NamedTuple

from sqlglot.tokens import Token


class Select(NamedTuple):
    """A query as it may stand alone; its text begins at the character `begin` of the file.

    `parameters` are names that stand for what a macro is called with.
    """

    text: str
    tokens: tuple[Token, ...]
    begin: int
    parameters: frozenset[str] = frozenset()
