"""What is not ready yet is waited for: exit 5, named, and tried again; it is no failure."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

import nomad
from conftest import CONFIG, chain
from nomad.errors import Late
from nomad.workspace import Workspace

DT = ("--dt", "2024-01-03")
RANGE = ("--from", "2024-01-02", "--to", "2024-01-03")


@pytest.fixture
def clock(monkeypatch):
    """Set the clock, by the time in Shanghai."""

    def at(text):
        now = datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("Asia/Shanghai"))
        monkeypatch.setattr(Workspace, "now", lambda _: now.astimezone(ZoneInfo("UTC")))

    return at


def configured(project, ready, more=""):
    text = CONFIG.replace("UTC", "Asia/Shanghai")
    project.write("nomad.yaml", text.replace('.csv"', f'.csv", ready_after: {ready}') + more)


@pytest.fixture
def late(project, clock):
    """The chain, whose source is due in the afternoon; it is noon of the second day."""
    configured(project, '"16:30"')
    clock("2024-01-03T12:00")
    return project


def test_a_date_is_not_asked_for_before_its_time(late):
    answer = late("extract", *DT, "-o", "json")

    assert answer.code == 5
    assert answer.statuses() == {"raw.price 2024-01-03": "waiting"}
    assert answer.reasons() == {"raw.price 2024-01-03": "not before 2024-01-03 16:30"}
    assert not (late.lake / "raw").exists()


@pytest.mark.parametrize(
    ("ready", "early", "due"),
    [
        ('"16:30"', "2024-01-03T16:29:59", "2024-01-03T16:30:00"),
        ("16:30", "2024-01-03T16:29:59", "2024-01-03T16:30:00"),
        ('"1 day 09:00"', "2024-01-04T08:59:59", "2024-01-04T09:00:00"),
        ('"9:05"', "2024-01-03T09:04:00", "2024-01-03T09:05:00"),
        ('"2 days 00:00"', "2024-01-04T23:59:59", "2024-01-05T00:00:00"),
        ('"$<at>"', "2024-01-03T16:29:59", "2024-01-03T16:30:00"),
    ],
)
def test_a_later_run_lands_it(project, clock, ready, early, due):
    configured(project, ready, 'vars: {at: "16:30"}\n')
    clock(early)
    assert project("extract", *DT).code == 5
    clock(due)

    assert project("extract", *DT).code == 0
    assert project.rows("select count(*) from raw.price") == [[2]]


def test_force_asks_all_the_same(late):
    assert late("extract", *DT, "--force").code == 0
    assert late.rows("select count(*) from raw.price") == [[2]]


def test_past_dates_of_a_range_land_and_the_date_is_named(late):
    answer = late("extract", *RANGE)

    assert answer.code == 5
    assert "waiting    raw.price" in answer.out
    assert "not before 2024-01-03 16:30" in answer.out
    assert late.rows("select distinct dt::varchar from raw.price") == [["2024-01-02"]]


def test_where_no_line_is_written_it_is_said_all_the_same(late):
    answer = late("extract", *DT, "--quiet")

    assert answer.code == 5
    assert (answer.out, answer.err) == (
        "", "waiting: raw.price 2024-01-03: not before 2024-01-03 16:30\n"
    )  # fmt: skip


def test_what_needs_it_waits_and_does_not_fail(late):
    """Daily ends with 5; the next one builds all."""
    answer = late("daily", *DT)

    assert answer.code == 5, answer.err
    assert "which waits: not before 2024-01-03 16:30" in answer.out
    assert "failed" not in answer.out + answer.err
    run = late("run", *DT, "-o", "json")
    assert run.code == 5
    assert run.statuses() == {
        "ods.ods_price 2024-01-03": "waiting",
        "dwd.dwd_price 2024-01-03": "waiting",
        "dws.dws_price": "waiting",
    }


def test_daily_over_a_range_builds_what_is_there(late):
    answer = late("daily", *RANGE)

    assert answer.code == 5
    assert "not due yet: 2024-01-03" in answer.err
    assert "no source" not in answer.err
    assert late.rows("select dt::varchar from dwd.dwd_price group by all") == [["2024-01-02"]]


def test_once_it_is_due_what_is_missing_is_a_failure(late, clock):
    clock("2024-01-03T17:00")

    answer = late("run", *DT)

    assert answer.code == 1
    assert "raw.price has no dt=2024-01-03" in answer.err


def test_a_failure_beside_it_weighs_more(late):
    late.write(
        "nomad.yaml",
        (late.root / "nomad.yaml").read_text()
        + '  gone: {connector: file, path: "none/$<PARTITION_DATE>.csv"}\n',
    )
    answer = late("extract", *DT)

    assert answer.code == 3


def test_another_time_lands_nothing_anew(late, clock):
    clock("2024-01-04T12:00")
    late("extract", *DT)
    configured(late, '"18:00"')

    answer = late("extract", *DT, "-o", "json")

    assert answer.statuses() == {"raw.price 2024-01-03": "fresh"}


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ("ready_after: 16", "`ready_after` must be a time of the day (got 16): write it like"),
        ('ready_after: "25:00"', "must be a time of the day (got '25:00')"),
        ('ready_after: "tomorrow"', "must be a time of the day"),
        ('ready_after: "16:30", dt: day', "not together with `dt:`"),
        ('ready_after: "16:30", each: file', "not together with `each:`"),
    ],
)
def test_a_wrong_time_is_refused(project, options, told):
    project.write("nomad.yaml", CONFIG.replace('.csv"', f'.csv", {options}'))

    answer = project("extract", *DT)

    assert answer.code == 2
    assert told in answer.err
    assert "nomad.yaml:4" in answer.err


def test_a_source_without_a_date_is_never_late(empty):
    chain(empty)
    empty.write("nomad.yaml", 'sources: {p: {connector: file, path: a.csv, ready_after: "9:00"}}\n')

    answer = empty("extract", "p")

    assert answer.code == 2
    assert "needs a `$<PARTITION_DATE>` in an option" in answer.err


def test_from_python_it_is_late(late):
    with nomad.open(late.root) as warehouse:
        run = warehouse.extract(dt="2024-01-03")

        assert (run.exit_code, [s.status for s in run], run.failed) == (5, ["waiting"], ())
        with pytest.raises(Late, match=r"raw\.price 2024-01-03: not before 2024-01-03 16:30"):
            run.raise_for_failure()
