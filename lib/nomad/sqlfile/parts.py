"""One query of a file as both parsers see it: sqlglot's, and DuckDB's own."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlglot import exp
from sqlglot.tokens import Token, TokenType

from nomad.errors import SqlFileError
from nomad.sqlfile.calls import Call
from nomad.sqlfile.file import Opinion, Ref
from nomad.sqlfile.partition_local import same_day
from nomad.sqlfile.references import calls_in, is_ordered, marked, outputs_of, parse_one, read_by
from nomad.sqlfile.select import Select
from nomad.sqlfile.serialized import Fault, Seen, seen, serializable
from nomad.sqlfile.variables import undated


@dataclass(frozen=True)
class Part:
    """A query, sqlglot's tree of it and what DuckDB sees in it; one of the two may be None."""

    select: Select
    line: int
    tree: exp.Expr | None
    theirs: Seen | None
    path: str = field(compare=False)

    @property
    def where(self) -> str:
        """Tell where its statement begins."""
        return f"{self.path}:{self.line}"

    @property
    def calls(self) -> tuple[Call, ...]:
        """The table functions it calls, in the order of the text."""
        if self.theirs is not None:
            return self.theirs.calls
        return calls_in(self.tree) if self.tree is not None else ()

    @property
    def refs(self) -> tuple[Ref, ...]:
        """The tables in its FROM clauses that either parser sees, each once."""
        ours = read_by(self.tree, first_line=self.line) if self.tree is not None else ()
        theirs = (
            Ref(t.name, t.schema, t.database, self.line + self._lines_before(t.at))
            for t in (self.theirs.tables if self.theirs else ())
        )
        return tuple({str(r).lower(): r for r in reversed((*ours, *theirs))}.values())[::-1]

    def _lines_before(self, at: int) -> int:
        """Count lines before so many bytes; a little more text stands before that of a PIVOT."""
        return self.select.text.encode()[: max(at, 0)].count(b"\n")

    @property
    def outputs(self) -> tuple[str, ...]:
        """The names of its columns, where its text tells them all."""
        if self.tree is not None:
            return outputs_of(self.tree)
        return self.theirs.outputs if self.theirs else ()

    @property
    def ordered(self) -> bool:
        """Whether it says in which order its rows are."""
        if self.tree is not None:
            return is_ordered(self.tree)
        return self.theirs is not None and self.theirs.ordered

    @property
    def same_day(self) -> bool:
        """Whether it treats all dates alike, as far as can be told."""
        return self.tree is not None and same_day(self.tree)


def wanted(select: Select) -> str:
    """Give the text of a query as DuckDB is asked about it."""
    return serializable(select.text, select.tokens, select.begin)


def look(select: Select, answer: Any, *, text: str, path: str, line: int, opinion: Opinion) -> Part:
    """Have both parsers look at a query; `answer` is DuckDB's, `text` that of the file.

    Raises:
        SqlFileError: DuckDB finds a syntax error, or neither of them can take it apart.
    """
    theirs = seen(answer)
    if isinstance(theirs, Fault) and wanted(select) != select.text:
        theirs = seen(opinion([select.text])[0])
    if isinstance(theirs, Fault):
        raise _syntax_error(theirs, select, text, path)
    try:
        tree = parse_one(select.text, path=path, first_line=line)
    except SqlFileError:
        if theirs is None:
            raise
        tree = None
    return Part(select, line, tree, theirs, path)


_VALUE = re.compile(r"[\w'\"]")
_NEAR = re.compile(r'(?P<what>.*?) at or near "(?P<word>.*)"$', re.DOTALL)
_IN_A_LIST = {"SELECT", "BY"}
_ELSEWHERE = {"FROM", "WHERE", "HAVING", "JOIN", "ON", "USING", "LIMIT", "QUALIFY"}
_NO_VALUE = {"AS", "EXCLUDE", "REPLACE", "RENAME", "OVER", "FILTER", *_ELSEWHERE}


def _syntax_error(fault: Fault, select: Select, text: str, path: str) -> SqlFileError:
    """Say what DuckDB stumbles over; show the line and mark the word."""
    at = min(max(select.begin + fault.at, 0), len(text))
    begin = text.rfind("\n", 0, at) + 1
    column = len(undated(text[begin:at]))
    shown = undated(text[begin:].partition("\n")[0].rstrip("\r"))
    near = _NEAR.fullmatch(fault.what)
    word = near["word"] if near else ""
    what = f"syntax error: unexpected `{word}`" if word else fault.what
    return SqlFileError(
        f"{what}\n{marked(shown, column, len(word))}",
        where=f"{path}:{text.count(chr(10), 0, at) + 1}:{column + 1}",
        hint=_lacking(select.tokens, at, word),
    )


def _lacking(tokens: Sequence[Token], at: int, word: str) -> str | None:
    """Ask for a comma, where one value follows another in a list."""
    if not _VALUE.match(word) or word.upper() in _NO_VALUE:
        return None
    before = [t for t in tokens if t.end < at]
    if not before or before[-1].text.upper() in (",", "(", "=", *_IN_A_LIST):
        return None
    depth = 0
    for token in reversed(before):
        kind, said = token.token_type, token.text.upper()
        depth += (kind == TokenType.R_PAREN) - (kind == TokenType.L_PAREN)
        if not depth and said in _IN_A_LIST:
            return f"is a comma missing before `{word}`?"
        if depth < 0 or (not depth and said in _ELSEWHERE):
            return None
    return None
