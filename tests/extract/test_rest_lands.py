"""`nomad extract` from an API: pages of a date, what is new, and a kill half-way."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from conftest import ROOT, Project
from web import Reply, serving

SIZE, COUNT = 5, 200


@pytest.fixture(autouse=True)
def hosts(tmp_path, monkeypatch):
    """What is known of hosts lies with the test."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def web():
    with serving() as found:
        yield found


def source(web, options: str) -> str:
    return f'layers: [ods]\nsources:\n  s: {{connector: rest, url: "{web.url}/rows", {options}}}\n'


def page(asked) -> Reply:
    """Rows of the page that is asked for, of so many pages."""
    at = int(asked.query["page"])
    ids = range((at - 1) * SIZE, at * SIZE) if at <= COUNT else ()
    return Reply([{"id": n, "day": "2024-01-02"} for n in ids])


DATED = 'params: {day: "$<PARTITION_DATE>"}, paging: {type: page}'
LISTED = "params: {code: $<EACH>}, paging: {type: page}, each: [A], dt: day"


@pytest.mark.parametrize("options", [DATED, LISTED])
def test_killed_half_way_at_most_one_call_is_made_twice(web, tmp_path, options):
    project = Project(tmp_path / "p")
    project.write("nomad.yaml", source(web, options))
    words = ("extract", "--dt", "2024-01-02")

    def killing(asked) -> Reply:
        if int(asked.query["page"]) == COUNT // 2:
            os.kill(process.pid, signal.SIGKILL)
        return page(asked)

    web.answer = killing
    environ = {**os.environ, "PYTHONPATH": str(ROOT / "lib")}
    process = subprocess.Popen(
        [sys.executable, "-m", "nomad", *words], cwd=project.root, env=environ
    )
    assert process.wait(timeout=60) == -signal.SIGKILL
    assert not list(project.lake.glob("raw/s/dt=*/manifest.json"))

    web.answer = page
    answer = project(*words)

    assert answer.code == 0, answer.err
    assert project.rows("select count(*), count(distinct id) from raw.s") == [[1000, 1000]]
    calls = [int(c.query["page"]) for c in web.calls]
    assert len(calls) <= len(set(calls)) + 1
    assert len(set(calls)) == COUNT + 1


def test_only_what_is_new_is_asked_for(web, tmp_path):
    project = Project(tmp_path / "p")
    options = "params: {since: $<WATERMARK>}, watermark: changed, overlap: 1 hour, dt: day, key: id"
    project.write("nomad.yaml", source(web, options))
    first = {"id": 1, "day": "2024-01-02", "changed": "2024-01-02T10:00:00", "v": "a"}
    web.answer = lambda _: Reply([first, {**first, "id": 2}])
    assert project("extract").code == 0

    web.answer = lambda _: Reply([{**first, "id": 2, "changed": "2024-01-03T09:00:00", "v": "b"}])
    assert project("extract").code == 0

    assert [c.query.get("since") for c in web.calls] == [None, "2024-01-02T09:00:00"]
    assert project.rows("select id, v from raw.s order by all") == [[1, "a"], [2, "b"]]


def test_a_moment_goes_back_as_the_server_spelled_it(web, tmp_path):
    """It may compare texts; the project's zone is none of its business."""
    project = Project(tmp_path / "p")
    options = "params: {since: $<WATERMARK>}, watermark: u, key: id, overlap: 90 minutes"
    project.write("nomad.yaml", "timezone: Asia/Shanghai\n" + source(web, options))
    spelled = ["2024-01-03T20:00:00.500Z", "2024-01-03T21:30:00.000Z"]
    for number, moment in enumerate([*spelled, spelled[-1]]):
        web.answer = lambda _, n=number, u=moment: Reply([{"id": n, "u": u}])
        assert project("extract").code == 0

    since = [c.query.get("since") for c in web.calls]
    assert since == [None, "2024-01-03T18:30:00.500Z", "2024-01-03T20:00:00.000Z"]


def test_a_form_of_the_watermark_is_refused(web, tmp_path):
    project = Project(tmp_path / "p")
    project.write("nomad.yaml", source(web, "params: {since: $<WATERMARK:%Y>}, watermark: u"))

    answer = project("extract")

    assert answer.code == 2
    assert "holds $<WATERMARK:%Y>: a watermark is sent as it was delivered" in answer.err


def test_by_dt_and_key_all_is_asked_for_again_and_by_dt_alone_nothing(web, tmp_path):
    """The cursor of a page leads through one fetch; the next one begins anew."""
    project = Project(tmp_path / "p")
    for more, v, code in [("", 1, 2), (", key: id", 1, 0), (", key: id", 2, 0)]:
        project.write("nomad.yaml", source(web, f"dt: day{more}"))
        web.answer = lambda _, v=v: Reply([{"id": 1, "day": "2024-01-02", "v": v}])
        assert project("extract").code == code

    assert project.rows("select id, v from raw.s") == [[1, 2]]
