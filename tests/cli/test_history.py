"""Past versions: listed, and published again."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager

import pytest

from conftest import ROOT, chain, kept

DAYS = [f"2024-01-{d:02d}" for d in range(1, 31)]
RANGE = ("--from", DAYS[0], "--to", DAYS[-1])


@kept
def built_month(project):
    chain(project)
    for n, day in enumerate(DAYS):
        project.write(f"in/{day}.csv", f"symbol,close\nA,{n + 1}\nB,{n + 2}\n")
    for command in ("extract", "run"):
        answer = project(command, *RANGE, "-q")
        assert answer.code == 0, answer.err


@pytest.fixture
def month(built_month):
    """Thirty days, built."""
    return built_month()


def hashes(project, table="dwd.dwd_price"):
    return [project.manifest(table, day)["content_hash"] for day in DAYS]


def versions(project, dt="2024-01-02"):
    return project("history", "dwd_price", "--dt", dt, "-o", "json").json["versions"]


def change(project, condition):
    path = project.root / "sql/dwd/dwd_price.sql"
    path.write_text(re.sub(r"close > \d", condition, path.read_text()))


def test_a_bad_backfill_of_thirty_dates_is_undone_in_one_command(month):
    before = hashes(month)
    change(month, "close > 9")
    bad = month("run", "dwd_price", *RANGE, "-o", "json").json["run_id"]
    assert hashes(month) != before

    told = month("rollback", "--run", bad, "--dry-run")
    done = month("rollback", "--run", bad, "-o", "json")

    assert told.out.count(f"from {bad} to ") == 30
    assert done.code == 0, done.err
    assert [s["reason"].startswith("back to ") for s in done.json["steps"]] == [True] * 30
    assert hashes(month) == before
    assert month.rows("select count(*) from dwd.dwd_price") == [[60]]
    assert month("doctor").code == 0, month("doctor").out
    assert [v["state"] for v in versions(month)] == ["published", "kept"]
    assert versions(month)[1]["run_id"] == bad


def test_readers_meanwhile_see_of_each_partition_the_old_or_the_new(month):
    query = "select cast(dt as varchar), count(*), sum(close) from dwd.dwd_price group by dt"
    good = {tuple(r) for r in month.rows(query)}
    change(month, "close > 9")
    run = month("run", "dwd_price", *RANGE, "-o", "json").json["run_id"]
    bad = {tuple(r) for r in month.rows(query)}
    answers = []

    with ThreadPoolExecutor(1) as pool:
        going = pool.submit(month.process, "rollback", "--run", run, "-q")
        while not going.done():
            answers.append({tuple(r) for r in month.rows(query)})
    answers.append({tuple(r) for r in month.rows(query)})

    assert going.result().returncode == 0
    assert answers[-1] == good
    assert len(answers) > 1
    assert all(answer <= good | bad for answer in answers)
    empty_when_bad = {r[0] for r in good} - {r[0] for r in bad}
    assert all({r[0] for r in a} >= {r[0] for r in good} - empty_when_bad for a in answers)


def test_a_run_is_undone_as_a_whole_or_not_at_all(month):
    change(month, "close > 9")
    bad = month("run", "dwd_price", *RANGE, "-o", "json").json["run_id"]
    change(month, "close > 8")
    assert month("run", "dwd_price", "--dt", DAYS[3]).code == 0
    there = hashes(month)

    answer = month("rollback", "--run", bad)

    assert answer.code == 2
    assert f"run {bad} can't be undone as a whole:" in answer.err
    assert f"dwd/dwd_price/dt={DAYS[3]} has moved on to " in answer.err
    assert hashes(month) == there


def test_one_partition_returns_to_a_version_and_forth_again(built):
    first = versions(built)[0]
    change(built, "close > 1")
    assert built("run", "dwd_price", "--dt", "2024-01-02").code == 0
    second = versions(built)[0]

    back = built("rollback", "dwd_price", "--dt", "2024-01-02", "--to", first["run_id"])
    there = versions(built)[0]
    forth = built("rollback", "dwd_price", "--dt", "2024-01-02", "--to", second["run_id"])

    assert (back.code, forth.code) == (0, 0), back.err + forth.err
    assert there["content_hash"] == first["content_hash"] != second["content_hash"]
    assert versions(built)[0]["content_hash"] == second["content_hash"]
    assert built("plan", "dwd_price", "--dt", "2024-01-02", "-o", "json").reasons() == {
        "dwd.dwd_price 2024-01-02": "fresh"
    }
    assert built("doctor").code == 0


def test_to_return_to_the_published_version_is_nothing_to_do(built):
    now = versions(built)[0]["run_id"]

    answer = built("rollback", "dwd_price", "--dt", "2024-01-02", "--to", now)

    assert answer.code == 2
    assert f"{now} is the published version: there is nothing to do" in answer.err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("dwd_price", "--dt", "2024-01-02", "--to", "20200101T000000Z-000000"), "no version"),
        (("dwd_price", "--dt", "2020-01-01", "--to", "20200101T000000Z-000000"), "nothing is"),
        (("--run", "20200101T000000Z-000000"), "no run 20200101T000000Z-000000"),
        (("dwd_price",), "give TABLE, --dt and --to RUN_ID, or --run RUN_ID alone"),
    ],
)
def test_what_is_not_there_can_t_be_returned_to(built, words, told):
    answer = built("rollback", *words)

    assert answer.code == 2
    assert told in answer.err


def test_the_first_version_has_none_before_it(built):
    run = versions(built)[0]["run_id"]

    answer = built("rollback", "--run", run)

    assert answer.code == 2
    assert "has no version before it that is kept" in answer.err


AT_CALL = ROOT / "tests" / "at_call.py"
RETIRE = "nomad.lake.publish.retire"
MOVE = "nomad.store.local.LocalStore.move"


def begun(project, function, nth, what, *words):
    """Start nomad; at the n-th call of a function it dies, or waits for a file."""
    command = [sys.executable, AT_CALL, function, str(nth), str(what), *words]
    environ = {**os.environ, "PYTHONPATH": str(ROOT / "lib")}
    return subprocess.Popen(
        command, cwd=project.root, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )


def killed(project, function, nth, *words):
    """Run nomad until it dies there; give its run's id."""
    done = begun(project, function, nth, "kill", *words)
    told, _ = done.communicate()
    assert done.returncode == -signal.SIGKILL, told
    (scratch,) = [p for p in (project.lake / "_tmp").iterdir() if p.is_dir()]
    return scratch.name


