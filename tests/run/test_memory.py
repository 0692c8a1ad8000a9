"""Out of memory, and much data under a low limit: done with less, or told; nothing is left."""

from __future__ import annotations

import errno
import json
import time
from threading import Lock

import duckdb
import pytest

from nomad.engine.instance import Engine, Settings
from nomad.engine.machine import cores
from nomad.errors import DiskFull, LakeError, NomadError, NoRoom, OutOfMemory
from nomad.files import translated
from nomad.names import TableName
from nomad.plan.steps import Plan, Step
from nomad.run.result import NO_ROOM, Outcome, Result, shortage
from nomad.run.runners.threads import Threads
from nomad.run.scheduler import Scheduler

CONFIG = """\
layers: [ods, dws]
naming: free
timezone: UTC
engine: {memory_limit: %s, jobs: 2}
sources:
  n: {connector: file, path: in/n.parquet}
"""

LONG = "select sum(length(s)) as n from raw.n"
"""A thread takes some 136 MB to read a column of long texts: it unpacks a whole page of them."""

CONTRACT = """\
tests:
  - name: much_at_once
    expression: i < (select len(list(j)) from range(9000000) as t(j))
"""


@pytest.fixture
def texts(empty):
    """A project whose one source has half a million texts, in parts that threads can share."""

    def make(limit: str, **tables: str):
        empty.write("nomad.yaml", CONFIG % "4GB")  # every value is read as it lands
        for name, sql in tables.items():
            empty.write(f"sql/ods/{name}.sql", sql)
        path = empty.write("in/n.parquet", "")
        with Engine(Settings(allowed=(path.parent,))).session() as session:
            rows = "SELECT i, repeat(md5(CAST(i AS VARCHAR)), 12) AS s FROM range(500000) AS t(i)"
            session.execute(f"COPY ({rows}) TO '{path}' (FORMAT parquet, COMPRESSION zstd)")
        assert empty("extract").code == 0
        empty.write("nomad.yaml", CONFIG % limit)
        return empty

    return make


def journal(project):
    *_, last = sorted((project.lake / "_runs").rglob("*.jsonl"))
    lines = [json.loads(line) for line in last.read_text(encoding="utf-8").splitlines()]
    return {x["table"]: x for x in lines if x["event"] == "step"}


def scratch(project):
    return list((project.lake / "_tmp").iterdir())


def test_what_is_too_much_for_two_threads_is_done_by_one(texts, monkeypatch):
    monkeypatch.setattr("nomad.engine.instance.cores", lambda: 2)
    project = texts("200MB", long=LONG, small="select i from raw.n")

    answer = project("run", "--output", "json")

    assert answer.code == 0, answer.err
    steps = journal(project)
    assert steps["ods.long"]["retried"] == "out of memory"
    assert steps["ods.small"]["retried"] is None
    assert answer.reasons()["ods.long"] == "never built; retried alone: out of memory"
    assert project.rows("from ods.long") == [[500_000 * 12 * 32]]
    assert scratch(project) == []


def test_what_a_file_sets_is_overruled_when_it_is_tried_again(texts):
    query = "select sum(length(s)) as n, current_setting('threads') as threads from raw.n"
    project = texts("400MB", long=f"set threads = 4; {query}")

    answer = project("run")

    assert answer.code == 0, answer.err
    assert journal(project)["ods.long"]["retried"] == "out of memory"
    assert project.rows("select threads from ods.long") == [[1]]
    with duckdb.connect(str(project.root / "catalog/catalog.duckdb"), read_only=True) as catalog:
        told = "select retried from nomad.tasks where table_name = 'ods.long'"
        assert catalog.execute(told).fetchall() == [("out of memory",)]


def test_what_is_too_much_for_one_thread_fails_and_leaves_nothing(texts):
    project = texts("60MB", long=LONG, small="select i from raw.n", above="from ods.long")

    answer = project("run", "-v")

    assert answer.code == 1
    assert "sql/ods/long.sql: out of memory: failed to allocate" in answer.err
    assert "alone and with one thread, too" in answer.err
    assert "try: raise `engine.memory_limit`" in answer.err
    assert "retried alone: out of memory" in answer.out
    steps = journal(project)
    assert steps["ods.long"]["retried"] == "out of memory"
    assert steps["ods.above"]["status"] == "blocked"
    assert steps["ods.small"]["status"] == "published"
    assert not (project.lake / "ods/long").exists()
    assert scratch(project) == []


def test_a_test_that_lacks_memory_is_not_told_as_a_wrong_test(texts):
    project = texts("60MB", small="select i from raw.n")
    project.write("sql/ods/small.yml", CONTRACT)

    answer = project("run")

    assert answer.code == 1
    assert "out of memory" in answer.err
    assert "can't run" not in answer.err
    assert journal(project)["ods.small"]["retried"] == "out of memory"
    assert scratch(project) == []


