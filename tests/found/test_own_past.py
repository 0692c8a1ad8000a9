"""A table that reads its own earlier dates never starts from nothing in silence."""

from __future__ import annotations

import re

import pytest

from conftest import ROOT

DAYS = {"2024-01-04": 4, "2024-01-05": 5, "2024-01-08": 8, "2024-01-09": 9}
"""Thursday, Friday, Monday and Tuesday."""

YESTERDAY = """\
select t.symbol, t.close + coalesce(y.total, 0) as total
from ods.ods_price as t
left join dwd.dwd_total as y
    on t.symbol = y.symbol and y.dt = cast('$<PARTITION_DATE>' as date) - 1
where t.dt = '$<PARTITION_DATE>'
"""


@pytest.fixture
def total(project):
    """A running total over days of which two lie behind a weekend."""
    project.write("sql/dwd/dwd_total.sql", YESTERDAY)
    for day, close in DAYS.items():
        project.write(f"in/{day}.csv", f"symbol,close\nA,{close}\n")
    return project


def both(project, *words: str):
    project("extract", *words)
    return project("run", "+dwd_total", *words)


def totals(project) -> list[list[object]]:
    return project.rows("select dt::varchar, total from dwd.dwd_total order by dt")


def test_a_day_after_one_that_failed_is_not_built_as_if_it_were_the_first(total):
    total.write("in/2024-01-05.csv", "symbol,close\nA,oops\n")
    total.write("in/2024-01-06.csv", "symbol,close\nA,6\n")
    first, second = both(total, "--dt", "2024-01-04"), both(total, "--dt", "2024-01-05")

    third = both(total, "--dt", "2024-01-06")

    assert (first.code, second.code, third.code) == (0, 1, 1)
    assert "dwd.dwd_total has no dt=2024-01-05" in third.err
    assert "nomad run dwd_total --dt 2024-01-05" in third.err
    assert totals(total) == [["2024-01-04", 4]]


def test_a_day_after_a_weekend_is_not_built_as_if_it_were_the_first(total):
    answer = both(total, "--from", "2024-01-04", "--to", "2024-01-09")

    assert answer.code == 1
    assert "dwd.dwd_total has no dt=2024-01-07" in answer.err
    assert totals(total) == [["2024-01-04", 4], ["2024-01-05", 9]]


def test_the_running_total_of_the_docs_goes_on_over_a_weekend(total):
    page = (ROOT / "docs" / "sql.md").read_text(encoding="utf-8")
    example = re.search(r"```sql\n(-- Running total.*?)```", page, re.DOTALL)
    assert example
    total.write(
        "sql/dwd/dwd_price.sql",
        "select symbol, close as volume from ods.ods_price where dt = '$<PARTITION_DATE>'",
    )
    total.write("sql/dwd/dwd_total.sql", example[1])
    total("extract", "--from", "2024-01-04", "--to", "2024-01-09")

    answer = total("run", "+dwd_total", "--from", "2024-01-04", "--to", "2024-01-09")

    assert answer.code == 0, answer.err
    assert [n for _, n in totals(total)] == [4, 9, 17, 26]


@pytest.mark.parametrize(
    "asked",
    [
        "= '$<PARTITION_DATE>'",
        "<= '$<PARTITION_DATE>'",
        "between date '$<PARTITION_DATE>' - 3 and '$<PARTITION_DATE>'",
    ],
)
def test_a_table_that_asks_for_the_date_it_writes_is_refused(total, asked):
    """Nothing of it is there yet: its rows would be gone without a word."""
    total.write(
        "sql/dwd/dwd_total.sql",
        f"select symbol, close from dwd.dwd_total where dt {asked} union all"
        " select symbol, close from ods.ods_price where dt = '$<PARTITION_DATE>'",
    )

    answer = both(total, "--dt", "2024-01-04")

    assert answer.code == 2
    assert "`dwd.dwd_total` reads the partition it writes" in answer.err
    assert "dt < '$<PARTITION_DATE>'" in answer.err


def test_dates_before_its_first_one_are_read_as_empty(total):
    """A query may ask for last week's from its first day on."""
    total.write("sql/dwd/dwd_total.sql", YESTERDAY.replace("- 1", "- 4"))

    answer = both(total, "--from", "2024-01-04", "--to", "2024-01-09")

    assert answer.code == 0, answer.err
    assert [n for _, n in totals(total)] == [4, 5, 12, 14]


def test_a_gap_is_read_as_empty_where_one_says_so(total):
    both(total, "--dt", "2024-01-04")
    total("extract", "--dt", "2024-01-08")

    answer = total("run", "+dwd_total", "--dt", "2024-01-08", "--allow-missing")

    assert answer.code == 0, answer.err
    assert [n for _, n in totals(total)] == [4, 8]
