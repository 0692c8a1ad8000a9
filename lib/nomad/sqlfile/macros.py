"""The queries inside CREATE MACRO and CREATE TYPE."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sqlglot.tokens import Token, TokenType

from nomad.sqlfile.file import CatalogMacro
from nomad.sqlfile.select import Select
from nomad.sqlfile.tokens import cut

_VALUE = "SELECT "
_LONGEST_HEAD = len(("CREATE", "OR", "REPLACE", "TEMP", "MACRO"))


def selects_of(tokens: Sequence[Token], kind: str, text: str) -> tuple[Select, ...]:
    """Give the queries in a CREATE: the bodies of a macro, or that which lists an enum's values.

    `text` is the file's.
    """
    if kind in ("MACRO", "FUNCTION"):
        return tuple(_bodies(tokens, text))
    if kind == "TYPE":
        return tuple(_of_enum(tokens, text))
    return ()


def name_of(tokens: Sequence[Token]) -> tuple[str, str]:
    """Give the schema and the name of the macro that a CREATE makes; empty for another thing."""
    words = [t.text.upper() for t in tokens[:_LONGEST_HEAD]]
    at = next((i for i, w in enumerate(words, 1) if w in ("MACRO", "FUNCTION")), 0)
    if not at or words[0] != "CREATE":
        return "", ""
    if [t.text.upper() for t in tokens[at : at + 3]] == ["IF", "NOT", "EXISTS"]:
        at += 3
    schema = ""
    while at + 2 < len(tokens) and tokens[at + 1].token_type == TokenType.DOT:
        schema = tokens[at].text
        at += 2
    return schema, tokens[at].text if at < len(tokens) else ""


def defined(text: str, *, path: str) -> tuple[CatalogMacro, ...]:
    """Give the macros that a text of DDL leaves behind, in the order in which it makes them.

    Raises:
        SqlFileError: it can't be read.
    """
    found: dict[tuple[str, str], CatalogMacro] = {}
    for tokens in cut(text, path):
        schema, name = name_of(tokens)
        if name:
            whole = text[tokens[0].start : tokens[-1].end + 1]
            found.pop((schema.lower(), name.lower()), None)
            found[schema.lower(), name.lower()] = CatalogMacro(schema, name, whole)
        elif tokens[0].text.upper() == "DROP":
            dropped = {t.text.lower() for t in tokens if "MACRO" in _upper(tokens)}
            found = {key: m for key, m in found.items() if key[1] not in dropped}
    return tuple(found.values())


def _upper(tokens: Sequence[Token]) -> set[str]:
    return {"MACRO" if t.text.upper() == "FUNCTION" else t.text.upper() for t in tokens}


def _bodies(tokens: Sequence[Token], text: str) -> Iterator[Select]:
    """Part a macro into its overloads: `(a) AS …, (a, b) AS TABLE …`."""
    heads = list(_heads(tokens))
    for place, (opens, begins) in enumerate(heads):
        following = heads[place + 1][0] - 1 if place + 1 < len(heads) else len(tokens)
        parameters = frozenset(t.text.lower() for t in tokens[opens:begins])
        is_table = tokens[begins : begins + 1] and tokens[begins].text.upper() == "TABLE"
        body = tuple(tokens[begins + bool(is_table) : following])
        if body:
            shown = text[body[0].start : body[-1].end + 1]
            before = "" if is_table else _VALUE
            yield Select(before + shown, body, body[0].start - len(before), parameters)


def _heads(tokens: Sequence[Token]) -> Iterator[tuple[int, int]]:
    """Give where each list of parameters begins, and the body behind its AS."""
    depth, opens = 0, 0
    for i, token in enumerate(tokens):
        kind = token.token_type
        if kind == TokenType.L_PAREN:
            opens = i if not depth else opens
        depth += (kind == TokenType.L_PAREN) - (kind == TokenType.R_PAREN)
        ends = not depth and i and tokens[i - 1].token_type == TokenType.R_PAREN
        if ends and kind == TokenType.ALIAS and _is_head(tokens, opens):
            yield opens, i + 1


def _is_head(tokens: Sequence[Token], opens: int) -> bool:
    """Tell a list of parameters: it follows the macro's name, or the comma behind an overload."""
    before = [t.text.upper() for t in tokens[:opens]]
    return before[-1] == "," or not {"AS"} & set(before)


def _of_enum(tokens: Sequence[Token], text: str) -> Iterator[Select]:
    begins = next((i for i, t in enumerate(tokens) if t.text.upper() == "ENUM"), len(tokens)) + 2
    body = tuple(tokens[begins:-1])
    if body and body[0].text.upper() in ("SELECT", "FROM", "WITH"):
        yield Select(text[body[0].start : body[-1].end + 1], body, body[0].start)
