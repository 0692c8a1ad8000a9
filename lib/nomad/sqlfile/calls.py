"""Table functions in a FROM: what they read, as far as their name tells."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Sequence
from typing import NamedTuple

from sqlglot.tokens import Token, TokenType

from nomad.errors import SqlFileError
from nomad.names import quote
from nomad.partitions import COLUMN
from nomad.sqlfile.file import Ref

_PURE = {
    "GENERATE_SERIES", "RANGE", "UNNEST", "REPEAT", "REPEAT_ROW", "JSON_EACH", "JSON_TREE",
    "SUMMARY", "TEST_ALL_TYPES", "TEST_VECTOR_TYPES",
}  # fmt: skip
"""Those that give the same rows for the same arguments. Of any other, that isn't known."""

_OF_A_TABLE = {"QUERY_TABLE", "HISTOGRAM", "HISTOGRAM_VALUES"}
_OF_A_TEXT = {"QUERY"}
_HIDING = {"JSON_EXECUTE_SERIALIZED_SQL", "SEQ_SCAN", "PRAGMA_TABLE_INFO", "PRAGMA_SHOW"}
_OF_ONE_DATE = f"_{COLUMN.upper()}"


class Edit(NamedTuple):
    """What is to stand in place of the characters from `begin` up to `end`."""

    begin: int
    end: int
    text: str


class Argument(NamedTuple):
    """An argument: a text, the parts of a name, a list of texts, or something that is computed."""

    text: str | None = None
    names: tuple[str, ...] = ()
    listed: tuple[str, ...] = ()


OF_A_CTE = Argument(text="", names=("",))
"""The name of a CTE, which is no table."""


class Call(NamedTuple):
    """A table function in a FROM; `at` tells which of two calls is the first."""

    name: str
    schema: str = ""
    arguments: tuple[Argument, ...] = ()
    alias: str = ""
    at: int = 0


def is_of_one_date(call: Call, macros: Container[str]) -> bool:
    """Tell `ods.x_dt('…')`, one partition of a table, from a function of that name."""
    return call.name.upper().endswith(_OF_ONE_DATE) and call.name.lower() not in macros


def tables_of(
    call: Call, parameters: Container[str] = (), *, where: str, line: int
) -> Iterator[Ref]:
    """Name the table that a function reads, where it is given the name of one.

    `parameters` are names that stand for others: those of the macro it is called in.

    Raises:
        SqlFileError: it reads a table, of which only the running query knows.
    """
    name = call.name.upper()
    if name in _HIDING:
        raise hidden(call, where)
    if name not in _OF_A_TABLE:
        return
    first = call.arguments[0] if call.arguments else Argument()
    if first == OF_A_CTE:
        return
    named = first.listed or (first.text or "",)
    for parts in [first.names] if first.names else [tuple(n.split(".")) for n in named]:
        if not all(parts) or parts[0].lower() in parameters:
            raise hidden(call, where)
        database, schema, table = ("", "", *parts)[-3:]
        yield Ref(table, schema, database, line)


def text_of(call: Call, *, where: str) -> str | None:
    """Give the query that `query('…')` runs; None for another function.

    Raises:
        SqlFileError: its text is computed.
    """
    if call.name.upper() not in _OF_A_TEXT:
        return None
    if not call.arguments or call.arguments[0].text is None:
        raise hidden(call, where)
    return call.arguments[0].text


def hidden(call: Call, where: str) -> SqlFileError:
    """Say that a function keeps from all but the running query what it reads."""
    return SqlFileError(
        f"`{call.name.lower()}` of a computed name hides which table is read"
        if call.name.upper() in _OF_A_TABLE
        else f"`{call.name.lower()}` hides which tables are read",
        where=where,
        hint="name the table in the FROM clause",
    )


def changing(call: Call, macros: Container[str]) -> str | None:
    """Say why the rows of a table function may change by themselves, or None."""
    name = call.name.upper()
    known = name in _PURE | _OF_A_TABLE | _OF_A_TEXT
    if known or call.name.lower() in macros or is_of_one_date(call, macros):
        return None
    if name.startswith(("READ_", "SNIFF_", "PARQUET_")) or name.endswith("_SCAN") or name == "GLOB":
        return f"reads files directly with {call.name.lower()}"
    return f"calls {call.name.lower()}, of which it isn't known what it reads"


def dated_edits(tokens: Sequence[Token], calls: Sequence[Call], *, where: str) -> Iterator[Edit]:
    """Write `x_dt('…')` as a query of `x`: what is found and pruned there, is so here.

    `calls` are all of this kind among the tokens of a query.

    Raises:
        SqlFileError: it can't be told which of its words are those calls.
    """
    names = {c.name.lower() for c in calls}
    at = [i for i, t in enumerate(tokens) if _is_called(tokens, i) and t.text.lower() in names]
    if len(at) != len(calls):
        raise hidden(calls[0], where)
    for i, call in zip(at, calls, strict=True):
        yield from _edits(tokens, i, call)


def _edits(tokens: Sequence[Token], i: int, call: Call) -> Iterator[Edit]:
    first = i - 2 if i > 1 and tokens[i - 1].token_type == TokenType.DOT else i
    argument = i + 4 if _is_named(tokens, i + 2) else i + 2
    closing = tokens[_closing(tokens, i + 1)]
    table = quote(call.name[: -len(_OF_ONE_DATE)])
    full = f"{quote(call.schema)}.{table}" if call.schema else table
    yield Edit(
        tokens[first].start,
        tokens[argument].start,
        f"(SELECT * FROM {full} WHERE {COLUMN} = CAST(",
    )
    alias = "" if call.alias else f" AS {quote(call.name)}"
    yield Edit(closing.start, closing.end + 1, f" AS DATE)){alias}")


def edited(text: str, edits: Iterable[Edit]) -> str:
    """Put new text in place of some of a text."""
    for edit in sorted(edits, reverse=True):
        text = text[: edit.begin] + edit.text + text[edit.end :]
    return text


def _is_named(tokens: Sequence[Token], i: int) -> bool:
    """Tell `day := …`, where the macro's parameter is named."""
    marks = (TokenType.COLON_EQ, TokenType.FARROW)
    return i + 1 < len(tokens) and tokens[i + 1].token_type in marks


def _is_called(tokens: Sequence[Token], i: int) -> bool:
    return i + 1 < len(tokens) and tokens[i + 1].token_type == TokenType.L_PAREN


def _closing(tokens: Sequence[Token], opens: int) -> int:
    depth = 0
    for i in range(opens, len(tokens)):
        kind = tokens[i].token_type
        depth += (kind == TokenType.L_PAREN) - (kind == TokenType.R_PAREN)
        if not depth:
            return i
    return len(tokens) - 1
