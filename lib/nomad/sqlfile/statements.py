"""Cut a rendered file into statements by its tokens: what runs is the author's own text."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import NoReturn

from sqlglot.tokens import Token, TokenType

from nomad.errors import SqlFileError
from nomad.sqlfile import macros
from nomad.sqlfile.forbidden import refuse_unfit
from nomad.sqlfile.select import Select
from nomad.sqlfile.targets import (
    QUERY,
    TEMPORARY,
    after_create,
    after_if,
    after_into,
    blanked,
    changed_at,
    insert_within,
    is_as,
    listed,
    made_by,
    partition,
    target,
    words_of,
)
from nomad.sqlfile.tokens import cut, refuse_templates

_SESSION = {"SET", "RESET", "PRAGMA", "LOAD"}
_NOT_HERE = {
    "USE": "a bare name is looked for in the whole project: write `layer.table` where unclear",
    "ATTACH": "a database is named under `attach:` in nomad.yaml",
    "DETACH": "a database is named under `attach:` in nomad.yaml",
    "INSTALL": "an extension is installed once for the machine: `duckdb -c 'install …'`",
}
_PATHS = {"SEARCH_PATH", "SCHEMA"}
_PASSED_OVER = {"BEGIN", "START", "COMMIT", "END", "ANALYZE", "VACUUM", "CHECKPOINT", "COMMENT"}
"""A partition is replaced whole, in one step; what helps a table in a database is nothing to it."""
_CLEARING = {"DROP", "DELETE", "TRUNCATE"}
_CHANGING = {"UPDATE", "DELETE", "ALTER", "TRUNCATE", "DROP"}
_HELPERS = {"MACRO", "FUNCTION", "TYPE", "SEQUENCE", "SCHEMA"}
_ANY_SCHEMA = {"", "main"}


@dataclass(frozen=True)
class Statement:
    """One statement: its `kind` (query, setup, session or cleared), text, first line and tokens.

    `makes` is the table or view of the file's own that a setup makes; `selects` are the queries in
    it; of a query, `columns` are those that its statement lists.
    """

    kind: str
    text: str
    line: int
    tokens: tuple[Token, ...]
    makes: str | None = None
    selects: tuple[Select, ...] = ()
    columns: tuple[str, ...] = ()


def split(text: str, *, path: str, table: str, given: int = 0) -> tuple[Statement, ...]:
    """Cut a file's text into statements and tell what each is for; the last are `given` to it.

    Raises:
        SqlFileError: a statement nomad does not run, or one that writes another table.
    """
    refuse_templates(text, path)
    pieces = cut(text, path)
    for piece in pieces:
        _refuse_elsewhere(piece, path)
        refuse_unfit(piece, path)
    layer = path.split("/")[1] if path.startswith("sql/") and path.count("/") > 1 else ""
    file = _File(
        text, path, table, layer, frozenset(made_by(pieces, table)), len(pieces) == 1 + given
    )
    found: list[Statement] = []
    for tokens in pieces:
        statement = _classify(tokens, file)
        if statement.kind == "setup" and _comes_late(statement, found):
            statement = _passed(tokens)
        found.append(statement)
    return tuple(found)


@dataclass(frozen=True)
class _File:
    """A file's text and path, the table it makes, and the other tables it makes for itself."""

    text: str
    path: str
    table: str
    layer: str
    own: frozenset[str]
    alone: bool

    def at(self, token: Token) -> str:
        return f"{self.path}:{token.line}"


def count(text: str) -> int:
    """Count the statements of a text.

    Raises:
        SqlFileError: the text can't be read.
    """
    return len(cut(text, "query"))


def _comes_late(statement: Statement, before: Sequence[Statement]) -> bool:
    """Tell what changes a table of the file's own when the query has read it, or before it is."""
    word = statement.tokens[0].text.upper()
    if word not in (*_CHANGING, "INSERT"):
        return False
    made = any(s.makes for s in before)
    return any(s.kind == "query" for s in before) or (word == "DROP" and not made)


def _classify(tokens: list[Token], file: _File) -> Statement:
    word = tokens[0].text.upper()
    if word == "WITH" and (at := insert_within(tokens)):
        return _inserted(tokens, file, at)
    if word in QUERY:
        return _query(tokens, tokens, file)
    if word in _KINDS:
        return _KINDS[word](tokens, file)
    raise SqlFileError(
        f"nomad does not run `{word}`",
        where=file.at(tokens[0]),
        hint="a file holds one SELECT; SET, CREATE TEMP TABLE and CREATE MACRO may stand before it",
    )


