"""Dates that only `lookback` adds: what a source doesn't have yet is no step, and no failure."""

from __future__ import annotations

import pytest
from test_calendar import days

MONTH = """\
select sum(v::int) as v from ods.ods_bars
where dt between date_trunc('month', date '$<PARTITION_DATE>') and '$<PARTITION_DATE>'
"""
BARS = '  bars: {connector: file, path: "in/$<PARTITION_DATE>.csv", lookback: 2 days'
CONFIG = f"""\
layers: [ods, dws]
timezone: UTC
sources:
{BARS}, complete: "count(*) >= 2"}}
"""


def bars(project, *given, rows=2):
    for day in given:
        project.write(f"in/2026-03-{day:02}.csv", "v\n" + "1\n" * rows)


def daily(project, *words):
    words = ("--dt", words[0]) if len(words) == 1 else words
    return project("daily", *words)


def months(project):
    """Give what is published of the month to date, by day: `{3: 4}`."""
    rows = project.rows("select day(dt), v from dws.dws_month order by dt")
    return {int(day): int(v) for day, v in rows}


@pytest.fixture
def month(empty):
    """Bars that come in twos, a table of them, and one of the month to date; two days delivered."""
    empty.write("nomad.yaml", CONFIG)
    empty.write(
        "sql/ods/ods_bars.sql", "select v from raw.bars where dt = date '$<PARTITION_DATE>'"
    )
    empty.write("sql/dws/dws_month.sql", MONTH)
    bars(empty, 1, 2)
    return empty


@pytest.fixture
def half(month):
    """The file of the third day is half there, and its run was waiting."""
    for day in ("2026-03-01", "2026-03-02"):
        assert daily(month, day).code == 0
    bars(month, 3, rows=1)
    assert daily(month, "2026-03-03").code == 5
    bars(month, 4)
    return month


def test_the_very_first_run_is_of_its_date_alone(month):
    """Nothing came of the day before, so there is nothing to look at again."""
    answer = daily(month, "2026-03-01")

    assert answer.code == 0, answer.err
    assert months(month) == {1: 2}


def test_a_date_that_waits_is_not_published_by_the_run_after(half):
    answer = daily(half, "2026-03-04")

    assert answer.code == 0, answer.err
    assert months(half) == {1: 2, 2: 4, 4: 6}


def test_it_is_built_once_its_rows_have_come(half):
    bars(half, 3)

    assert daily(half, "2026-03-04").code == 0
    assert months(half) == {1: 2, 2: 4, 3: 6, 4: 8}


def test_a_range_leaves_out_the_date_that_waits(month):
    bars(month, 3, rows=1)
    bars(month, 4)

    answer = daily(month, "--from", "2026-03-01", "--to", "2026-03-04")

    assert answer.code == 5, answer.err
    assert months(month) == {1: 2, 2: 4, 4: 6}


def test_what_was_published_before_is_corrected_all_the_same(half):
    """A date that the source never had, but was built when it was asked for."""
    (half.root / "in/2026-03-03.csv").unlink()
    half.write("nomad.yaml", CONFIG.replace("lookback: 2 days, ", ""))
    assert half("run", "dws_month", "--from", "2026-03-02", "--to", "2026-03-03").code == 0
    assert months(half) == {1: 2, 2: 4, 3: 4}
    half.write("nomad.yaml", CONFIG.replace("2 days", "3 days"))
    bars(half, 2, rows=3)

    assert daily(half, "2026-03-04").code == 0
    assert months(half) == {1: 2, 2: 5, 3: 5, 4: 7}


def test_of_two_sources_one_that_waits_is_no_failure_of_the_run_after(half):
    other = BARS.replace("bars", "other").replace("in/", "two/")
    half.write("nomad.yaml", f"{CONFIG}{other}}}\n")
    half.write(
        "sql/dws/dws_day.sql",
        "select a.v from ods.ods_bars a, raw.other b"
        " where a.dt = date '$<PARTITION_DATE>' and b.dt = a.dt",
    )
    for day in (3, 4):
        half.write(f"two/2026-03-{day:02}.csv", "v\n1\n")

    answer = daily(half, "2026-03-04")

    assert answer.code == 0, answer.err
    assert half.rows("select distinct day(dt) from dws.dws_day") == [[4]]


def test_a_date_of_the_calendar_that_never_came_is_not_published_by_the_next_run(month):
    month.write("nomad.yaml", f"calendar: days.csv\n{CONFIG}")
    days(month, *(f"2026-03-0{n}" for n in range(1, 10)))
    assert daily(month, "2026-03-02").code == 0
    assert daily(month, "2026-03-03").code == 3
    bars(month, 4)

    answer = daily(month, "2026-03-04")

    assert answer.code == 0, answer.err
    assert months(month) == {1: 2, 2: 4, 4: 6}


def test_a_calendar_that_is_short_for_a_night_makes_no_table_of_a_weekend(month):
    """Beyond its end each date is due; the seventh and the eighth are a weekend."""
    month.write("nomad.yaml", f"calendar: days.csv\n{CONFIG.replace('2 days', '4 days')}")
    days(month, *(f"2026-03-0{n}" for n in range(1, 7)))
    bars(month, 6, 9)
    assert daily(month, "2026-03-06").code == 0

    assert daily(month, "2026-03-09").code == 0
    assert months(month) == {6: 2, 9: 4}


def test_a_contract_adds_no_date_that_no_source_has(month):
    month.write("nomad.yaml", CONFIG.replace("lookback: 2 days, ", ""))
    month.write("sql/dws/dws_month.yml", "lookback: 3\n")

    answer = daily(month, "2026-03-02")

    assert answer.code == 0, answer.err
    assert months(month) == {2: 2}


def test_what_comes_seldom_and_is_read_as_of_a_date_holds_nothing_back(month):
    """A list of names that has no date of its own for each day: the latest one counts."""
    month.write(
        "nomad.yaml", f'{CONFIG}  names: {{connector: file, path: "n/$<PARTITION_DATE>.csv"}}\n'
    )
    month.write(
        "sql/dws/dws_named.sql",
        "select a.v, (select max(n) from raw.names where dt <= date '$<PARTITION_DATE>') as n"
        " from ods.ods_bars a where a.dt = date '$<PARTITION_DATE>'",
    )
    month.write("n/2026-03-01.csv", "n\nx\n")
    assert daily(month, "2026-03-01").code == 0
    bars(month, 2, rows=1)
    assert month("extract", "bars", "--dt", "2026-03-02").code == 5
    bars(month, 2, 3)

    assert month("extract", "bars", "--dt", "2026-03-03").code == 0
    assert month("run", "--dt", "2026-03-03").code == 0
    found = month.rows("select distinct day(dt) from dws.dws_named order by 1")
    assert found == [[1], [2], [3]]
