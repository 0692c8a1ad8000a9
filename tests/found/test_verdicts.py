"""What tests of a contract judge is what they say they judge."""

from __future__ import annotations

import pytest

SAME_DAY = "select symbol from dwd.dwd_price where dt = '$<PARTITION_DATE>' and close < 0"
ALL_DAYS = "select symbol from dwd.dwd_price group by symbol having count(*) > 1"


def test_two_checks_of_one_table_each_see_the_dates_they_ask_for(built):
    """A check of all dates sees all, though another one of the same table asks for its own."""
    built.write("sql/checks/dwd_price__a.sql", SAME_DAY)
    built.write("sql/checks/dwd_price__b.sql", ALL_DAYS)

    answer = built("run", "dwd_price", "--dt", "2024-01-03")

    assert answer.code == 4
    assert "dwd_price__b.sql" in answer.err


COMPARED = {
    "sql/dwd/dwd_price.yml": "tests: [{row_count: {max_change: 50%}}]",
    "sql/checks/dwd_price__b.sql": ALL_DAYS,
}


@pytest.mark.parametrize("path", COMPARED)
def test_a_date_is_compared_with_the_one_before_it_whatever_the_order(built, path):
    """Newest first, the older date comes first all the same, and is there to be compared with."""
    built.write("in/2024-01-03.csv", "symbol,close\nA,1\nB,2\nC,3\nD,4\n")
    days = ("--from", "2024-01-02", "--to", "2024-01-03")
    built("extract", *days)
    built("run", "ods_price", *days)
    built.write(path, COMPARED[path])

    answer = built("backfill", "dwd_price", *days, "--order", "desc", "-o", "json")

    assert answer.statuses() == {
        "dwd.dwd_price 2024-01-02": "published",
        "dwd.dwd_price 2024-01-03": "failed",
    }


def test_a_date_that_is_refused_holds_up_no_later_one(built):
    """What a date is compared with is the latest that is there."""
    for day, rows in (("03", "A,1\n" * 9), ("04", "A,1\nB,1\n")):
        built.write(f"in/2024-01-{day}.csv", f"symbol,close\n{rows}")
    days = ("--from", "2024-01-02", "--to", "2024-01-04")
    built("extract", *days)
    built("run", "ods_price", *days)
    built.write("sql/dwd/dwd_price.yml", COMPARED["sql/dwd/dwd_price.yml"])

    answer = built("run", "dwd_price", *days, "-o", "json")

    assert [s["status"] for s in answer.json["steps"]] == ["published", "failed", "published"]


@pytest.mark.parametrize(
    ("value", "low"), [("[1000, 2000]", 3), ("[1000, 2000]::int[2]", 3), ("map {1000: 2000}", 2)]
)
def test_the_length_of_a_list_is_the_number_of_its_elements(empty, value, low):
    """The letters of its text are not counted, as those of a text are."""
    empty.write("nomad.yaml", "layers: [ods]\n")
    empty.write("sql/ods/ods_x.sql", f"select {value} as v, 'ab' as t")
    tests = (
        "columns:\n  - {name: t, tests: [length: {equal: 2}]}\n  - {name: v, tests: [length: %s]}"
    )
    empty.write("sql/ods/ods_x.yml", tests % f"{{equal: {low - 1}}}")

    assert empty("run", "ods_x").code == 0

    empty.write("sql/ods/ods_x.yml", tests % f"{{min: {low}}}")
    answer = empty("run", "ods_x")

    assert answer.code == 4
    assert "v_length" in answer.err