def _refuse_elsewhere(tokens: Sequence[Token], path: str) -> None:
    """See that a statement is none for which nomad has another place."""
    word = tokens[0].text.upper()
    paths = word == "SET" and _PATHS & set(words_of(tokens, 3)[1:])
    if word in _NOT_HERE or paths:
        told = f"SET {tokens[1].text.lower()}" if paths else word
        hint = _NOT_HERE["USE" if paths else word]
        where = f"{path}:{tokens[0].line}"
        raise SqlFileError(f"nomad does not run `{told}`", where=where, hint=hint)


def _passed(tokens: Sequence[Token], _: object = None) -> Statement:
    return Statement("cleared", "", tokens[0].line, tuple(tokens))


def _cut(text: str, tokens: Sequence[Token]) -> str:
    return text[tokens[0].start : tokens[-1].end + 1]


def _session(tokens: list[Token], file: _File) -> Statement:
    """Take what sets something; it may read no table, as nobody would see that.

    Raises:
        SqlFileError: it does.
    """
    if any(t.token_type == TokenType.FROM for t in tokens):
        raise SqlFileError(
            f"`{tokens[0].text.upper()}` that reads a table",
            where=file.at(tokens[0]),
            hint="read it in a CREATE TEMP TABLE, or in the query",
        )
    return Statement("session", _cut(file.text, tokens), tokens[0].line, tuple(tokens))


# Queries -----------------------------------------------------------------------------------------


def _query(
    tokens: Sequence[Token], body: Sequence[Token], file: _File, columns: tuple[str, ...] = ()
) -> Statement:
    """Make a statement of its query, the tokens `body`."""
    if not body or body[0].text.upper() not in QUERY:
        raise SqlFileError(
            "the statement has no query", where=file.at(tokens[0]), hint="write one SELECT"
        )
    text = _cut(file.text, body)
    select = Select(text, tuple(body), body[0].start)
    return Statement("query", text, body[0].line, tuple(tokens), selects=(select,), columns=columns)


def _body(tokens: Sequence[Token], file: _File, *, own: bool = False) -> Sequence[Token]:
    """Leave out `WITH [NO] DATA` behind a query."""
    words = [t.text.upper() for t in tokens[-3:]]
    if words[-3:] == ["WITH", "NO", "DATA"]:
        if own:
            raise SqlFileError("`WITH NO DATA` makes a table of no rows", where=file.at(tokens[-1]))
        return tokens[:-3]
    return tokens[:-2] if words[-2:] == ["WITH", "DATA"] else tokens


def _inserted(tokens: list[Token], file: _File, at: int = 0) -> Statement:
    """Take the query out of an INSERT; that of the file's own table is the query of the file."""
    words = words_of(tokens, at + 6)
    begin, overwrites = after_into(words, at)
    if begin is None:
        raise SqlFileError("the statement has no query", where=file.at(tokens[at]))
    schema, name, after = target(tokens, begin)
    own = name.text.lower() in file.own and schema.lower() in ("", "temp", "main")
    if not own:
        _refuse_other(schema, name, file)
    if overwrites:
        after = partition(tokens, after, where=file.at(name))
    columns, after = listed(tokens, after)
    after += 2 * (words_of(tokens[after:], 2) in (["BY", "NAME"], ["BY", "POSITION"]))
    if own and not at:
        return _setup(tokens, file, selects=_selects(tokens[after:], file))
    if at:
        file = replace(file, text=blanked(file.text, tokens[at].start, tokens[after:]))
        return _query(tokens, [*tokens[:at], *tokens[after:]], file, columns)
    return _query(tokens, tokens[after:], file, columns)


def _refuse_other(schema: str, name: Token, file: _File) -> None:
    """See that a statement writes the file's own table.

    Raises:
        SqlFileError: it names another one.
    """
    if name.text.lower() != file.table.lower():
        raise SqlFileError(
            f"the file is named `{file.table}` but writes `{name.text}`",
            where=file.at(name),
            hint=f"rename the file to `{name.text}.sql`, or the table to `{file.table}`",
        )
    if file.layer and schema.lower() not in {*_ANY_SCHEMA, file.layer.lower()}:
        raise SqlFileError(
            f"the file lies in layer `{file.layer}` but writes `{schema}.{name.text}`",
            where=file.at(name),
            hint=f"write `{file.layer}.{file.table}`, or move the file to sql/{schema}/",
        )