def test_a_source_that_takes_too_much_memory_is_not_told_as_malformed(texts):
    project = texts("200MB")
    project.write("nomad.yaml", (CONFIG % "10MB").replace("in/n.parquet", "in/n.json"))
    project.write("in/n.json", '{"i": 1}\n')

    answer = project("extract")

    assert answer.code == 1
    assert "out of memory" in answer.err
    assert "fix the file" not in answer.err
    assert journal(project)["raw.n"]["retried"] == "out of memory"
    assert scratch(project) == []


FULL = NoRoom("the lake can't be used")


class Steps:
    """Steps that run short at the first try; tells how many others ran beside each second one."""

    def __init__(self, short: set[str], error: NomadError, *, hopeless: bool = False) -> None:
        self.short, self.error, self.running, self.beside = short, error, 0, {}
        self.hopeless = hopeless
        self._lock = Lock()

    def act(self, task):
        step, again = task
        with self._lock:
            self.running += 1
        time.sleep(0.02)
        name = step.table.name
        with self._lock:
            if again:
                self.beside[name] = self.running - 1
            self.running -= 1
        if name in self.short and (self.hopeless or not again):
            return Outcome(Result(step.table, None, "failed", "", error=self.error))
        return Outcome(Result(step.table, None, "published", ""))


def end(step, bad):
    return Outcome(Result(step.table, None, "blocked" if bad else "fresh", ""))


def walk(plan, steps, most, *, fail_fast=False):
    """Walk a plan; give the scheduler, and the ends in the order in which they came."""
    scheduler = Scheduler(plan, Threads(steps.act, most, interrupt=lambda: None), end, most)
    return scheduler, [o.result for o in scheduler.outcomes(fail_fast=fail_fast)]


@pytest.mark.parametrize("error", [OutOfMemory("out of memory"), DiskFull("full"), FULL])
def test_a_second_try_is_alone_and_all_else_goes_on_after_it(error):
    names = [TableName("ods", f"t{i}") for i in range(12)]
    above = Step(TableName("dws", "above"), None, "build", "", needs=((names[3], None),))
    steps = (*(Step(n, None, "build", "") for n in names), above)
    worker = Steps({"t1", "t3", "t4"}, error)

    scheduler, results = walk(Plan(steps), worker, 3)
    told = [r.table.name for r in results]

    assert worker.beside == {"t1": 0, "t3": 0, "t4": 0}
    assert sorted(told) == sorted(s.table.name for s in steps)
    assert {r.status for r in scheduler.ended.values()} == {"published"}
    assert told.index("above") > told.index("t3")


def test_steps_with_nothing_to_do_are_no_company():
    fresh = [Step(TableName("ods", f"t{i}"), None, "fresh", "fresh") for i in range(4)]
    worker = Steps({"t9"}, FULL)

    _, results = walk(Plan((*fresh, Step(TableName("ods", "t9"), None, "build", ""))), worker, 3)
    told = [r.status for r in results]

    assert told == ["fresh"] * 4 + ["failed"]
    assert worker.beside == {}


def test_after_the_first_failure_nothing_is_tried_again():
    """Two run short side by side; the first is tried alone and fails: that ends it for both."""
    names = [TableName("ods", f"t{i}") for i in range(5)]
    worker = Steps({"t0", "t1"}, FULL, hopeless=True)

    plan = Plan(tuple(Step(n, None, "build", "") for n in names))
    _, results = walk(plan, worker, 2, fail_fast=True)
    told = {r.table.name: r.status for r in results}

    assert len(worker.beside) == 1
    assert told == {
        "t0": "failed",
        "t1": "failed",
        "t2": "blocked",
        "t3": "blocked",
        "t4": "blocked",
    }


@pytest.mark.parametrize(("error", "tries"), [(OutOfMemory("out of memory"), 2), (FULL, 1)])
def test_a_disk_that_was_full_without_others_is_not_tried_again(error, tries):
    table = TableName("ods", "t")
    worker = Steps({"t"}, error)

    _, (result,) = walk(Plan((Step(table, None, "build", ""),)), worker, 3)

    assert (result.status == "failed") == (tries == 1)
    assert len(worker.beside) == tries - 1


def test_instances_side_by_side_share_one_limit():
    def limits(session):
        told = "current_setting('memory_limit'), current_setting('threads')"
        return session.execute(f"SELECT {told}")[0]

    engine = Engine(Settings("800MiB", threads=0, shares=2))
    with engine.session() as one, engine.session(exclusive=True) as other:
        assert limits(one) == limits(other) == ("400.0 MiB", max(1, cores() // 2))
    with engine.session(lean=True) as alone:
        assert limits(alone) == ("800.0 MiB", 1)
    with engine.session() as again:
        assert limits(again)[0] == "400.0 MiB"
    engine.close()


@pytest.mark.parametrize(("number", "retried"), [(errno.ENOSPC, NO_ROOM), (errno.EACCES, None)])
def test_a_full_disk_is_known_in_any_language(number, retried):
    with pytest.raises(LakeError) as e, translated("ods/t"):
        raise OSError(number, "в других словах")

    assert shortage(e.value) == retried
