"""A run is undone as far as it published, whether it could say so or not."""

from __future__ import annotations

import json
import signal
import time

import duckdb
import pytest

from at_call_project import DAYS, RANGE, begun, change
from conftest import Project


@pytest.fixture
def month(project: Project) -> Project:
    """Thirty days, built once."""
    for n, day in enumerate(DAYS):
        project.write(f"in/{day}.csv", f"symbol,close\nA,{n + 1}\nB,{n + 2}\n")
    for command in ("extract", "run"):
        answer = project(command, *RANGE, "-q")
        assert answer.code == 0, answer.err
    return project


def hashes(project):
    return [project.manifest("dwd.dwd_price", day)["content_hash"] for day in DAYS]


def runs(project):
    return [project.manifest("dwd.dwd_price", day)["run_id"] for day in DAYS]


def interrupted(project, *words):
    """Press Ctrl-C while a partition is published, but its step has not ended; give the run."""
    go = project.root / "go"
    going = begun(project, "nomad.lake.publish._mark", 5, go, *words)
    while not (project.root / "go.reached").exists():
        assert going.poll() is None, going.communicate()[0]
        time.sleep(0.01)
    going.send_signal(signal.SIGINT)
    time.sleep(0.5)
    go.touch()
    told, _ = going.communicate()
    assert going.returncode == 130, told
    return max(runs(project))


@pytest.fixture
def broken_off(month):
    """Some of the dates are of a bad run that was interrupted: the project, and the run."""
    change(month, "close > 9")
    return month, interrupted(month, "run", "dwd_price", *RANGE)


def test_what_was_in_flight_at_ctrl_c_is_undone_with_the_rest(month):
    before = hashes(month)
    change(month, "close > 9")
    bad = interrupted(month, "run", "dwd_price", *RANGE)
    published = runs(month).count(bad)
    assert 5 <= published < 30

    done = month("rollback", "--run", bad, "-o", "json")

    assert done.code == 0, done.err
    assert len(done.json["steps"]) == published
    assert hashes(month) == before
    assert bad not in runs(month)
    assert f"run {bad} is undone already" in month("rollback", "--run", bad).err


def test_the_journal_tells_of_what_was_in_flight_at_ctrl_c(broken_off):
    month, bad = broken_off
    (journal,) = month.lake.glob(f"_runs/dt=*/{bad}.jsonl")
    events = [json.loads(line) for line in journal.read_text().splitlines()]
    told = [e["partition_date"] for e in events if e.get("status") == "published"]

    assert sorted(told) == [d for d, run in zip(DAYS, runs(month), strict=True) if run == bad]
    assert events[-1]["event"] == "end"


def test_an_older_nomad_s_journal_of_a_run_that_was_broken_off_is_not_believed(month):
    """It has an end, and lacks what was in flight."""
    before = hashes(month)
    change(month, "close > 9")
    bad = month("run", "dwd_price", *RANGE, "-o", "json").json["run_id"]
    (journal,) = month.lake.glob(f"_runs/dt=*/{bad}.jsonl")
    begin, *steps, _ = journal.read_text().splitlines(keepends=True)
    end = json.dumps({"event": "end", "run_id": bad, "at": "2024-02-01T00:00:00+00:00"}) + "\n"
    journal.write_text("".join([begin, *steps[3:], end]))

    assert month("rollback", "--run", bad).code == 0

    assert hashes(month) == before


def test_a_table_whose_sql_is_gone_is_not_left_out_in_silence(month):
    before = hashes(month)
    change(month, "close > 9")
    bad = month("run", "dwd_price", *RANGE, "-o", "json").json["run_id"]
    (journal,) = month.lake.glob(f"_runs/dt=*/{bad}.jsonl")
    journal.write_bytes(journal.read_bytes().splitlines(keepends=True)[0])
    (month.root / "sql/dwd/dwd_price.sql").unlink()
    (month.root / "sql/dws/dws_price.sql").unlink()

    assert month("rollback", "--run", bad).code == 0

    assert hashes(month) == before


def test_a_killed_run_is_not_said_to_have_published_nothing(month):
    """What it noted last may be older than what it published."""
    change(month, "close > 9")
    begun(month, "nomad.lake.publish._mark", 8, "kill", "run", "dwd_price", *RANGE).communicate()
    dead = max(runs(month))
    asked = f"select published from nomad.runs where run_id = '{dead}'"
    assert month.rows(asked) == [[runs(month).count(dead)]]
    assert month("catalog", "refresh").code == 0

    with duckdb.connect(str(month.root / "catalog/catalog.duckdb"), read_only=True) as con:
        told = con.execute(asked).fetchall()

    assert told == [(runs(month).count(dead),)]
    assert runs(month).count(dead) >= 8