# CREATE, and what changes a table ----------------------------------------------------------------


def _create(tokens: list[Token], file: _File) -> Statement:
    words = words_of(tokens, 8)
    at = after_create(words)
    temporary = words[at : at + 1] and words[at] in TEMPORARY
    at += bool(temporary)
    kind = words[at] if at < len(words) else ""
    if kind in _HELPERS:
        return _setup(tokens, file, selects=macros.selects_of(tokens, kind, file.text))
    if kind == "INDEX":
        return _passed(tokens)
    if kind not in ("TABLE", "VIEW"):
        _refuse_kind(tokens, words, at, file)
    schema, name, after = target(tokens, after_if(words, at + 1))
    if temporary or (name.text.lower() in file.own and not file.alone):
        begins = next((i for i in range(after, len(tokens)) if is_as(tokens[i])), len(tokens))
        selects = _selects(_body(tokens[begins + 1 :], file), file)
        return _setup(tokens, file, makes=name.text, selects=selects)
    _refuse_other(schema, name, file)
    columns, begin = listed(tokens, after)
    if begin >= len(tokens) - 1 or not is_as(tokens[begin]):
        raise SqlFileError(
            f"`CREATE {kind} {file.table}` without `AS SELECT`",
            where=file.at(tokens[0]),
            hint="write the table as one SELECT",
        )
    return _query(tokens, _body(tokens[begin + 1 :], file, own=True), file, columns)


def _refuse_kind(tokens: Sequence[Token], words: Sequence[str], at: int, file: _File) -> NoReturn:
    unique = words[at : at + 2] == ["UNIQUE", "INDEX"]
    kind = " ".join(words[at : at + 1 + unique])
    raise SqlFileError(
        f"nomad does not run `CREATE {kind}`",
        where=file.at(tokens[0]),
        hint="write the test `unique` into the table's contract" if unique else None,
    )


def _setup(
    tokens: Sequence[Token],
    file: _File,
    *,
    makes: str | None = None,
    selects: tuple[Select, ...] = (),
) -> Statement:
    text = _cut(file.text, tokens)
    return Statement("setup", text, tokens[0].line, tuple(tokens), makes, selects)


def _selects(body: Sequence[Token], file: _File) -> tuple[Select, ...]:
    if not body or body[0].text.upper() not in QUERY:
        return ()
    return (Select(_cut(file.text, body), tuple(body), body[0].start),)


def _changing(tokens: list[Token], file: _File) -> Statement:
    """Run what changes a table of the file's own; pass over a DROP or DELETE of its result.

    A partition is replaced whole anyway.
    """
    word = tokens[0].text.upper()
    schema, name, _ = target(tokens, changed_at(words_of(tokens, 6)))
    if name.text.lower() in file.own:
        whole = Select(_cut(file.text, tokens), tuple(tokens), tokens[0].start)
        return _setup(
            tokens, file, selects=() if word in ("DROP", "TRUNCATE", "ALTER") else (whole,)
        )
    if word not in _CLEARING:
        raise SqlFileError(
            f"nomad does not run `{word}`",
            where=file.at(tokens[0]),
            hint="write the table as one SELECT",
        )
    if name.text.lower() != file.table.lower() or _is_other_layer(schema, file):
        raise SqlFileError(
            f"`{word}` of a table other than `{file.table}`",
            where=file.at(tokens[0]),
            hint="a file changes its own table only",
        )
    return _passed(tokens)


def _is_other_layer(schema: str, file: _File) -> bool:
    return bool(file.layer) and schema.lower() not in {*_ANY_SCHEMA, file.layer.lower()}


_KINDS: dict[str, Callable[[list[Token], _File], Statement]] = {
    "CREATE": _create,
    "INSERT": _inserted,
    **dict.fromkeys(_SESSION, _session),
    **dict.fromkeys(_PASSED_OVER, _passed),
    **dict.fromkeys(_CHANGING, _changing),
}
