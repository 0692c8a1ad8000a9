"""Tables by date that read all partitions of an input are named, with the reason."""

from __future__ import annotations

import pytest

READ_ALL = {
    "no filter": ("select symbol from ods.ods_price where symbol <> '$<PARTITION_DATE>'",
                  "nothing in it bounds `dt`"),
    "a window": (
        "select * from (select symbol, dt, lag(close) over (partition by symbol order by dt) as l"
        " from ods.ods_price) where dt = '$<PARTITION_DATE>'",
        "no filter on `dt` comes through a window over dates",
    ),
    "distinct on": (
        "select * from (select distinct on (symbol) symbol, dt from ods.ods_price"
        " order by symbol, dt) where dt = '$<PARTITION_DATE>'",
        "no filter on `dt` comes through `distinct on`",
    ),
    "the latest day": (
        "select symbol from ods.ods_price where dt = (select max(dt) from ods.ods_price)"
        " and symbol <> '$<PARTITION_DATE>'",
        "no filter on `dt` comes through a comparison of `dt` with a subquery",
    ),
    "a pivot of all": (
        "pivot (select symbol, close from ods.ods_price where symbol <> '$<PARTITION_DATE>')"
        " on symbol using sum(close)",
        "nothing in it bounds `dt`",
    ),
    "a clock": (
        "select symbol, now() as t from ods.ods_price where dt = '$<PARTITION_DATE>'",
        "it calls now, so its filters are not asked for",
    ),
}  # fmt: skip


@pytest.mark.parametrize("title", READ_ALL)
def test_a_table_by_date_that_reads_all_of_an_input_is_named_by_ls_and_plan(built, title):
    query, why = READ_ALL[title]
    built.write("sql/dws/dws_all.sql", query)
    told = f"dws.dws_all reads every partition of ods.ods_price: {why}\n"

    listed = built("ls", "dws_all", "-o", "json").json["tables"][0]

    assert listed["full_scans"] == [{"input": "ods.ods_price", "why": why}]
    assert told in built("ls").err
    assert told in built("plan", "--dt", "2024-01-02").err


def test_tables_that_read_their_date_or_have_none_are_not_named(built):
    """A full table reads all: that is what it is for."""
    built.write(
        "sql/dws/dws_week.sql",
        "select symbol from ods.ods_price where dt between date '$<PARTITION_DATE>' - 6"
        " and '$<PARTITION_DATE>'",
    )

    assert all(t["full_scans"] == [] for t in built("ls", "-o", "json").json["tables"])
    assert built("ls").err == ""
    assert "reads every" not in built("plan", "--dt", "2024-01-02").err


@pytest.mark.parametrize("query", ["select nope from {}", "select symbol from {} and nope > 3"])
def test_of_a_query_that_does_not_fit_its_inputs_nothing_is_said(built, query):
    """What it would read nobody knows; `nomad lint` and the run say what is wrong."""
    source = "ods.ods_price where dt = '$<PARTITION_DATE>'"
    built.write("sql/dws/dws_all.sql", query.format(source))

    for words in (("ls",), ("plan", "--dt", "2024-01-02"), ("lint",)):
        answer = built(*words)
        assert "reads every" not in answer.out + answer.err


def test_what_reads_all_is_remembered_without_lake_or_engine(built):
    built.write("sql/dws/dws_all.sql", READ_ALL["no filter"][0])
    built("ls")
    (built.lake).rename(built.root / "away")

    assert "dws.dws_all reads every partition" in built("ls").err


def test_before_anything_is_extracted_nothing_is_named(project):
    project.write("sql/dws/dws_all.sql", READ_ALL["no filter"][0])

    assert project("ls").err == ""
