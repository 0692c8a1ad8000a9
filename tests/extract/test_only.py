"""`nomad extract --only` lands what last ended so; `--max-requests` stops, and loses nothing."""

from __future__ import annotations

import pytest

import nomad
from conftest import CONFIG, Project
from web import Reply, serving

DAYS = ("--from", "2024-01-01", "--to", "2024-01-05")


@pytest.fixture(autouse=True)
def hosts(tmp_path, monkeypatch):
    """What is known of hosts lies with the test."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def landed(project, *words):
    answer = project("extract", *words, "-o", "json")
    return answer.code, answer.statuses()


# Only --------------------------------------------------------------------------------------------


@pytest.fixture
def some(project):
    """Of four days two are there, one has no file and one a broken one; a fifth was never tried."""
    project.write("in/2024-01-04.csv", 'symbol,close\nA,"1\n')
    project("extract", "--from", "2024-01-01", "--to", "2024-01-04")
    project.write("in/2024-01-05.csv", "symbol,close\nA,1\n")
    return project


@pytest.mark.parametrize(
    ("only", "dates"),
    [
        ("failed", {"2024-01-04": "failed"}),
        ("missing", {"2024-01-01": "missing", "2024-01-05": "published"}),
        ("done", {"2024-01-02": "fresh", "2024-01-03": "fresh"}),
        ("waiting", {}),
        (
            "failed,missing",
            {"2024-01-01": "missing", "2024-01-04": "failed", "2024-01-05": "published"},
        ),
    ],
)
def test_what_last_ended_so_is_asked_for(some, only, dates):
    _, statuses = landed(some, *DAYS, "--only", only)

    assert statuses == {f"raw.price {day}": status for day, status in dates.items()}


def test_what_is_mended_is_not_asked_for_again(some):
    some.write("in/2024-01-04.csv", "symbol,close\nA,1\n")

    assert landed(some, *DAYS, "--only", "failed") == (0, {"raw.price 2024-01-04": "published"})
    assert landed(some, *DAYS, "--only", "failed") == (0, {})
    answer = some("extract", *DAYS, "--only", "failed")
    assert "nothing to do" in answer.err
    assert "calendar" not in answer.err


def test_what_is_as_it_was_is_named_however_long_the_range(some):
    answer = some("extract", "--from", "2024-01-01", "--to", "2024-03-31", "--only", "done")

    assert "nothing to do, 2 fresh" in answer.err
    assert [line.split()[:3] for line in answer.out.splitlines()] == [
        ["fresh", "raw.price", "2024-01-02"], ["fresh", "raw.price", "2024-01-03"],
    ]  # fmt: skip


def test_what_waited_is_asked_for(project):
    project.write("nomad.yaml", CONFIG.replace('.csv"', '.csv", complete: count(*) > 2'))
    project("extract", "--from", "2024-01-02", "--to", "2024-01-03")
    project.write("in/2024-01-03.csv", "symbol,close\nA,1\nB,2\nC,3\n")

    assert landed(project, *DAYS, "--only", "waiting") == (
        5,
        {"raw.price 2024-01-02": "waiting", "raw.price 2024-01-03": "published"},
    )


def test_a_state_that_there_is_not_is_refused(project):
    answer = project("extract", *DAYS, "--only", "failed,late")

    assert answer.code == 2
    assert "`late` is none of done, failed, waiting, missing" in answer.err


def test_parts_by_their_name(tmp_path):
    project = Project(tmp_path / "p")
    project.write(
        "nomad.yaml",
        "layers: [ods]\nsources:\n"
        "  p: {connector: file, path: in/$<EACH>.csv, each: [A, B], dt: day, key: code}\n",
    )
    project.write("in/A.csv", "code,day\nA,2024-01-02\n")
    project("extract")
    project.write("in/A.csv", "code,day\nA2,2024-01-02\n")
    project.write("in/B.csv", "code,day\nB,2024-01-02\n")

    project("extract", "--only", "missing")

    assert project.rows("select code from raw.p order by all") == [["A"], ["B"]]
    assert project.rows("select part, attempts from nomad.backfill_progress order by all") == [
        ["A", 1], ["B", 2],
    ]  # fmt: skip
    project("extract", "--only", "done")
    assert project.rows("select code from raw.p order by all") == [["A2"], ["B"]]


# So many requests --------------------------------------------------------------------------------


PROGRESS = "select part, status, last_error from nomad.backfill_progress order by all"
ON = ("--only", "failed,missing,waiting")
"""How a run that was stopped goes on, as it says itself."""


@pytest.fixture
def web():
    """Three pages of two rows for each date or code, and an empty one."""

    def page(asked) -> Reply:
        at = int(asked.query["page"])
        ids = range(2 * at - 2, 2 * at) if at <= 3 else ()
        code = asked.query.get("code", "")
        return Reply([{"id": n, "code": code, "day": "2024-01-02"} for n in ids])

    with serving(page) as found:
        yield found


def asking(tmp_path, web, options, more=""):
    project = Project(tmp_path / "p")
    source = f'{{connector: rest, url: "{web.url}/rows", paging: {{type: page}}, {options}}}'
    project.write("nomad.yaml", f"layers: [ods]\nsources:\n  s: {source}\n{more}")
    return project


def test_a_run_stops_after_so_many_and_the_next_goes_on(tmp_path, web):
    """The pages of the date in flight stay; no request is made twice, and no row is doubled."""
    project = asking(tmp_path, web, 'params: {day: "$<PARTITION_DATE>"}')
    words = ("--from", "2024-01-02", "--to", "2024-01-04", "--max-requests", "6")

    code, statuses = landed(project, *words)

    assert len(web.calls) == 6
    assert code == 5
    assert statuses == {"raw.s 2024-01-02": "published", "raw.s 2024-01-03": "waiting"}
    assert project.rows(PROGRESS) == [
        ["2024-01-02", "done", None], ["2024-01-03", "waiting", "stopped after 6 requests"],
        ["2024-01-04", "waiting", "stopped after 6 requests"],
    ]  # fmt: skip
    answer = project("extract", *words, *ON)
    assert answer.code == 0, answer.err
    assert len(web.calls) == 12
    calls = [(c.query["day"], c.query["page"]) for c in web.calls]
    assert len(set(calls)) == 12
    assert project.rows("select dt::varchar, count(*) from raw.s group by all order by all") == [
        ["2024-01-02", 6], ["2024-01-03", 6], ["2024-01-04", 6],
    ]  # fmt: skip


def test_it_says_so(tmp_path, web):
    project = asking(tmp_path, web, 'params: {day: "$<PARTITION_DATE>"}')

    answer = project("extract", "--dt", "2024-01-02", "--max-requests", "1")

    assert answer.code == 5
    told = "stopped after 1 request; run again with `--only failed,missing,waiting` to go on"
    assert told in answer.out
    assert project.rows("select attempts from nomad.backfill_progress") == [[0]]


def test_parts_that_are_whole_are_published(tmp_path, web):
    project = asking(tmp_path, web, "params: {code: $<EACH>}, each: [A, B, C], dt: day")

    code, statuses = landed(project, "--max-requests", "6")

    assert code == 5
    assert statuses == {"raw.s": "waiting", "raw.s 2024-01-02": "published"}
    assert project.rows("select code, count(*) from raw.s group by all") == [["A", 6]]
    assert project.rows(PROGRESS)[1:] == [
        ["B", "waiting", "stopped after 6 requests"], ["C", "waiting", "stopped after 6 requests"],
    ]  # fmt: skip
    assert landed(project, *ON)[0] == 0
    assert project.rows("select code, count(*) from raw.s group by all order by all") == [
        ["A", 6], ["B", 6], ["C", 6],
    ]  # fmt: skip
    assert len(web.calls) == 12


@pytest.fixture
def corrected():
    """A page that the vendor corrects; `version` is what it has by now."""
    version = [1]
    with serving(lambda _: Reply([{"day": "2024-01-02", "v": version[0]}])) as found:
        yield found, version


def test_corrections_that_were_not_reached_come_with_the_next_run(tmp_path, corrected):
    """All had been landed before: they are `done` by then."""
    web, version = corrected
    source = f'{{connector: rest, url: "{web.url}/$<PARTITION_DATE>"}}'
    project = Project(tmp_path / "p")
    project.write("nomad.yaml", f"layers: [ods]\nsources:\n  s: {source}\n")
    words = ("--from", "2024-01-02", "--to", "2024-01-05")
    assert project("extract", *words).code == 0
    version[0] = 2
    assert project("extract", *words, "--max-requests", "2").code == 5

    assert landed(project, *words, "--max-requests", "2", *ON) == (
        0,
        {"raw.s 2024-01-04": "published", "raw.s 2024-01-05": "published"},
    )
    assert project.rows("select distinct v from raw.s") == [[2]]
    assert landed(project, *words, *ON) == (0, {})


def test_so_do_those_of_parts_and_of_sources_after_it(tmp_path, corrected):
    web, version = corrected
    parts = f'{{connector: rest, url: "{web.url}/$<EACH>", each: [A, B, C], dt: day, key: v}}'
    whole = f'{{connector: rest, url: "{web.url}/all"}}'
    project = Project(tmp_path / "p")
    project.write(
        "nomad.yaml", f"layers: [ods]\nsources:\n  a: {parts}\n  b: {parts}\n  c: {whole}\n"
    )
    assert project("extract").code == 0
    version[0] = 2
    assert project("extract", "--max-requests", "1").code == 5
    query = "select source, part from nomad.backfill_progress where status = 'waiting' order by all"
    assert project.rows(query) == [["a", "B"], ["a", "C"], ["b", "A"], ["b", "B"], ["b", "C"],
                                   ["c", "all"]]  # fmt: skip
    asked = len(web.calls)

    assert project("extract", *ON).code == 0

    assert len(web.calls) == asked + 6
    assert project.rows(query) == []
    assert project.rows("select v from raw.b union from (select v from raw.c)") == [[2]]


def test_one_count_for_all_sources(tmp_path, web):
    other = f'  t: {{connector: rest, url: "{web.url}/t", paging: {{type: page}}}}\n'
    project = asking(tmp_path, web, 'params: {day: "$<PARTITION_DATE>"}', other)

    code, statuses = landed(project, "--dt", "2024-01-02", "--max-requests", "5")

    assert len(web.calls) == 5
    assert (code, statuses) == (5, {"raw.s 2024-01-02": "published", "raw.t": "waiting"})


def test_as_many_as_it_takes_is_no_stop(tmp_path, web):
    project = asking(tmp_path, web, 'params: {day: "$<PARTITION_DATE>"}')

    assert landed(project, "--dt", "2024-01-02", "--max-requests", "4")[0] == 0


def test_from_python(some):
    with nomad.open(some.root) as warehouse:
        run = warehouse.extract(dates=("2024-01-01", "2024-01-05"), only=["missing"])

        assert [(s.partition_date.day, s.status) for s in run] == [(1, "missing"), (5, "published")]


def test_a_date_that_is_only_looked_at_again_is_no_end_of_the_count(tmp_path, web):
    """With `lookback` the dates before come first; the run has stopped all the same."""
    project = asking(tmp_path, web, 'params: {day: "$<PARTITION_DATE>"}, lookback: 2')

    code, _ = landed(project, "--dt", "2024-01-03", "--max-requests", "2")

    assert code == 5


def test_of_a_lake_without_anything_all_is_missing(project):
    assert landed(project, "--dt", "2024-01-02", "--only", "missing") == (
        0,
        {"raw.price 2024-01-02": "published"},
    )
