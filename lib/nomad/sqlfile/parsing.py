"""Takes a rendered file apart: cut into statements by its tokens, parsed for references.

Two parsers look at each query: sqlglot's, whose tree can be worked with, and DuckDB's, which takes
whatever DuckDB takes. What either of them sees to be read is an input, so none is lost.

Imported only where a file is not known yet: the parser's library takes longer to load than a warm
project.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

from sqlglot.tokens import Token

from nomad.errors import SqlFileError
from nomad.hashing import digest
from nomad.names import quote
from nomad.sqlfile.calls import (
    Call,
    changing,
    dated_edits,
    edited,
    hidden,
    is_of_one_date,
    tables_of,
    text_of,
)
from nomad.sqlfile.file import Opinion, Ref, SqlFile, no_opinion, replacing
from nomad.sqlfile.macros import name_of
from nomad.sqlfile.parts import Part, look, wanted
from nomad.sqlfile.select import Select
from nomad.sqlfile.statements import Statement, split
from nomad.sqlfile.tokens import tokenized
from nomad.sqlfile.variables import SENTINEL

_CLOCKS = {
    "NOW", "TODAY", "CURRENT_DATE", "CURRENT_TIME", "CURRENT_TIMESTAMP", "CURRENT_LOCALTIME",
    "CURRENT_LOCALTIMESTAMP", "LOCALTIME", "LOCALTIMESTAMP", "GET_CURRENT_TIME",
    "GET_CURRENT_TIMESTAMP", "TRANSACTION_TIMESTAMP", "RANDOM", "UUID", "UUIDV4", "UUIDV7",
    "GEN_RANDOM_UUID", "NEXTVAL", "CURRVAL", "SETSEED", "GETENV", "AGE", "AGO", "TXID_CURRENT",
    "CURRENT_TRANSACTION_ID", "CURRENT_CONNECTION_ID", "CURRENT_QUERY_ID", "CURRENT_QUERY",
    "CURRENT_SETTING", "CURRENT_DATABASE", "CURRENT_CATALOG", "CURRENT_SCHEMAS",
    "PG_POSTMASTER_START_TIME", "PG_CONF_LOAD_TIME", "DUCKDB_SETTINGS",
}  # fmt: skip
_BARE_CLOCKS = {
    "CURRENT_DATE", "CURRENT_TIME", "CURRENT_TIMESTAMP", "LOCALTIME", "LOCALTIMESTAMP",
}  # fmt: skip
_SAMPLES = {"SAMPLE", "TABLESAMPLE"}
_QUOTED = ("STRING", "IDENTIFIER")
_READERS = {
    "READ_PARQUET", "PARQUET_SCAN", "READ_CSV", "READ_CSV_AUTO", "READ_JSON", "READ_JSON_AUTO",
    "READ_JSON_OBJECTS", "READ_NDJSON", "READ_NDJSON_AUTO", "READ_NDJSON_OBJECTS", "READ_TEXT",
    "READ_BLOB", "READ_XLSX", "GLOB", "SNIFF_CSV", "PARQUET_METADATA", "PARQUET_SCHEMA",
}  # fmt: skip


class Cut:
    """A file cut into statements; `asked` are the texts that DuckDB is to parse.

    Behind the file's own text stand the `macros` of the catalog that it calls, which run first.

    Raises:
        SqlFileError: no query, two queries, or a statement nomad does not run.
    """

    def __init__(self, rendered: str, *, path: str, table: str, macros: Sequence[str] = ()) -> None:
        self.text, self.path, self.table = "\n;\n".join((rendered, *macros)), path, table
        self.given = len(macros)
        self.statements = split(self.text, path=path, table=table, given=self.given)
        self.query = _only_query(self.statements, path)
        self.asked = [wanted(x) for s in self.statements for x in s.selects]


def parse(rendered: str, *, path: str, table: str, opinion: Opinion = no_opinion) -> SqlFile:
    """Take a rendered file apart; `opinion` is how DuckDB parses queries.

    Raises:
        SqlFileError: no query, two queries, a syntax error, a statement nomad does not run, or
            something that hides what it reads.
    """
    cut = Cut(rendered, path=path, table=table)
    return finish(cut, opinion(cut.asked), opinion=opinion)


def finish(cut: Cut, answers: Sequence[object], *, opinion: Opinion) -> SqlFile:
    """Put a file together, once DuckDB has answered.

    Raises:
        SqlFileError: a syntax error, or something that hides what it reads.
    """
    file = _Looked(cut, opinion)
    file.look(answers)
    if file.dated:
        again = Cut(file.without_dates(), path=cut.path, table=cut.table)
        again.given = cut.given
        return finish(again, opinion(again.asked), opinion=opinion)
    own = len(cut.statements) - cut.given
    statements, query = (*cut.statements[own:], *cut.statements[:own]), cut.query
    setup = tuple(s for s in statements if s.kind in ("setup", "session"))
    given = {_made(s) for s in cut.statements[own:]} - {None}
    part = file.parts[id(query)][0]
    _refuse_miscount(query, part.outputs, cut)
    return SqlFile(
        path=cut.path,
        description=_description(cut.text),
        setup=(
            *(s.text for s in setup[: cut.given]),
            *(replacing(s.text) if _made(s) in given else s.text for s in setup[cut.given :]),
        ),
        query=_shaped(query),
        line=query.line,
        refs=tuple(file.references()),
        partitioned=any(SENTINEL in t.text for s in statements for t in s.tokens)
        or any(SENTINEL in s.text for s in statements),
        volatile=_volatile(s.tokens for s in statements) or file.changing(),
        exclusive=any(s.kind == "session" for s in setup),
        sql_hash=_hash(cut.statements),
        outputs=query.columns or part.outputs,
        ordered=part.ordered,
        same_day=not setup and not query.columns and part.same_day,
        listed=query.columns,
    )


def _made(statement: Statement) -> tuple[str, str] | None:
    """Give the schema and the name of the macro that a statement makes."""
    schema, name = name_of(statement.tokens)
    return (schema.lower(), name.lower()) if name else None


def _only_query(statements: Sequence[Statement], path: str) -> Statement:
    if not statements:
        raise SqlFileError("the file is empty", where=path, hint="write one SELECT")
    queries = [s for s in statements if s.kind == "query"]
    if not queries:
        raise SqlFileError("the file has no query", where=path, hint="write one SELECT")
    if len(queries) > 1:
        raise SqlFileError(
            "the file has two queries",
            where=f"{path}:{queries[1].line}",
            hint="keep one; put the other into a file of its own, or into a CREATE TEMP TABLE",
        )
    return queries[0]


class _Looked:
    """A file's queries as both parsers see them, by statement."""

    def __init__(self, cut: Cut, opinion: Opinion) -> None:
        self._cut, self._opinion = cut, opinion
        self._macros = {name_of(s.tokens)[1].lower() for s in cut.statements} - {""}
        self.parts: dict[int, list[Part]] = {}

    def look(self, answers: Sequence[object]) -> None:
        """Have the queries looked at, and those in the text of `query('…')`."""
        left = iter(answers)
        for s in self._cut.statements:
            found = [self._part(x, next(left), s.line, self._cut.text) for x in s.selects]
            self.parts[id(s)] = [*found, *chain.from_iterable(map(self._within, found))]

    def _part(self, select: Select, answer: object, line: int, text: str) -> Part:
        path = self._cut.path
        return look(select, answer, text=text, path=path, line=line, opinion=self._opinion)

    def _within(self, part: Part) -> Iterator[Part]:
        for call in part.calls:
            text = text_of(call, where=part.where)
            if text is None:
                continue
            select = Select(text, tuple(tokenized(text, part.where)), 0)
            inner = self._part(select, self._opinion([wanted(select)])[0], part.line, text)
            if dated := self._dated(inner):
                raise hidden(dated[0], part.where)
            yield inner
            yield from self._within(inner)

    @property
    def dated(self) -> bool:
        """Whether some `x_dt('…')` is called, and is no macro of the file's own."""
        return any(self._dated(p) for parts in self.parts.values() for p in parts)

    def _dated(self, part: Part) -> list[Call]:
        return [c for c in part.calls if is_of_one_date(c, self._macros)]

    def without_dates(self) -> str:
        """Give the file's text with `x_dt('…')` written as a query of `x`."""
        edits = [
            edit
            for parts in self.parts.values()
            for part in parts
            if (calls := self._dated(part))
            for edit in dated_edits(part.select.tokens, calls, where=part.where)
        ]
        return edited(self._cut.text, edits)

    def references(self) -> Iterator[Ref]:
        """Give what all statements read, each once, less the tables that they make themselves."""
        given: set[str] = set()
        made: set[str] = set()
        for s in self._cut.statements:
            for part in self.parts[id(s)]:
                for ref in (*part.refs, *self._by_functions(part)):
                    own = not ref.schema and ref.name.lower() in made
                    if not own and str(ref).lower() not in given:
                        given.add(str(ref).lower())
                        yield ref
            if s.makes:
                made.add(s.makes.lower())

    def _by_functions(self, part: Part) -> Iterator[Ref]:
        for call in part.calls:
            parameters = part.select.parameters
            yield from tables_of(call, parameters, where=part.where, line=part.line)

    def changing(self) -> str | None:
        """Say why a table function may give other rows by itself, or None."""
        for part in chain.from_iterable(self.parts.values()):
            if reason := _volatile([part.select.tokens]):
                return reason
            for call in part.calls:
                if reason := changing(call, self._macros):
                    return reason
        return None


