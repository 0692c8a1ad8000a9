"""`nomad.backfill_progress`: how each date and each part of a source ended, from the journal."""

from __future__ import annotations

import json
import shutil

import duckdb
import pytest

from conftest import CONFIG, Project

DAYS = ("--from", "2024-01-01", "--to", "2024-01-04")
PROGRESS = "select part, status, attempts, rows from nomad.backfill_progress order by all"


def fetches(project):
    """The fetches that the journals tell of."""
    lines = [
        json.loads(line)
        for path in sorted((project.lake / "_runs").rglob("*.jsonl"))
        for line in path.read_text().splitlines()
    ]
    return [e for e in lines if e["event"] == "fetch"]


@pytest.fixture
def some(project):
    """Of four days two are there, one has no file and one a broken one."""
    project.write("in/2024-01-04.csv", 'symbol,close\nA,"1\n')
    project("extract", *DAYS)
    return project


def test_each_date_is_there_with_how_it_ended(some):
    assert some.rows(PROGRESS) == [
        ["2024-01-01", "missing", 1, None],
        ["2024-01-02", "done", 1, 2],
        ["2024-01-03", "done", 1, 2],
        ["2024-01-04", "failed", 1, None],
    ]
    columns = "source, dt::varchar, updated_at > now() - interval 1 hour"
    ((source, dt, recent),) = some.rows(
        f"select {columns} from nomad.backfill_progress where last_error like '%2024-01-04.csv%'"
    )
    assert (source, dt, recent) == ("price", "2024-01-04", True)


def test_the_last_attempt_counts(some):
    some.write("in/2024-01-04.csv", "symbol,close\nA,1\n")
    (some.root / "in/2024-01-02.csv").unlink()
    some("extract", *DAYS)

    assert some.rows(PROGRESS) == [
        ["2024-01-01", "missing", 2, None],
        ["2024-01-02", "missing", 2, 2],
        ["2024-01-03", "done", 2, 2],
        ["2024-01-04", "done", 2, 1],
    ]
    assert some.rows("select count(last_error) from nomad.backfill_progress") == [[2]]


def test_what_is_published_is_done_though_its_journal_is_gone(some):
    shutil.rmtree(some.lake / "_runs")

    assert some.rows(PROGRESS) == [["2024-01-02", "done", 0, 2], ["2024-01-03", "done", 0, 2]]


def test_what_is_gone_since_is_missing_again(some):
    shutil.rmtree(some.lake / "raw/price/dt=2024-01-02")

    assert ["2024-01-02", "missing", 1, 2] in some.rows(PROGRESS)


def test_a_date_that_waits_was_not_attempted(project):
    text = CONFIG.replace('.csv"', '.csv", ready_after: "300 days 16:30"')
    project.write("nomad.yaml", text)
    project.write("in/2199-12-31.csv", "symbol,close\nA,1\n")
    project("extract", "--dt", "2199-12-31")

    query = "select part, status, attempts, last_error from nomad.backfill_progress"
    ((part, status, attempts, error),) = project.rows(query)
    assert (part, status, attempts) == ("2199-12-31", "waiting", 0)
    assert error == "not before 2200-10-27 16:30"


def test_the_runs_count_a_failed_date_once(some):
    assert some.rows("select published, failed from nomad.runs") == [[2, 1]]


def test_no_secret_is_in_an_error(project, monkeypatch):
    monkeypatch.setenv("PW", "hunter2hunter2")
    project.write(
        "nomad.yaml",
        "layers: [ods, dwd, dws]\nsources:\n  price: {connector: file, retries: 0,"
        ' path: "http://127.0.0.1:9/$<PARTITION_DATE>.csv?token=${PW}"}\n',
    )
    project("extract", "--dt", "2024-01-02")

    ((error,),) = project.rows("select last_error from nomad.backfill_progress")
    assert "***" in error
    assert "hunter2" not in json.dumps(fetches(project))


# In parts ----------------------------------------------------------------------------------------


@pytest.fixture
def parts(tmp_path):
    project = Project(tmp_path)
    project.write(
        "nomad.yaml",
        "layers: [ods]\nsources:\n"
        "  p: {connector: file, path: in/$<EACH>.csv, each: [A, B, C], dt: day, key: code}\n",
    )
    for name in "AC":
        project.write(f"in/{name}.csv", f"code,day\n{name},2024-01-02\n")
    project("extract")
    return project


def test_each_part_is_there_with_how_it_ended(parts):
    """A date that was cut of them is none of them."""
    assert parts.rows(PROGRESS) == [["A", "done", 1, 1], ["B", "missing", 1, None],
                                    ["C", "done", 1, 1]]  # fmt: skip


def test_a_part_without_anything_new_keeps_its_rows(parts):
    parts.write("in/B.csv", "code,day\nB1,2024-01-02\nB2,2024-01-03\n")
    parts("extract")

    assert parts.rows(PROGRESS) == [["A", "done", 2, 1], ["B", "done", 2, 2], ["C", "done", 2, 1]]


