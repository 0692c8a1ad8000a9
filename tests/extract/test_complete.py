"""What a source's own condition doesn't find complete isn't published, and is tried again."""

from __future__ import annotations

import pytest

from conftest import CONFIG, Project
from nomad.ingest import completeness

DT = ("--dt", "2024-01-03")
RANGE = ("--from", "2024-01-02", "--to", "2024-01-03")
BEFORE = (
    "count(*) > 0.9 * (select count(*) from raw.price where dt ="
    " (select max(dt) from raw.price where dt < '$<PARTITION_DATE>'))"
)


def conditioned(project, condition, more=""):
    text = f'.csv"\n    complete: {condition!r}'.replace("'", '"') if "'" not in condition else ""
    text = text or f'.csv"\n    complete: "{condition}"'
    head, _, tail = CONFIG.partition('{connector: file, path: "in/$<PARTITION_DATE>.csv"}')
    source = f'\n    connector: file\n    path: "in/$<PARTITION_DATE>{text}'
    project.write("nomad.yaml", f"{head}{source}{tail}{more}")


def landed(project, *words):
    answer = project("extract", *(words or DT), "-o", "json")
    return answer, answer.statuses()


def test_too_few_rows_wait_and_come_with_a_later_run(project):
    """The example of the docs: the first day is held against nothing."""
    conditioned(project, BEFORE)
    project.write("in/2024-01-03.csv", "symbol,close\nA,3\n")

    answer, statuses = landed(project, *RANGE)

    assert answer.code == 5
    assert statuses == {"raw.price 2024-01-02": "published", "raw.price 2024-01-03": "waiting"}
    assert answer.reasons()["raw.price 2024-01-03"].startswith("not complete: count(*) > 0.9 * (")
    assert "'2024-01-03'" in answer.reasons()["raw.price 2024-01-03"]
    assert answer.reasons()["raw.price 2024-01-03"].endswith(" (found 1 > 1.8)")
    assert not (project.lake / "raw/price/dt=2024-01-03/manifest.json").exists()

    project.write("in/2024-01-03.csv", "symbol,close\nA,3\nB,4\n")

    answer, statuses = landed(project)
    assert (answer.code, statuses) == (0, {"raw.price 2024-01-03": "published"})


def test_what_was_published_stays(project):
    conditioned(project, "count(*) > 1")
    landed(project)
    before = project.manifest("raw.price", "2024-01-03")
    project.write("in/2024-01-03.csv", "symbol,close\nA,3\n")

    answer, statuses = landed(project)

    assert (answer.code, statuses) == (5, {"raw.price 2024-01-03": "waiting"})
    assert project.manifest("raw.price", "2024-01-03") == before
    assert project("extract", *DT, "--force").code == 5
    assert project.rows("select count(*) from raw.price") == [[2]]


@pytest.mark.parametrize(
    ("condition", "status"),
    [
        ("count(*) = 2", "published"),
        ("null::boolean", "waiting"),
        ("max(close::int) > 3 -- in cents", "published"),
        ("close::int > 3", "waiting"),
        ("close::int > 2", "published"),
        ("(select count(*) from landed) > 2", "waiting"),
        ("'$<PARTITION_DATE>' = '2024-01-03'", "published"),
        ("count(*) > $<least>", "waiting"),
    ],
)
def test_a_condition_without_an_aggregate_is_to_hold_for_each_row(project, condition, status):
    conditioned(project, condition, "vars: {least: 2}\n")

    answer, statuses = landed(project)

    assert statuses == {"raw.price 2024-01-03": status}, answer.err


@pytest.mark.parametrize(
    ("condition", "told"),
    [
        ("count(*) > 2 and max(close) is not null or min(close) = 'x'", " (found 2 > 2, 3 = x)"),
        ("max(nullif(close, close)) >= 'x' -- none", " (found NULL >= x)"),
        ("close::int > 3", "close::int > 3"),
        ("false", "false"),
    ],
)
def test_it_says_what_it_found(project, condition, told):
    conditioned(project, condition)

    answer, _ = landed(project)

    assert answer.reasons()["raw.price 2024-01-03"].endswith(told)


def test_it_reads_other_tables_as_they_are_published(project):
    project.write("sql/ods/ods_known.sql", "select 'A' as symbol")
    conditioned(project, "count(*) filter (symbol in (from ods.ods_known)) = 1")
    assert project("run", "ods_known", *DT).code == 0

    answer, statuses = landed(project)

    assert (answer.code, statuses) == (0, {"raw.price 2024-01-03": "published"})


