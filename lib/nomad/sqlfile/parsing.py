"""Takes a rendered file apart: cut into statements by its tokens, parsed for references.

Imported only where a file is not known yet: the parser's library takes longer to load than a warm
project.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlglot import exp
from sqlglot.tokens import Token

from nomad.errors import SqlFileError
from nomad.manifest import digest
from nomad.sqlfile import Opinion, Ref, SqlFile
from nomad.sqlfile.references import compare, created_by, is_ordered, outputs_of, parse_one, read_by
from nomad.sqlfile.same_day import same_day
from nomad.sqlfile.statements import Statement, split
from nomad.sqlfile.variables import SENTINEL

_CLOCKS = {
    "NOW", "TODAY", "CURRENT_DATE", "CURRENT_TIME", "CURRENT_TIMESTAMP", "CURRENT_LOCALTIME",
    "CURRENT_LOCALTIMESTAMP", "LOCALTIME", "LOCALTIMESTAMP", "GET_CURRENT_TIME",
    "GET_CURRENT_TIMESTAMP", "TRANSACTION_TIMESTAMP", "RANDOM", "UUID", "UUIDV4", "UUIDV7",
    "GEN_RANDOM_UUID", "NEXTVAL", "SETSEED", "GETENV", "AGE", "TXID_CURRENT",
    "CURRENT_TRANSACTION_ID", "CURRENT_CONNECTION_ID", "CURRENT_QUERY_ID", "CURRENT_SETTING",
    "PG_POSTMASTER_START_TIME", "DUCKDB_SETTINGS",
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


def parse(rendered: str, *, path: str, table: str, opinion: Opinion = lambda _: None) -> SqlFile:
    """Take a rendered file apart.

    `opinion` is DuckDB's view of which tables a statement reads, which must be the same.

    Raises:
        SqlFileError: no query, two queries, a syntax error, a statement nomad does not run, or a
            second opinion that differs.
    """
    statements = split(rendered, path=path, table=table)
    query = _only_query(statements, path)
    tree = parse_one(query.text, path=path, first_line=query.line)
    setup = tuple(s for s in statements if s.kind in ("setup", "session"))
    return SqlFile(
        path=path,
        description=_description(rendered),
        setup=tuple(s.text for s in setup),
        query=query.text,
        line=query.line,
        refs=_references([s for s in setup if s.kind == "setup"], query, tree, path, opinion),
        partitioned=any(SENTINEL in t.text for s in statements for t in s.tokens)
        or any(SENTINEL in s.text for s in statements),
        volatile=_volatile(statements),
        exclusive=any(s.kind == "session" for s in setup),
        sql_hash=_hash(statements),
        outputs=outputs_of(tree),
        ordered=is_ordered(tree),
        same_day=not setup and same_day(tree),
    )


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


def _references(
    setup: Iterable[Statement], query: Statement, tree: exp.Expr, path: str, opinion: Opinion
) -> tuple[Ref, ...]:
    """List what all statements read, less the temporary tables they make themselves."""
    found: dict[str, Ref] = {}
    made: set[str] = set()
    parsed = [(s, parse_one(s.body or s.text, path=path, first_line=s.line)) for s in setup]
    for statement, parts in (*parsed, (query, tree)):
        refs = read_by(parts, path=path, first_line=statement.line)
        if (theirs := opinion(statement.text)) is not None:
            compare(refs, theirs, where=f"{path}:{statement.line}")
        for ref in refs:
            if ref.schema or ref.name.lower() not in made:
                found.setdefault(str(ref).lower(), ref)
        if statement.makes:
            made.add(statement.makes.lower())
        elif statement is not query and (name := created_by(statement.text, path=path)):
            made.add(name.lower())
    return tuple(found.values())


def _description(text: str) -> str:
    """Read the leading comment, as one paragraph."""
    lines: list[str] = []
    for line in text.lstrip().splitlines():
        if not line.strip().startswith("--"):
            break
        lines.append(line.strip().lstrip("-").strip())
    return " ".join(part for part in lines if part)


def _volatile(statements: Iterable[Statement]) -> str | None:
    """Say why a result may change by itself, or None."""
    for statement in statements:
        following = [*statement.tokens[1:], None]
        for token, after in zip(statement.tokens, following, strict=True):
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