@contextmanager
def waiting(project, function, *words, nth=1):
    """Have nomad wait at a call for as long as the block lasts, then go on to its end."""
    go = project.root / f"go-{words[0]}"
    reached = project.root / f"{go.name}.reached"
    going = begun(project, function, nth, go, *words)
    while not reached.exists():
        assert going.poll() is None, going.communicate()[0]
        time.sleep(0.01)
    try:
        yield
    finally:
        go.touch()
        told, _ = going.communicate()
    assert going.returncode == 0, told


@pytest.mark.parametrize(
    "between", [(), ("doctor", "--fix"), ("gc", "--yes"), ("run", "--dt", DAYS[0])]
)
def test_a_run_killed_before_the_history_is_undone_at_once_and_after_others(month, between):
    before = hashes(month)
    change(month, "close > 9")
    bad = killed(month, RETIRE, 1, "run", "dwd_price", *RANGE)
    assert hashes(month) != before
    assert between == () or month(*between).code == 0

    done = month("rollback", "--run", bad)

    assert done.code == 0, done.err
    assert hashes(month) == before
    assert month("doctor").err == "all is well\n"


def test_what_a_killed_run_superseded_is_listed_and_a_dry_run_changes_nothing(built):
    change(built, "close > 1")
    assert built("run", "dwd_price", "--dt", "2024-01-02").code == 0
    change(built, "close > 2")
    first, second = (v["run_id"] for v in reversed(versions(built)))
    bad = killed(built, RETIRE, 1, "run", "dwd_price", "--dt", "2024-01-02")
    there = sorted(built.lake.rglob("*"))

    listed = [(v["run_id"], v["state"]) for v in versions(built)]
    told = built("rollback", "--run", bad, "--dry-run")
    gone = built("rollback", "dwd_price", "--dt", "2024-01-02", "--to", first, "--dry-run")

    assert listed == [(bad, "published"), (second, "kept")]
    assert told.out == f"dwd.dwd_price 2024-01-02: from {bad} to {second}\n"
    assert gone.code == 2
    assert sorted(built.lake.rglob("*")) == there


@pytest.mark.parametrize("at", ["nomad.workspace.Workspace.refresh_catalog", MOVE])
def test_the_version_a_live_run_supersedes_is_left_to_it(built, at):
    """While its catalog is made, and while the files are on their way to the history."""
    before = versions(built)[0]["run_id"]
    change(built, "close > 1")
    with waiting(built, at, "run", "dwd_price", "--dt", "2024-01-02"):
        found = built("doctor")
        dying = begun(built, "nomad.lake.publish._commit", 1, "kill", "run", "--dt", "2024-01-03")
        dying.communicate()
        for words in (("doctor", "--fix"), ("gc", "--yes"), ("run", "--dt", "2024-01-03")):
            assert built(*words).code == 0

    assert found.err == "all is well\n", found.out
    assert [v["run_id"] for v in versions(built)][1:] == [before]
    assert built("rollback", "dwd_price", "--dt", "2024-01-02", "--to", before).code == 0
    assert built("doctor").err == "all is well\n"