def test_a_source_that_is_whole_is_one(empty):
    empty.write("nomad.yaml", "sources: {a: {connector: file, path: a.csv}}\n")
    empty.write("a.csv", "x\n1\n")
    empty("extract")

    assert empty.rows(PROGRESS) == [["all", "done", 1, 1]]


def test_what_a_killed_run_published_is_done_though_it_had_failed_before(some):
    """Its journal was to be written at the next second."""
    some.write("in/2024-01-04.csv", "symbol,close\nA,1\n")
    some("extract", "--dt", "2024-01-04")
    last = max((some.lake / "_runs").rglob("*.jsonl"))
    last.write_text(last.read_text().splitlines()[0] + "\n")

    query = "select status, rows, last_error from nomad.backfill_progress where part = '2024-01-04'"
    assert some.rows(query) == [["done", 1, None]]


def test_the_catalog_tells_of_a_date_that_is_missing(some):
    """It is renewed though nothing was published."""
    some("extract", "--dt", "2024-01-07")

    with duckdb.connect(str(some.root / "catalog/catalog.duckdb"), read_only=True) as con:
        query = "select status from nomad.backfill_progress where part = '2024-01-07'"
        assert con.execute(query).fetchall() == [("missing",)]


# By what a source is fetched now -----------------------------------------------------------------


def configured(project, source):
    project.write("nomad.yaml", f"layers: [ods]\nsources: {{{source}}}\n")


def test_dates_are_told_of_a_source_that_was_in_parts_before(tmp_path):
    project = Project(tmp_path)
    project.write("in/2024-01-02.csv", "code,day\nA,2024-01-02\n")
    configured(project, 'p: {connector: file, path: "in/*.csv", each: file, dt: day}')
    project("extract")
    configured(project, 'p: {connector: file, path: "in/$<PARTITION_DATE>.csv"}')
    words = ("--dt", "2024-01-02")
    assert project("extract", *words, "--force").code == 0

    assert [row[:2] for row in project.rows(PROGRESS)] == [["2024-01-02", "done"]]
    assert "nothing to do" in project("extract", *words, "--only", "missing").err


BOTH = (
    'd: {connector: file, path: "in/$<PARTITION_DATE>.csv"}, w: {connector: file, path: in/A.csv},'
    " p: {connector: file, path: in/$<EACH>.csv, each: [A], dt: day, key: k}"
)


@pytest.fixture
def both(tmp_path):
    """A source by date, one that is whole and one in parts."""
    project = Project(tmp_path)
    for name in ("A", "2024-01-02"):
        project.write(f"in/{name}.csv", "k,day\nA,2024-01-02\n")
    project.write("sql/ods/ods_x.sql", "select 1 as x")
    configured(project, BOTH)
    assert project("extract", "--dt", "2024-01-02").code == 0
    return project


STATUSES = "select source, part, status from nomad.backfill_progress order by all"


def test_a_source_that_is_gone_is_not_told_of_and_once_it_is_back_its_data_is_missing(both):
    configured(both, "")
    assert both.rows(STATUSES) == []
    assert both("gc", "--orphans", "--yes").code == 0

    configured(both, BOTH)

    assert both.rows(STATUSES) == [["d", "2024-01-02", "missing"], ["p", "A", "missing"],
                                   ["w", "all", "missing"]]  # fmt: skip
    assert both("extract", "--dt", "2024-01-02", "--only", "failed,missing").code == 0
    assert [status for *_, status in both.rows(STATUSES)] == ["done"] * 3
    assert both.rows("select count(*) from raw.w union all select count(*) from raw.p") == [[1]] * 2


def test_a_catalog_knows_of_a_source_that_came_or_went(both):
    both("catalog", "refresh")
    configured(both, "")
    both("catalog", "refresh")

    with duckdb.connect(str(both.root / "catalog/catalog.duckdb"), read_only=True) as con:
        assert con.execute(STATUSES).fetchall() == []


def test_without_journals_all_of_a_source_is_one(both):
    shutil.rmtree(both.lake / "_runs")

    assert both.rows(STATUSES) == [["d", "2024-01-02", "done"], ["p", "all", "done"],
                                   ["w", "all", "done"]]  # fmt: skip


def test_a_date_that_lookback_adds_and_that_never_came_is_not_asked_for_for_ever(project):
    """It had failed when the run looked at it first."""
    project.write("nomad.yaml", CONFIG.replace('.csv"', '.csv", lookback: 2'))
    project.write("in/2024-01-02.csv", 'symbol,close\nA,"1\n')
    project("extract", "--dt", "2024-01-03")
    (project.root / "in/2024-01-02.csv").unlink()
    assert project("extract", "--dt", "2024-01-03").code == 0

    query = "select part, status, last_error from nomad.backfill_progress order by all"
    ((day, status, error), (_, done, _)) = project.rows(query)
    assert (day, status, done) == ("2024-01-02", "missing", "done")
    assert "2024-01-02.csv" in error
    project.write("in/2024-01-03.csv", "symbol,close\nA,7\n")
    answer = project("extract", "--dt", "2024-01-03", "--only", "failed,missing")
    assert "nothing to do" in answer.err
    assert answer.code == 0
