"""A process that is stopped while it holds a lock holds nobody up for long, or without a word."""

from __future__ import annotations

import fcntl
import logging
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from conftest import ROOT
from nomad.errors import Busy
from nomad.locks import HOLDER, Waiter, locked

SHORT = {"NOMAD_ENGINE_LOCK_WAIT": "1"}


@contextmanager
def held(folder: Path, who: str):
    """Hold a folder's lock, as another process does."""
    folder.mkdir(exist_ok=True)
    handle = os.open(folder, os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_EX)
    (folder / HOLDER).write_text(who)
    try:
        yield
    finally:
        os.close(handle)


@pytest.mark.parametrize(("folder", "words"), [
    ("lake/_tmp", ("run", "--dt", "2024-01-02", "--force")),
    ("lake/_tmp", ("extract", "--dt", "2024-01-02")),
    ("lake/_tmp", ("gc",)),
    ("catalog", ("run", "--dt", "2024-01-02", "--force")),
    ("catalog", ("catalog", "refresh")),
    ("catalog", ("doctor", "--fix")),
])  # fmt: skip
def test_a_lock_that_is_held_too_long_is_exit_6_and_names_its_holder(built, folder, words):
    """Be it the lake's scratch or the catalog, whichever a command needs."""
    with held(built.root / folder, "process 4711 (run X)"):
        answer = built(*words, env=SHORT)

    assert answer.code == 6, answer.err
    assert "process 4711 (run X) has held" in answer.err


@pytest.mark.parametrize("words", [("sql", "from ods.ods_price"), ("plan", "--dt", "2024-01-02"),
                                   ("ls",), ("status",)])  # fmt: skip
def test_who_only_asks_takes_no_lock(built, words):
    with held(built.lake / "_tmp", "x"), held(built.root / "catalog", "y"):
        assert built(*words, env=SHORT).code == 0


def test_what_was_published_before_the_wait_stays_and_the_next_run_renews_the_catalog(built):
    built.write("in/2024-01-02.csv", "symbol,close\nA,8\n")
    with held(built.root / "catalog", "process 4711 (nomad catalog refresh)"):
        built("extract", "--dt", "2024-01-02", env=SHORT)
        assert built("run", "--dt", "2024-01-02", env=SHORT).code == 6

    assert built("run", "--dt", "2024-01-02").code == 0
    assert built("doctor").code == 0
    assert built.rows("select close from ods.ods_price_dt('2024-01-02')") == [[8]]


def test_while_it_waits_it_says_for_whom(tmp_path, caplog):
    caplog.set_level(logging.WARNING)
    with (
        held(tmp_path / "x", "process 4711 (run X)"),
        pytest.raises(Busy),
        locked(tmp_path / "x", Waiter(limit=2)),
    ):
        pass

    assert "waiting for process 4711 (run X), which holds" in caplog.text


def test_a_queue_that_moves_is_waited_for(tmp_path):
    """The time counts from when the present holder came."""
    (tmp_path / HOLDER).write_text("first")
    handle = os.open(tmp_path, os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_EX)
    child = os.fork()
    if not child:
        for who in ("second", "third", "fourth"):
            time.sleep(0.4)
            (tmp_path / HOLDER).write_text(who)
        time.sleep(0.2)
        os._exit(0)
    os.close(handle)
    began = time.monotonic()
    with locked(tmp_path, Waiter(limit=0.8)):
        assert time.monotonic() - began > 1
        assert f"process {os.getpid()}" in (tmp_path / HOLDER).read_text()
    os.waitpid(child, 0)

    assert not (tmp_path / HOLDER).exists()


def test_a_stopped_process_is_named(built):
    """One that got a SIGSTOP while it had the catalog: the next says which it is, and gives up."""
    code = (
        "import os, signal, sys\n"
        "from nomad.catalog import catalog\n"
        "from nomad.cli import main\n"
        "catalog.numbered, real = lambda root: real(root), catalog.numbered\n"
        "fill = catalog.Maker.update\n"
        "catalog.Maker.update = lambda *a: (os.kill(os.getpid(), signal.SIGSTOP), fill(*a))[1]\n"
        "sys.argv = ['nomad', 'catalog', 'refresh']\n"
        "main()"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=built.root,
        env={**os.environ, "PYTHONPATH": str(ROOT / "lib")},
    )
    try:
        os.waitpid(child.pid, os.WUNTRACED)
        answer = built("run", "--dt", "2024-01-02", "--force", env=SHORT)
        os.kill(child.pid, signal.SIGCONT)
        assert child.wait(timeout=60) == 0
    finally:
        child.kill()

    assert answer.code == 6
    assert f"process {child.pid} (nomad catalog refresh) has held" in answer.err
