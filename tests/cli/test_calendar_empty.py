"""A calendar whose table is empty for a night: all goes on, each date is due, and it is told."""

from __future__ import annotations

import pytest
from test_calendar import deliver

CONFIG = """\
layers: [dim, ods]
timezone: UTC
naming: free
calendar: {}
sources:
  cal: {{connector: file, path: cal.csv}}
  price: {{connector: file, path: "in/$<PARTITION_DATE>.csv"}}
"""
TOLD = "nomad.yaml:4: the calendar {} holds no date: each date is due"
MENDED = "try: `nomad daily` lands and builds it again, once its source brings dates"
OPEN = ("2024-01-04", "2024-01-05", "2024-01-08", "2024-01-09", "2024-01-10")
SAID = {
    "dim.cal": "`dim.cal`",
    "raw.cal": "`raw.cal`",
    "select day from dim.cal where day > '2000-01-01'": "of a query",
}


def deliver_calendar(project, *given):
    project.write("cal.csv", "\n".join(["day", *given]) + "\n")


def daily(project, day):
    return project("daily", "--dt", f"2024-01-{day:02}", "-q")


@pytest.fixture(params=SAID, ids=list(SAID.values()))
def said(request):
    return request.param


@pytest.fixture
def night(empty, said):
    """A project whose calendar was built with dates, then without: that night's own answer, too."""
    empty.write("nomad.yaml", CONFIG.format(said))
    empty.write("sql/dim/cal.sql", "select day::date as day from raw.cal")
    empty.write("sql/ods/price.sql", "select * from raw.price where dt = date '$<PARTITION_DATE>'")
    deliver(empty, *OPEN)
    deliver_calendar(empty, *OPEN)
    assert daily(empty, 4).code == 0
    deliver_calendar(empty)
    return empty, daily(empty, 5)


def test_its_night_tells_of_it_and_the_next_one_builds_it_again(night, said):
    project, answer = night
    told = TOLD.format(SAID[said])
    assert answer.code == 0, answer.err
    assert answer.err.count(told) == 1
    assert MENDED in answer.err
    deliver_calendar(project, *OPEN)

    answer = daily(project, 8)

    assert answer.code == 0, answer.err
    assert answer.err.count(told) == 1
    assert [str(r[0]) for r in project.rows("select dt from ods.price order by dt")] == [*OPEN[:3]]
    after = project("daily", "--dt", "2024-01-06")
    assert (after.code, "not in the calendar: nothing due" in after.err) == (0, True)
    assert told not in after.err


@pytest.mark.parametrize("said", ["dim.cal"])
def test_until_then_each_date_is_due_with_a_warning(night, said):
    project, _ = night
    for code, *words in (
        (0, "extract", "price", "--dt", "2024-01-08"),
        (3, "extract", "--dt", "2024-01-06"),
        (0, "plan", "--dt", "2024-01-05"),
        (0, "status", "--dt", "2024-01-05"),
        (0, "backfill", "--from", "2024-01-04", "--to", "2024-01-06"),
    ):
        answer = project(*words)

        assert answer.code == code, answer.err
        assert answer.err.count(TOLD.format(SAID[said])) == 1
