"""Files parsed in processes of their own come out as they do in this one."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from conftest import ROOT
from nomad.errors import SqlFileError
from nomad.project import parse_pool
from nomad.project.parse_pool import Text, parse_all
from nomad.sqlfile.file import no_opinion

GOOD = [
    Text(f"-- Table {i}.\nselect {i} as n from ods.t{i}", f"sql/t{i}.sql", f"t{i}")
    for i in range(250)
]
BAD = Text("select 1;\nselect 2", "sql/bad.sql", "bad")


@pytest.fixture
def began(monkeypatch):
    """The ids of the processes that were begun."""
    ids: list[int] = []
    begin = parse_pool._begin

    def noted(*words):
        child, pipe = begin(*words)
        ids.append(child)
        return child, pipe

    monkeypatch.setattr(parse_pool, "_begin", noted)
    return ids


@pytest.mark.parametrize(("files", "processes"), [(3, 1), (150, 2), (250, 3)])
def test_what_comes_back_is_what_parsing_here_gives(began, files, processes):
    texts = [*GOOD[: files - 1], BAD]

    found = parse_all(texts, no_opinion, processes=4)

    here = parse_all(texts, no_opinion, processes=0)
    assert found[:-1] == here[:-1]
    assert isinstance(found[-1], SqlFileError)
    assert str(found[-1]) == str(here[-1]) == "sql/bad.sql:2: the file has two queries"
    assert found[-1].hint == here[-1].hint
    assert len(began) == processes


def test_a_process_that_is_killed_is_made_up_for(monkeypatch):
    def killed(texts, opinion):
        if os.getpid() != here:
            os.kill(os.getpid(), signal.SIGKILL)
        return parsed(texts, opinion)

    here, parsed = os.getpid(), parse_pool._parsed
    monkeypatch.setattr(parse_pool, "_parsed", killed)

    found = parse_all(GOOD[:3], no_opinion, processes=2)

    assert [f.path for f in found] == ["sql/t0.sql", "sql/t1.sql", "sql/t2.sql"]


def test_a_program_with_threads_is_not_forked(began):
    done = threading.Event()
    other = threading.Thread(target=done.wait)
    other.start()
    try:
        found = parse_all(GOOD[:2], no_opinion, processes=2)
    finally:
        done.set()
        other.join()

    assert len(found) == 2
    assert began == []


def test_no_child_is_left_behind(began):
    parse_all(GOOD[:3], no_opinion, processes=2)

    with pytest.raises(ChildProcessError):
        os.waitpid(began[0], os.WNOHANG)


def test_who_ignores_the_end_of_children_gets_the_answer_all_the_same():
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    try:
        found = parse_all(GOOD[:3], no_opinion, processes=2)
    finally:
        signal.signal(signal.SIGCHLD, before)

    assert len(found) == 3


def test_where_there_can_be_no_more_processes_it_is_done_here(monkeypatch):
    def refused():
        raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")

    open_before = len(list(Path("/proc/self/fd").iterdir()))
    monkeypatch.setattr(os, "fork", refused)

    found = parse_all(GOOD[:3], no_opinion, processes=2)

    assert len(found) == 3
    assert len(list(Path("/proc/self/fd").iterdir())) == open_before


SENT = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]


@pytest.mark.parametrize("sent", SENT)
def test_a_signal_that_falls_on_a_fork_is_heard_after_it(sent):
    """Python swallows what is raised in a hook that runs after a fork."""
    code = f"""
import os, signal
from nomad.cli import signals
from nomad.project.parse_pool import Text, parse_all
from nomad.sqlfile.file import no_opinion
signal.signal({int(sent)}, signal.default_int_handler)
signals.heed()
os.register_at_fork(after_in_parent=lambda: os.kill(os.getpid(), {int(sent)}))
try:
    parse_all([Text("select 1 as n", "sql/t.sql", "t")], no_opinion, processes=2)
except KeyboardInterrupt:
    print("heard", signals.code())
"""
    done = python(code)

    assert done.stdout == f"heard {128 + sent}\n", done.stderr
    assert done.stderr == ""


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGHUP])
def test_where_one_is_swallowed_the_next_is_heard(sent):
    """While the command tidies up after it, no more of them are."""
    code = f"""
import os, signal
from nomad.cli import signals
signal.signal({int(sent)}, signal.default_int_handler)
signals.heed()
class Swallows:
    def __del__(self): os.kill(os.getpid(), {int(sent)})
del (it := [Swallows()])[0]
try:
    try:
        os.kill(os.getpid(), {int(sent)})
    finally:
        os.kill(os.getpid(), {int(sent)})
        print("tidied up")
except KeyboardInterrupt:
    print("heard")
"""
    assert python(code).stdout == "tidied up\nheard\n"


def test_a_process_holds_no_file_of_the_one_that_began_it(monkeypatch, tmp_path):
    """A lock of a run that was killed would be held by it."""
    held = (tmp_path / "held").open("w")

    def parsed(*_):
        return [str(p.resolve()) for p in Path("/proc/self/fd").iterdir()]

    monkeypatch.setattr(parse_pool, "_parsed", parsed)
    with held:
        found = parse_pool._end(*parse_pool._begin(GOOD[:1], no_opinion))

    assert found
    assert str(tmp_path / "held") not in found


def test_a_process_ends_with_the_one_that_began_it(monkeypatch):
    """Of one that is killed, the system closes the pipe that the answer would be read from."""
    monkeypatch.setattr(parse_pool, "_parsed", lambda *_: time.sleep(10))
    began_at = time.monotonic()

    child, pipe = parse_pool._begin(GOOD[:1], no_opinion)
    pipe.close()
    os.waitpid(child, 0)

    assert time.monotonic() - began_at < 5


@pytest.mark.parametrize("sent", SENT)
def test_a_process_dies_of_a_signal(monkeypatch, sent):
    def signalled(*_):
        os.kill(os.getpid(), sent)
        return []

    before = signal.signal(sent, signal.default_int_handler)
    monkeypatch.setattr(parse_pool, "_parsed", signalled)
    try:
        child, pipe = parse_pool._begin(GOOD[:1], no_opinion)
        with pipe:
            assert pipe.read() == b""
        assert os.WTERMSIG(os.waitpid(child, 0)[1]) == sent
    finally:
        signal.signal(sent, before)


def python(code: str) -> subprocess.CompletedProcess[str]:
    """Run lines of Python in a process of their own."""
    return subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(ROOT / "lib")},
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