def test_a_table_that_was_never_published_is_named(project):
    project.write("sql/ods/ods_known.sql", "select 'A' as symbol")
    conditioned(project, "count(*) > (select count(*) from ods.ods_known)")

    answer = project("extract", *DT)

    assert answer.code == 1
    assert "nomad.yaml:5: source `price`: `complete`: ods.ods_known was never publ" in answer.err
    assert "nomad run ods_known" in answer.err


@pytest.mark.parametrize(
    ("condition", "told"),
    [
        ("count(*) >", "syntax error"),
        ("max(clsoe) > 1", "clsoe"),
        ("count(*)", "gives BIGINT, not true or false"),
        ("count(*) > (select count(*) from ods.gone)", 'Table with name "ods.gone" does not exist'),
        ("true) from landed; drop table x; select (true", "more than one query"),
    ],
)
def test_what_is_no_condition_is_refused(project, condition, told):
    conditioned(project, condition)

    answer = project("extract", *DT)

    assert answer.code == 2
    assert "nomad.yaml:5: source `price`: `complete`: " in answer.err
    assert told in answer.err
    assert not (project.lake / "raw/price").exists()


def test_a_value_that_can_not_be_computed_fails_the_date(project):
    conditioned(project, "max(symbol::int) > 1")

    answer = project("extract", *DT)

    assert answer.code == 1
    assert "nomad.yaml:5: " in answer.err
    assert "Could not convert string" in answer.err


def test_a_source_that_lands_whole_has_no_date_for_it(empty):
    empty.write("a.csv", "x\n1\n")
    text = 'sources:\n  a: {{connector: file, path: a.csv, complete: "{}"}}\nlayers: [ods]\n'
    empty.write("nomad.yaml", text.format("count(*) > 1"))
    assert empty("extract").code == 5
    empty.write("nomad.yaml", text.format("'$<PARTITION_DATE>' > '2024'"))

    answer = empty("extract")

    assert answer.code == 2
    assert "`complete`: has no date to put there" in answer.err


# In parts ----------------------------------------------------------------------------------------


@pytest.fixture
def parts(tmp_path):
    """Files of two stocks, cut by date: a date is complete with both."""
    project = Project(tmp_path)
    project.write(
        "nomad.yaml",
        "layers: [ods]\nsources:\n  p: {connector: file, path: 'in/*.csv', each: file, dt: day,"
        " key: [code, day], complete: count(*) = 2}\n",
    )
    project.write("in/A.csv", "code,day\nA,2024-01-02\nA,2024-01-03\n")
    project.write("in/B.csv", "code,day\nB,2024-01-02\n")
    return project


def test_each_date_that_is_cut_is_asked(parts):
    answer, statuses = landed(parts)

    assert answer.code == 5
    assert statuses == {"raw.p 2024-01-02": "published", "raw.p 2024-01-03": "waiting"}
    assert parts.rows("select code, dt::varchar from raw.p order by all") == [
        ["A", "2024-01-02"], ["B", "2024-01-02"],
    ]  # fmt: skip


def test_a_date_that_was_incomplete_is_asked_again_though_nothing_came(parts):
    landed(parts)
    again, statuses = landed(parts)
    assert (again.code, statuses) == (5, {"raw.p 2024-01-03": "waiting"})
    parts.write("in/B.csv", "code,day\nB,2024-01-02\nB,2024-01-03\n")

    answer, statuses = landed(parts)

    assert (answer.code, statuses) == (0, {"raw.p 2024-01-03": "published"})
    assert parts.rows("select count(*) from raw.p") == [[4]]
    assert landed(parts)[1] == {"raw.p": "fresh"}


PROGRESS = "select part, status, last_error, rows from nomad.backfill_progress order by all"


def test_a_date_that_waits_is_told_and_completed_by_what_asks_for_what_waits(parts):
    """No part is waiting: each may have what the date lacks."""
    landed(parts)
    ((all_of_it, done, *_), (day, waiting, why, _)) = sorted(parts.rows(PROGRESS), reverse=True)
    assert (all_of_it, done, day, waiting) == ("all", "done", "2024-01-03", "waiting")
    assert why.startswith("not complete: count(*) = 2")
    parts.write("in/B.csv", "code,day\nB,2024-01-02\nB,2024-01-03\n")
    assert landed(parts, "--only", "failed,missing")[1] == {"raw.p 2024-01-03": "waiting"}

    answer, statuses = landed(parts, "--only", "failed,missing,waiting")

    assert (answer.code, statuses) == (0, {"raw.p 2024-01-03": "published"})
    assert [row[:2] for row in parts.rows(PROGRESS)] == [["all", "done"]]


