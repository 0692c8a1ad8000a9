"""Macros that a migration makes are called in SQL files and questions as in the catalog."""

from __future__ import annotations

import pytest

MACROS = """\
-- What all tables share.
create macro doubled(x) as 2 * x;
create macro quadrupled(x) as doubled(doubled(x));
create macro dwd.latest(d) as table select * from dwd.dwd_price where dt = d;
create macro gone(x) as x;
drop macro gone;
create macro median(x) as 'not duckdb''s';
create macro "one more"(x) as x + 1;
create macro one(x) as table select x as c;
create macro other(x) as table select c from one(x);
"""


@pytest.fixture
def shared(built):
    built.write("catalog/migrations/0001_shared.sql", MACROS)
    assert built("catalog", "migrate").code == 0
    return built


CALLS = [
    ("select quadrupled(close) as c from dwd.latest('2024-01-03')", [[12], [16]]),
    ("with x as (select doubled(3) as c) from x", [[6]]),
    ("create macro doubled(x) as 3 * x; select doubled(1) as c", [[3]]),
    ("select median(c) as c from (values (1), (3)) _(c)", [[2.0]]),
    ("-- create macro doubled(x), it says\nselect doubled(1) as c", [[2]]),
    ("select doubled(1) as c where 'create macro doubled' <> ''", [[2]]),
    ("create macro doubled(x) as 3 * x; select quadrupled(1) as c", [[9]]),
    ("create macro if not exists doubled(x) as 3 * x; select quadrupled(1) as c", [[9]]),
    ("create temp macro doubled(x) as 3 * x; select quadrupled(1) as c", [[9]]),
    ("create macro one(x) as table select 5 as c; from other(1)", [[5]]),
    ('select "one more"(1) as c', [[2]]),
]


def test_tables_call_them(shared):
    """One of its own, or DuckDB's, of the same name comes first, also where one of theirs calls it.

    Words of a comment or a text make none.
    """
    for n, (sql, _) in enumerate(CALLS):
        shared.write(f"sql/dws/dws_m{n}.sql", f"-- It calls macros.\n{sql} -- so it does")

    answer = shared("run", "dws")

    assert answer.code == 0, answer.err
    found = [sorted(shared.rows(f"from dws.dws_m{n}")) for n in range(len(CALLS))]
    assert found == [rows for _, rows in CALLS]


def test_a_check_calls_them_as_a_table_does(shared):
    """Also of a table that has one of its own of that name; each check has its own of them."""
    shared.write("sql/dws/dws_m.sql", "create macro doubled(x) as 3 * x; select doubled(1) as c")
    shared.write("sql/checks/dws_m__large.sql", "from dws.dws_m where doubled(c) > 6")
    fine = shared("run", "dws_m")
    shared.write("sql/checks/dws_m__read.sql", "from dws.dws_m where quadrupled(c) = 12")

    refused = shared("run", "dws_m")

    assert fine.code == 0, fine.err
    assert refused.code == 4, refused.err
    assert "1 row found" in refused.err
    assert "large" not in refused.err
    assert shared("check", "dws_m").code == 4

    shared.write("sql/checks/dws_m__read.sql", "create macro f(x) as x; from dws.dws_m where f(c)")
    assert "a check is one SELECT, without statements before it" in shared("ls").err


def test_what_a_macro_reads_is_an_input_of_the_table(shared):
    shared.write("sql/dws/dws_m.sql", "select close from dwd.latest('2024-01-03')")

    listed = {t["name"]: t["inputs"] for t in shared("ls", "-o", "json").json["tables"]}

    assert listed["dws.dws_m"] == ["dwd.dwd_price"]


def test_a_new_definition_makes_the_tables_that_call_it_stale(shared):
    shared.write("sql/dws/dws_m.sql", "select doubled(1) as c")
    shared.write("sql/dws/dws_n.sql", "select 1 as c")
    assert shared("run", "dws_m", "dws_n").code == 0
    shared.write("catalog/migrations/0002_more.sql", "create or replace macro doubled(x) as 3 * x;")

    steps = shared("plan", "dws_m", "dws_n", "-o", "json").statuses()

    assert steps == {"dws.dws_m": "build", "dws.dws_n": "fresh"}
    assert shared("run", "dws_m").code == 0
    assert shared.rows("from dws.dws_m") == [[3]]


def test_one_that_others_call_may_be_replaced_later(shared):
    """The others then call the new one, as in the catalog; so does what the new one calls."""
    new = "create macro thrice(x) as 3 * x; create or replace macro doubled(x) as thrice(x);"
    shared.write("catalog/migrations/0002_more.sql", new)
    shared.write("sql/dws/dws_m.sql", "select quadrupled(1) as c")
    shared.write("sql/checks/dws_m__c.sql", "from dws.dws_m where quadrupled(c) <> 81")

    answer = shared("run", "dws_m")

    assert answer.code == 0, answer.err
    assert shared.rows("select c, quadrupled(c) from dws.dws_m") == [[9, 81]]


def test_a_question_calls_them(shared):
    query = "select sum(quadrupled(close)) from dwd.latest('2024-01-02')"

    assert shared.rows(query) == [[12]]


def test_a_question_for_a_view_of_a_migration_is_told_where_that_is(empty):
    empty.write("nomad.yaml", "{}")
    empty.write("catalog/migrations/0001_a.sql", "create schema r; create view r.sv as select 1 a;")

    assert "`nomad catalog connect`" in empty("sql", "from r.sv").err
    assert "`nomad catalog connect`" not in empty("sql", "from r.sw").err


def test_a_syntax_error_is_on_its_line_in_the_file(shared):
    shared.write("sql/dws/dws_m.sql", "select doubled(1) as c\n  cast(2 as int) as b")

    assert "sql/dws/dws_m.sql:2:3: syntax error" in shared("ls").err
