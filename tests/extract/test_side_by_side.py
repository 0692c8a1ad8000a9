"""`nomad extract --parallel`: sources side by side, each in a thread of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from threading import Barrier, Event

import pytest

from conftest import ROOT, Project
from nomad.errors import OutOfMemory
from nomad.extract.measure import measure_or_retry
from web import Reply, serving

DATED = """\
layers: [ods]
{more}sources:
  a: {{connector: rest, url: "{url}/a", params: {{day: $<PARTITION_DATE>}}}}
  b: {{connector: rest, url: "{url}/b", each: [x, y], params: {{v: $<EACH>}}, dt: day}}
  c: {{connector: rest, url: "{url}/c"}}
"""
DT = ("--dt", "2024-01-02")


@pytest.fixture
def web(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with serving() as found:
        yield found


def project_of(folder, web, more: str = "") -> Project:
    project = Project(folder)
    project.write("nomad.yaml", DATED.format(url=web.url, more=more))
    return project


def rows(asked) -> Reply:
    return Reply([{"id": asked.path[1:] + asked.query.get("v", ""), "day": "2024-01-02"}])


def landed(project: Project) -> list[list]:
    query = " union all ".join(f"select id from raw.{s}" for s in "abc")
    return sorted(project.rows(query))


ALL = [["a"], ["bx"], ["by"], ["c"]]


@pytest.mark.parametrize(("more", "words"), [("", ("--parallel", "3")), ("yaml", ())])
def test_three_sources_wait_for_their_server_at_once(web, tmp_path, more, words):
    """Each answer is held back until all three have asked."""
    together = Barrier(3, timeout=20)
    first = {"/a", "/b", "/c"}

    def held(asked) -> Reply:
        if asked.path in first:
            first.discard(asked.path)
            together.wait()
        return rows(asked)

    web.answer = held
    project = project_of(tmp_path / "p", web, "extract: {parallel: 3}\n" if more else "")

    answer = project("extract", *DT, *words, "-o", "json")

    assert answer.code == 0, answer.err
    assert [s["table"] for s in answer.json["steps"]] == ["raw.a", "raw.b", "raw.c"]
    assert landed(project) == ALL
    assert not [t for t in threading.enumerate() if t.name.startswith("source-")]


def test_one_after_the_other_where_nothing_is_said(web, tmp_path):
    busy, most = [], []

    def counted(asked) -> Reply:
        busy.append(1)
        most.append(len(busy))
        time.sleep(0.02)
        busy.pop()
        return rows(asked)

    web.answer = counted
    assert project_of(tmp_path / "p", web)("extract", *DT).code == 0
    assert set(most) == {1}


def test_what_fails_stops_no_other(web, tmp_path):
    web.answer = lambda asked: Reply({}, 404) if asked.path == "/a" else rows(asked)
    project = project_of(tmp_path / "p", web)

    answer = project("extract", *DT, "--parallel", "2")

    assert answer.code == 3
    assert project.rows("select count(*) from raw.b") == [[2]]


def test_of_so_many_requests_each_source_has_its_share_and_the_next_run_goes_on(web, tmp_path):
    web.answer = rows
    project = project_of(tmp_path / "p", web)

    assert project("extract", *DT, "--parallel", "3", "--max-requests", "2").code == 5
    assert len(web.calls) == 2
    assert project("extract", *DT, "--parallel", "3").code == 0
    assert landed(project) == ALL


def test_a_fault_of_ours_in_one_thread_ends_all_and_is_shown(web, tmp_path, monkeypatch):
    def broken(*_, **__):
        raise ZeroDivisionError("ours")

    monkeypatch.setattr("nomad.ingest.landing.measure_all", broken)
    web.answer = rows
    project = project_of(tmp_path / "p", web)

    with pytest.raises(ZeroDivisionError, match="ours"):
        project("extract", *DT, "--parallel", "3")
    assert not [t for t in threading.enumerate() if t.name.startswith("source-")]


def test_a_date_that_runs_short_of_memory_beside_others_is_landed_once_more_alone(
    web, tmp_path, monkeypatch
):
    alone = []

    def short(*_, **__):
        raise OutOfMemory("no memory")

    def with_the_least(*words):
        alone.append(not [t for t in threading.enumerate() if t.name.startswith("source-")])
        return measure_or_retry(*words)

    monkeypatch.setattr("nomad.ingest.extraction.measure", short)
    monkeypatch.setattr("nomad.ingest.extraction.measure_or_retry", with_the_least)
    web.answer = rows
    project = project_of(tmp_path / "p", web)

    answer = project("extract", *DT, "--parallel", "3", "-o", "json")

    assert answer.code == 0, answer.err
    assert [s["status"] for s in answer.json["steps"]] == ["published"] * 3
    assert landed(project) == ALL
    assert alone == [True, True]


def test_interrupted_all_end_and_what_is_whole_stays(web, tmp_path):
    """One waits for a server that is to be asked again later, one for its answer, one is done."""
    asked_for, answered = Event(), Event()

    def slow(asked) -> Reply:
        if asked.path == "/c":
            return rows(asked)
        if asked.path == "/a":
            return Reply({}, 503, {"Retry-After": "300"})
        asked_for.set()
        answered.wait(20)
        return rows(asked)

    web.answer = slow
    project = project_of(tmp_path / "p", web)
    words = [sys.executable, "-m", "nomad", "extract", *DT, "--parallel", "3"]
    environ = {**os.environ, "PYTHONPATH": str(ROOT / "lib")}
    process = subprocess.Popen(words, cwd=project.root, env=environ, stderr=subprocess.PIPE)
    assert asked_for.wait(20)
    landing = project.lake / "raw/c/manifest.json"
    until = time.monotonic() + 20
    while not landing.exists() and time.monotonic() < until:
        time.sleep(0.02)

    process.send_signal(signal.SIGINT)
    time.sleep(0.3)
    answered.set()

    _, err = process.communicate(timeout=20)
    assert (process.returncode, b"Traceback" in err) == (130, False), err
    web.answer = rows
    assert not list(project.lake.glob("raw/[ab]/**/manifest.json"))
    assert project.rows("select id from raw.c") == [["c"]]
    assert project("extract", *DT, "--parallel", "3").code == 0
    assert landed(project) == ALL
