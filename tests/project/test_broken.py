"""A broken file stops its own table and what needs it; all are named at once, all else goes on."""

from __future__ import annotations

import pytest

from conftest import build, chain, kept

ASKING = [
    ("ls",), ("sql", "select 1"), ("sql", "from dws.dws_price"), ("sql", "from ods.ods_bad"),
    ("status",), ("doctor",), ("files", "ods_price", "--dt", "2024-01-02"), ("history", "ods_bad"),
    ("show", "ods_bad"), ("check", "ods_price"), ("quarantine", "list"), ("catalog", "refresh"),
    ("gc",), ("config",), ("extract", "--dt", "2024-01-02"),
]  # fmt: skip


@kept
def spoilt_chain(built):
    build(chain(built))
    built.write("sql/ods/ods_bad.sql", "select 1 as one")
    built.write("sql/dwd/dwd_worse.sql", "select one from ods.ods_bad")
    assert built("run", "ods_bad", "dwd_worse").code == 0
    built.write("sql/ods/ods_bad.sql", "selct 1 as one frm")
    built.write("sql/dws/dws_wrong.sql", "select * from ods.ods_prise")
    built.write("sql/dws/dws_price.yml", "columns: [{name: symbol, tests: [nonesuch]}]")


@pytest.fixture
def spoilt(spoilt_chain):
    """A built project in which files of three tables no longer can be read."""
    return spoilt_chain()


@pytest.mark.parametrize("words", ASKING, ids=" ".join)
def test_who_only_asks_is_told_and_answered(spoilt, words):
    """Also of the broken table: what is published of it is there."""
    answer = spoilt(*words)

    assert answer.code == (1 if words == ("doctor",) else 0), answer.err  # the catalog is behind
    if words[0] not in ("gc", "config"):
        for name in ("ods_bad.sql", "dws_wrong.sql", "dws_price.yml"):
            assert name in answer.err


def test_a_run_builds_all_else_and_exits_2(spoilt):
    """The broken fail, what needs them is blocked, the catalog keeps what was published."""
    answer = spoilt("run", "--dt", "2024-01-02", "--force", "-o", "json")

    assert answer.code == 2
    assert answer.statuses() == {
        "ods.ods_price 2024-01-02": "published",
        "dwd.dwd_price 2024-01-02": "published",
        "ods.ods_bad": "failed",
        "dwd.dwd_worse": "blocked",
        "dws.dws_wrong": "failed",
        "dws.dws_price": "failed",
    }
    assert spoilt.rows("from dwd.dwd_worse") == [[1]]


def test_a_run_of_other_tables_exits_0(spoilt):
    assert spoilt("run", "dwd_price", "--dt", "2024-01-02", "--force").code == 0
    assert spoilt("run", "dwd_worse").code == 0  # its input is published, and fresh


def test_a_plan_says_what_would_fail_and_exits_2(spoilt):
    answer = spoilt("plan", "--dt", "2024-01-02", "-o", "json")

    assert answer.code == 2
    assert answer.reasons()["ods.ods_bad"].startswith("can't be built: sql/ods/ods_bad.sql:1: ")


@pytest.mark.parametrize("path", [
    "sql/ods/.#ods_price.sql", "sql/ods/#ods_price.sql#", "sql/ods/.ods_price.yml",
    "sql/checks/.#ods_price__x.sql",
])  # fmt: skip
def test_what_an_editor_keeps_beside_a_file_is_none(built, path):
    """An Emacs lock is a link to nowhere, there while somebody types."""
    (built.root / path).parent.mkdir(exist_ok=True)
    (built.root / path).symlink_to("someone@somewhere.1234")

    answer = built("run", "--dt", "2024-01-02")

    assert (answer.code, answer.err.count("nomad:")) == (0, 0)


def test_a_file_that_belongs_to_no_table_makes_a_run_of_all_exit_2(built):
    """A name in no layer, a check of no table: the rest is built."""
    built.write("sql/nowhere/x.sql", "select 1")
    built.write("sql/checks/zzz__fact.sql", "select 1")

    answer = built("run", "--dt", "2024-01-02", "--force")

    assert answer.code == 2
    assert "sql/nowhere/x.sql" in answer.err
    assert "sql/checks/zzz__fact.sql" in answer.err
    assert "published  dws.dws_price" in answer.out
    assert built("run", "ods", "--dt", "2024-01-02").code == 0


def test_a_contract_misnamed_keeps_its_table_from_going_untested(built):
    built.write("sql/ods/ods_pric.yml", "columns: [{name: close, tests: [not_null]}]")

    answer = built("run", "ods", "--dt", "2024-01-02", "--force")

    assert answer.code == 2
    assert "sql/ods/ods_pric.yml: a contract without its table" in answer.err


def test_tables_that_need_each_other_stop_no_others(built):
    built.write("sql/ods/ods_one.sql", "select * from ods.ods_two")
    built.write("sql/ods/ods_two.sql", "select * from ods.ods_one")

    answer = built("run", "--dt", "2024-01-02", "--force")

    assert answer.code == 2
    assert answer.err.count("these tables need each other") == 1
    assert "published  dws.dws_price" in answer.out


def test_one_failure_over_many_dates_is_one_line_and_so_is_what_it_blocks(built):
    """758 lines of `blocked` bury the one that matters."""
    built.write("sql/ods/ods_price.sql", "selct $<PARTITION_DATE>")

    answer = built("run", "--from", "2024-01-02", "--to", "2024-03-31")

    assert answer.code == 2
    assert answer.out.count("\n") < 12
    assert "failed     ods.ods_price" in answer.out
    assert "89 more: 2024-01-03 … 2024-03-31" in answer.out


def test_a_file_with_its_ending_in_capitals_is_told_of(built):
    """It is no table, and says what to call it."""
    built.write("sql/ods/ods_x.SQL", "select 1 as a")

    answer = built("ls")

    assert "sql/ods/ods_x.SQL: its ending is `.SQL`, and only `.sql` is read" in answer.err
    assert "rename it to `ods_x.sql`" in answer.err
