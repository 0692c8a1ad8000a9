"""Cut a rendered file into statements by its tokens: what runs is the author's own text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile

import sqlglot
from sqlglot.errors import SqlglotError
from sqlglot.tokens import Token, TokenType

from nomad.errors import SqlFileError
from nomad.sqlfile.references import outputs_of, parse_one

_QUERY = {"SELECT", "WITH", "FROM", "(", "VALUES", "TABLE", "PIVOT", "UNPIVOT", "SUMMARIZE"}
_SESSION = {"SET", "RESET", "PRAGMA", "LOAD", "INSTALL", "ATTACH", "DETACH", "USE"}
_HELPERS = {"TEMP", "TEMPORARY", "MACRO", "FUNCTION", "TYPE", "SEQUENCE", "SCHEMA"}
_CLEARING = {"DROP", "DELETE", "TRUNCATE"}


@dataclass(frozen=True)
class Statement:
    """One statement: its `kind` (query, setup, session or cleared), text, first line and tokens.

    Of a CREATE TEMP TABLE, `makes` is the table's name and `body` the query behind AS.
    """

    kind: str
    text: str
    line: int
    tokens: tuple[Token, ...]
    makes: str | None = None
    body: str | None = None


def split(text: str, *, path: str, table: str) -> tuple[Statement, ...]:
    """Cut a file's text into statements and tell what each is for.

    Raises:
        SqlFileError: a statement nomad does not run, or one that writes another table.
    """
    return tuple(_classify(tokens, _File(text, path, table)) for tokens in _pieces(text, path))


@dataclass(frozen=True)
class _File:
    text: str
    path: str
    table: str

    def at(self, token: Token) -> str:
        return f"{self.path}:{token.line}"


def _pieces(text: str, path: str) -> list[list[Token]]:
    try:
        tokens = sqlglot.tokenize(text, read="duckdb")
    except SqlglotError as e:
        raise SqlFileError(
            f"can't be read: {str(e).splitlines()[0]}",
            where=path,
            hint="look for a quote or a comment that is never closed",
        ) from e
    pieces: list[list[Token]] = [[]]
    for token in tokens:
        if token.token_type == TokenType.SEMICOLON:
            pieces.append([])
        else:
            pieces[-1].append(token)
    return [p for p in pieces if p]


def _classify(tokens: list[Token], file: _File) -> Statement:
    word = tokens[0].text.upper()
    if word in _QUERY:
        return _query(tokens, 0, file)
    if word == "CREATE":
        return _create(tokens, file)
    if word == "INSERT":
        at = next((i for i, t in enumerate(tokens) if t.text.upper() == "INTO"), 0) + 1
        return _query(tokens, _after_target(tokens, at, file), file)
    if word in _CLEARING:
        return _clearing(tokens, file)
    if word in _SESSION:
        _refuse_reading(tokens, file)
        return Statement("session", _cut(file.text, tokens), tokens[0].line, tuple(tokens))
    raise SqlFileError(
        f"nomad does not run `{word}`",
        where=file.at(tokens[0]),
        hint="a file holds one SELECT; SET, CREATE TEMP TABLE and CREATE MACRO may stand before it",
    )


def _create(tokens: list[Token], file: _File) -> Statement:
    words = [t.text.upper() for t in tokens[:8]]
    at = 3 if words[1:3] == ["OR", "REPLACE"] else 1
    kind = words[at] if at < len(words) else ""
    if kind in _HELPERS:
        return _helper(tokens, words, at, file)
    if kind not in ("TABLE", "VIEW"):
        raise SqlFileError(f"nomad does not run `CREATE {kind}`", where=file.at(tokens[0]))
    at += 4 if words[at + 1 : at + 3] == ["IF", "NOT"] else 1
    begin = _after_target(tokens, at, file)
    if begin >= len(tokens) - 1 or tokens[begin].token_type != TokenType.ALIAS:
        raise SqlFileError(
            f"`CREATE {kind} {file.table}` without `AS SELECT`",
            where=file.at(tokens[0]),
            hint="write the table as one SELECT",
        )
    return _query(tokens, begin + 1, file)


def _helper(tokens: list[Token], words: list[str], at: int, file: _File) -> Statement:
    text, line = _cut(file.text, tokens), tokens[0].line
    begins = next((i for i, t in enumerate(tokens) if t.token_type == TokenType.ALIAS), 0)
    if words[at + 1 : at + 2] != ["TABLE"] or not 0 < begins < len(tokens) - 1:
        return Statement("setup", text, line, tuple(tokens))
    names = [t for t in tokens[at + 2 : begins] if t.token_type != TokenType.L_PAREN]
    skipped = 3 if [t.text.upper() for t in names[:2]] == ["IF", "NOT"] else 0
    body = _cut(file.text, tokens[begins + 1 :])
    return Statement("setup", text, line, tuple(tokens), names[skipped].text, body)


def _refuse_reading(tokens: list[Token], file: _File) -> None:
    if any(t.text.upper() == "FROM" and t.token_type == TokenType.FROM for t in tokens):
        raise SqlFileError(
            f"`{tokens[0].text.upper()}` that reads a table",
            where=file.at(tokens[0]),
            hint="read it in a CREATE TEMP TABLE, or in the query",
        )


def count(text: str) -> int:
    """Count the statements of a text.

    Raises:
        SqlFileError: the text can't be read.
    """
    return len(_pieces(text, "query"))


def _query(tokens: list[Token], begin: int, file: _File) -> Statement:
    """Cut the query out of its statement; a list of columns before it renames its columns."""
    body = tokens[begin:]
    if not body or body[0].text.upper() not in _QUERY:
        raise SqlFileError(
            "the statement has no query", where=file.at(tokens[0]), hint="write one SELECT"
        )
    text = _cut(file.text, body)
    if columns := _columns(tokens[:begin]):
        _refuse_miscount(columns, text, file.at(body[0]))
        named = ", ".join('"' + c.replace('"', '""') + '"' for c in columns)
        text = f"SELECT * FROM (\n{text}\n) AS _({named})"
    return Statement("query", text, body[0].line, tuple(tokens))


def _cut(text: str, tokens: Sequence[Token]) -> str:
    return text[tokens[0].start : tokens[-1].end + 1]


def _after_target(tokens: list[Token], at: int, file: _File) -> int:
    """Step over `[db.][schema.]name [(columns)]`, which must name the file's own table."""
    while at + 1 < len(tokens) and tokens[at + 1].token_type == TokenType.DOT:
        at += 2
    name = tokens[min(at, len(tokens) - 1)]
    if name.text.lower() != file.table.lower():
        raise SqlFileError(
            f"the file is named `{file.table}` but writes `{name.text}`",
            where=file.at(name),
            hint=f"rename the file to `{name.text}.sql`, or the table to `{file.table}`",
        )
    begin = at + 1
    opens = begin + 1 < len(tokens) and tokens[begin].token_type == TokenType.L_PAREN
    if opens and tokens[begin + 1].text.upper() not in _QUERY:
        closes = (i for i, t in enumerate(tokens) if t.token_type == TokenType.R_PAREN)
        return next((i for i in closes if i > begin), begin) + 1
    return begin


def _columns(head: list[Token]) -> list[str]:
    """Name the columns listed between a target and its query."""
    opens = next((i for i, t in enumerate(head) if t.token_type == TokenType.L_PAREN), None)
    if opens is None:
        return []
    inner = takewhile(lambda t: t.token_type != TokenType.R_PAREN, head[opens + 1 :])
    return [t.text for t in inner if t.token_type != TokenType.COMMA]


def _refuse_miscount(columns: list[str], query: str, where: str) -> None:
    yielded = outputs_of(parse_one(query, path=where))
    if yielded and len(yielded) != len(columns):
        raise SqlFileError(
            f"{len(columns)} columns are named, but the query yields {len(yielded)}",
            where=where,
            hint="name each column that the query yields",
        )


def _clearing(tokens: list[Token], file: _File) -> Statement:
    """Pass over a DROP or DELETE of the file's own table: a partition is replaced whole anyway."""
    if file.table.lower() in {t.text.lower() for t in tokens}:
        return Statement("cleared", "", tokens[0].line, tuple(tokens))
    raise SqlFileError(
        f"`{tokens[0].text.upper()}` of a table other than `{file.table}`",
        where=file.at(tokens[0]),
        hint="a file changes its own table only",
    )
