"""A LIMIT counts the rows that its own query yields, whatever is joined to them."""

from __future__ import annotations

import pytest

LOWEST = 20
JOINED = (500, 501, 502)
VALUES = range(400_000, 0, -1)  # the lowest ones are read last, when the keys are known

FIRST = f"select * from ods.ods_v order by v limit {LOWEST}"
QUERIES = {
    "a subquery": f"select count(*) as n from ({FIRST}) x join ods.ods_c c on x.v = c.d",
    "a CTE": f"with x as ({FIRST}) select count(*) as n from x join ods.ods_c c on x.v = c.d",
    "IN": f"select count(*) as n from ({FIRST}) x where v in (select d from ods.ods_c)",
    "FETCH": f"select count(*) as n from ({FIRST.replace('limit', 'fetch first')} rows only) x"
    " join ods.ods_c c on x.v = c.d",
    "a comment": f"select count(*) as n /* :) */ from ({FIRST}) x join ods.ods_c c on x.v = c.d",
}
MACRO = f"create macro q_first() as table {FIRST};\n"
VIEW = "create temp view x as " + FIRST + ";\n"
JOIN = "select count(*) as n from {} x join ods.ods_c c on x.v = c.d"


def expected() -> int:
    """Count the joined rows as plain Python does."""
    return sum(v in JOINED for v in sorted(VALUES)[:LOWEST])


@pytest.fixture
def wide(empty):
    empty.write("nomad.yaml", "layers: [ods, q]\ntimezone: UTC\nnaming: free\n")
    empty.write("sql/ods/ods_v.sql", f"select range as i, {len(VALUES)} - range as v"
                f" from range({len(VALUES)})")  # fmt: skip
    empty.write("sql/ods/ods_c.sql", f"select unnest({list(JOINED)}) as d")
    assert empty("run").code == 0
    return empty


@pytest.mark.parametrize("query", QUERIES.values(), ids=QUERIES)
def test_a_question_joins_the_rows_of_a_limit(wide, query):
    """They are those that Python finds, not those that have a partner."""
    assert [[expected()]] == wide.rows(query)


@pytest.mark.parametrize("query", [*QUERIES.values(), MACRO + JOIN.format("q_first()"),
                                   VIEW + JOIN.format("x")])  # fmt: skip
def test_a_table_joins_the_rows_of_a_limit(wide, query):
    """What is published is what Python finds."""
    wide.write("sql/q/t.sql", "set threads = 4;\n" + query)  # by one, it reads them in order

    answer = wide("run", "t")

    assert answer.code == 0, answer.err
    assert [[expected()]] == wide.rows("select n from q.t")


def test_a_check_joins_the_rows_of_a_limit(wide):
    """It finds no row where there is none."""
    wide.write("sql/q/t.sql", "select * from ods.ods_v")
    first = "select * from q.t order by v limit 20"
    wide.write("sql/checks/t__low.sql", f"from ({first}) x join ods.ods_c c on x.v = c.d")

    assert wide("run", "t").code == 0
    assert wide("check", "t").code == 0


def test_a_macro_of_the_catalog_may_have_a_limit(wide):
    """A question that calls it joins its rows as they are."""
    wide.write("catalog/migrations/0001_first.sql", f"create macro first_rows() as table {FIRST};")

    assert [[expected()]] == wide.rows(JOIN.format("first_rows()"))