def _refuse_miscount(query: Statement, outputs: Sequence[str], cut: Cut) -> None:
    if query.columns and outputs and len(outputs) != len(query.columns):
        raise SqlFileError(
            f"{len(query.columns)} columns are named, but the query yields {len(outputs)}",
            where=f"{cut.path}:{query.line}",
            hint="name each column that the query yields",
        )


def _shaped(query: Statement) -> str:
    """Give the query as it can stand in another one, its columns named as listed before it."""
    text = query.text
    if query.tokens[0].text.upper() == "SUMMARIZE":
        text = f"SELECT * FROM ({text})"
    if not query.columns:
        return text
    return f"SELECT * FROM (\n{text}\n) AS _({', '.join(map(quote, query.columns))})"


def _description(text: str) -> str:
    """Read the leading comment, as one paragraph."""
    lines: list[str] = []
    for line in text.lstrip().splitlines():
        if not line.strip().startswith("--"):
            break
        lines.append(line.strip().lstrip("-").strip())
    return " ".join(part for part in lines if part)


def _volatile(statements: Iterable[Sequence[Token]]) -> str | None:
    """Say why a result may change by itself, or None."""
    for tokens in statements:
        following = [*tokens[1:], None]
        for token, after in zip(tokens, following, strict=True):
            if reason := _changes(token, after):
                return reason
    return None


def _changes(token: Token, after: Token | None) -> str | None:
    word, kind = token.text.upper(), token.token_type.name
    called = after is not None and after.text == "(" and kind != "STRING"
    if word in _SAMPLES and kind not in ("STRING", "IDENTIFIER"):
        return "takes a sample"
    if (called and word in _CLOCKS) or (word in _BARE_CLOCKS and kind not in _QUOTED):
        return f"calls {token.text.lower()}"
    if called and word in _READERS:
        return f"reads files directly with {token.text.lower()}"
    return None


def _hash(statements: Iterable[Statement]) -> str:
    """Digest the tokens: a comment or a blank changes nothing, anything else does.

    The date stands as the sentinel: a partition is only ever compared with itself.
    """
    return digest(
        *(digest(*(f"{t.token_type.name}:{t.text}" for t in s.tokens)) for s in statements)
    )