@pytest.mark.parametrize(
    ("what", "function", "nth"),
    [
        ("interrupt", RETIRE, 3),
        ("interrupt", MOVE, 2),
        ("fail", MOVE, 2),
        ("fail", "nomad.workspace.Workspace.refresh_catalog", 0),
    ],
)
def test_a_run_that_ends_badly_leaves_the_rest_to_the_next(month, what, function, nth):
    before = hashes(month)
    change(month, "close > 9")
    begun(month, function, nth, what, "run", "dwd_price", *RANGE).communicate()
    bad = month.manifest("dwd.dwd_price", DAYS[-1])["run_id"]

    assert month("run", "--dt", DAYS[0]).code == 0

    assert list((month.lake / "_tmp").iterdir()) == []
    assert month("doctor").err == "all is well\n"
    assert month("rollback", "--run", bad).code == 0
    assert hashes(month) == before


def test_a_clean_up_that_fails_is_made_up_for_by_the_next(month):
    before = hashes(month)
    change(month, "close > 9")
    bad = killed(month, RETIRE, 1, "run", "dwd_price", *RANGE)
    begun(month, MOVE, 0, "fail", "run", "dwd_price", "--dt", DAYS[0]).communicate()

    assert month("rollback", "--run", bad).code == 0
    assert hashes(month) == before
    assert month("doctor").err == "all is well\n"


def test_raw_data_that_lands_while_the_sql_is_broken_keeps_its_version_before(built):
    before = built.manifest("raw.price", "2024-01-02")["run_id"]
    broken = built.write("sql/ods/broken.sql", "select from where (")
    built.write("in/2024-01-02.csv", "symbol,close\nA,70\n")
    assert built("extract", "--dt", "2024-01-02").code == 0
    broken.unlink()

    assert built("run", "--dt", "2024-01-02").code == 0

    kept = built("history", "raw.price", "--dt", "2024-01-02", "-o", "json").json["versions"]
    assert [v["run_id"] for v in kept][1:] == [before]
    assert built("doctor").err == "all is well\n"


def test_doctor_beside_runs_finds_nothing_amiss(built):
    """One comes and goes between its list and the manifests; one is half-way to the history."""
    force = ("run", "dwd_price", "--dt", "2024-01-02", "--force")
    with waiting(built, "nomad.lake.doctor._manifests", "doctor", nth=7):
        assert built(*force).code == 0
    (built.root / "go-doctor").unlink()
    (built.root / "go-doctor.reached").unlink()
    doctor = waiting(built, "nomad.lake.doctor._manifests", "doctor", "--fix", nth=9)
    with ExitStack() as half_way, doctor:
        assert built(*force).code == 0
        before = versions(built)[0]["run_id"]
        half_way.enter_context(waiting(built, MOVE, *force))

    assert [v["run_id"] for v in versions(built)][1:] == [before]
    assert built("doctor").err == "all is well\n"


def test_a_killed_rollback_goes_on_where_it_stopped(month):
    before = hashes(month)
    change(month, "close > 9")
    bad = month("run", "dwd_price", *RANGE, "-o", "json").json["run_id"]
    killed(month, "nomad.lake.publish._commit", 4, "rollback", "--run", bad)

    done = month("rollback", "--run", bad, "-o", "json")
    again = month("rollback", "--run", bad)

    assert done.code == 0, done.err
    assert len(done.json["steps"]) == 27
    assert hashes(month) == before
    assert again.code == 2
    assert f"run {bad} is undone already" in again.err


def test_a_version_that_lacks_a_file_is_not_returned_to_and_no_other_is(month):
    change(month, "close > 9")
    bad = month("run", "dwd_price", *RANGE, "-o", "json").json["run_id"]
    (file,) = month.lake.glob(f"_history/dwd/dwd_price/dt={DAYS[20]}/*/*.parquet")
    file.unlink()
    there = hashes(month)

    answer = month("rollback", "--run", bad)

    assert answer.code == 2
    assert f"dwd/dwd_price/dt={DAYS[20]} has no version before it that is kept" in answer.err
    assert hashes(month) == there


def test_a_run_that_died_before_it_told_is_undone_as_well(month):
    before = hashes(month)
    change(month, "close > 9")
    bad = month("run", "dwd_price", *RANGE, "-o", "json").json["run_id"]
    (journal,) = month.lake.glob(f"_runs/dt=*/{bad}.jsonl")
    journal.write_bytes(journal.read_bytes().splitlines(keepends=True)[0])

    done = month("rollback", "--run", bad, "-o", "json")

    assert done.code == 0, done.err
    assert hashes(month) == before
