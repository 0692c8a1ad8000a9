"""References are found or refused, never lost."""

from __future__ import annotations

from pathlib import Path

import pytest

from nomad.engine.instance import Engine, Settings
from nomad.sqlfile.calls import tables_of
from nomad.sqlfile.file import SqlFile
from nomad.sqlfile.parsing import parse
from nomad.sqlfile.parts import wanted
from nomad.sqlfile.select import Select
from nomad.sqlfile.serialized import Seen, seen
from nomad.sqlfile.tokens import tokenized

PATH = "sql/ods/ods_x.sql"
GOLDEN = Path(__file__).parent / "golden" / "references"


def shapes() -> list[tuple[str, str, set[str]]]:
    found = []
    for path in sorted(GOLDEN.glob("*.sql")):
        for block in path.read_text(encoding="utf-8").split("-- title: ")[1:]:
            title, reads, sql = block.split("\n", 2)
            names = reads.removeprefix("-- reads:").split(",")
            found.append((title, sql.strip().rstrip(";"), {n.strip() for n in names if n.strip()}))
    return found


@pytest.fixture(scope="module")
def session():
    with Engine(Settings(threads=1)).session() as session:
        yield session


def parsed(session, sql: str) -> SqlFile:
    return parse(sql, path=PATH, table="ods_x", opinion=session.parsed)


@pytest.mark.parametrize(("title", "sql", "reads"), shapes(), ids=[s[0] for s in shapes()])
def test_shape(session, title, sql, reads):  # noqa: ARG001
    """Two parsers find what a query reads, and no more than that."""
    assert {str(r) for r in parsed(session, sql).refs} == reads


@pytest.mark.parametrize(("title", "sql", "reads"), shapes(), ids=[s[0] for s in shapes()])
def test_each_parser_by_itself_finds_the_same(session, title, sql, reads):
    tokens = tuple(tokenized(sql, title))
    select = Select(sql, tokens, 0)
    theirs = seen(session.parsed([wanted(select)])[0])

    assert isinstance(theirs, Seen)
    functions = {str(r) for c in theirs.calls for r in tables_of(c, where=title, line=1)}
    assert {".".join(filter(None, t[:3])) for t in theirs.tables} | functions == reads
    assert {str(r) for r in parse(sql, path=PATH, table="ods_x").refs} == reads