def test_a_row_that_moves_to_a_date_that_waits_is_not_lost(parts):
    """Of key `code`, the row leaves the date that is published only when its own is."""
    landed(parts)
    text = (parts.root / "nomad.yaml").read_text().replace("[code, day]", "[code]")
    parts.write("nomad.yaml", text.replace("count(*) = 2", "count(*) < 2"))

    landed(parts)
    parts.write("nomad.yaml", text.replace("count(*) = 2", "count(*) > 0"))
    landed(parts)

    assert parts.rows("select code, dt::varchar from raw.p order by all") == [
        ["A", "2024-01-03"], ["B", "2024-01-02"],
    ]  # fmt: skip


# What needs it -----------------------------------------------------------------------------------


def test_what_needs_it_waits_until_it_is_complete(project):
    conditioned(project, "count(*) > 2")

    answer = project("daily", *DT)

    assert answer.code == 5, answer.err
    assert "needs raw.price dt=2024-01-03, which waits: not complete: count(*) > 2" in answer.out
    assert "failed" not in answer.out + answer.err
    assert project("run", *DT).code == 5
    project.write("in/2024-01-03.csv", "symbol,close\nA,3\nB,4\nC,5\n")
    assert project("daily", *DT).code == 0
    assert project.rows("select count(*) from dwd.dwd_price") == [[3]]


def test_a_version_before_is_read_meanwhile(project):
    assert project("daily", *DT).code == 0
    conditioned(project, "count(*) > 2")
    project.write("in/2024-01-03.csv", "symbol,close\nA,3\n")

    answer = project("daily", *DT)

    assert answer.code == 5
    assert project.rows("select count(*) from dwd.dwd_price") == [[2]]


# The rows before ---------------------------------------------------------------------------------

FEWER = "count(*) >= (select count(*) from previous)"


def test_previous_is_the_latest_earlier_date(project):
    """Not the day before, nor one that is later; before any, it is empty, with the same columns."""
    conditioned(project, FEWER + " and (select count(close) + count(dt) from previous) >= 0")
    project.write("in/2024-01-08.csv", "symbol,close\nA,3\nB,4\nC,5\n")
    project.write("in/2024-01-05.csv", "symbol,close\nA,3\n")

    assert landed(project, "--dt", "2024-01-08")[1] == {"raw.price 2024-01-08": "published"}
    assert landed(project, "--dt", "2024-01-02")[1] == {"raw.price 2024-01-02": "published"}
    assert landed(project, "--dt", "2024-01-05")[1] == {"raw.price 2024-01-05": "waiting"}


def test_previous_is_what_has_just_landed(project):
    conditioned(project, FEWER)
    project.write("in/2024-01-03.csv", "symbol,close\nA,3\n")

    _, statuses = landed(project, *RANGE)

    assert statuses == {"raw.price 2024-01-02": "published", "raw.price 2024-01-03": "waiting"}


def test_previous_of_what_lands_whole_is_what_is_published(empty):
    text = f'sources:\n  a: {{connector: file, path: a.csv, complete: "{FEWER}"}}\nlayers: [ods]\n'
    empty.write("nomad.yaml", text)
    empty.write("a.csv", "x\n1\n2\n")
    assert empty("extract").code == 0
    empty.write("a.csv", "x\n1\n")

    assert empty("extract").code == 5
    assert empty.rows("select count(*) from raw.a") == [[2]]


def test_a_version_that_was_replaced_meanwhile_is_read_anew(project, monkeypatch):
    """Another run publishes a date between the look at it and the question."""
    conditioned(project, FEWER)
    landed(project, "--dt", "2024-01-02")
    project.write("in/2024-01-02.csv", "symbol,close\nA,1\nB,2\nC,3\n")
    asked = []

    def replaced(_, query):
        if not asked:
            asked.append(query)
            answer = project("extract", "--dt", "2024-01-02", "--force", "-q")
            assert answer.code == 0, answer.err

    monkeypatch.setattr(completeness, "refuse_writing", replaced)

    answer, statuses = landed(project)

    assert statuses == {"raw.price 2024-01-03": "waiting"}, answer.out
