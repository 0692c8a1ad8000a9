"""References are found or refused, never lost."""

from __future__ import annotations

from pathlib import Path

import pytest

from nomad.engine.duck import Engine, Settings
from nomad.errors import SqlFileError
from nomad.sqlfile import Ref
from nomad.sqlfile.references import compare, parse_one, read_by

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


@pytest.mark.parametrize(("title", "sql", "reads"), shapes(), ids=[s[0] for s in shapes()])
def test_shape(title, sql, reads):
    assert {str(r) for r in read_by(parse_one(sql, path=title), path=title)} == reads


@pytest.mark.parametrize(("title", "sql", "reads"), shapes(), ids=[s[0] for s in shapes()])
def test_duckdb_sees_the_same_where_it_can_tell(session, title, sql, reads):
    theirs = session.table_names(sql)

    compare(
        read_by(parse_one(sql, path=title), path=title),
        theirs if theirs is not None else reads,
        where=title,
    )


def test_a_disagreement_names_what_each_finds():
    with pytest.raises(SqlFileError) as e:
        compare([Ref("a"), Ref("b", "ods")], {"a", '"Two Words".c'}, where="sql/ods/x.sql:3")

    assert str(e.value) == (
        "sql/ods/x.sql:3: which tables this reads is unclear: nomad finds `ods.b` alone,"
        " DuckDB finds `two words.c` alone"
    )
