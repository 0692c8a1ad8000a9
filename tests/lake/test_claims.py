"""Two runs at once: one builds a cell, the other says so or waits; a dead run claims nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from conftest import ROOT
from nomad.errors import Busy
from nomad.lake.claims import claim, live

SLOW = "select count(*) as n from range(200000000000) as t(i) where i % 7 = hash(i) % 5"


def test_runs_whose_cells_do_not_overlap_go_side_by_side(tmp_path):
    with claim(tmp_path, "r1", ["a dt=1"]), claim(tmp_path, "r2", ["a dt=2"]):
        assert live(tmp_path) == {"r1": {"a dt=1"}, "r2": {"a dt=2"}}
    assert live(tmp_path) == {}


def test_a_claimed_cell_names_the_run_that_has_it(tmp_path):
    with claim(tmp_path, "r1", ["a", "b", "c"]):
        with pytest.raises(Busy) as e, claim(tmp_path, "r2", ["b", "c"]):
            pass
        assert str(e.value) == "run r1 is building b and 1 more"
        assert e.value.exit_code == 6


def test_a_claim_that_was_refused_is_none(tmp_path):
    with claim(tmp_path, "r1", ["a"]), pytest.raises(Busy), claim(tmp_path, "r2", ["a", "b"]):
        pass

    assert live(tmp_path) == {}


@pytest.fixture
def slow(built):
    """A run in a process of its own that builds one table for ever."""
    built.write("sql/dws/dws_slow.sql", SLOW)
    process = start(built, "run", "dws_slow")
    until(lambda: live(built.lake / "_tmp"))
    yield built, process
    process.kill()
    process.communicate()


def start(project, *words):
    return subprocess.Popen(
        [sys.executable, "-m", "nomad", *words],
        cwd=project.root,
        env={**os.environ, "PYTHONPATH": str(ROOT / "lib")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def until(fact, seconds=30):
    end = time.monotonic() + seconds
    while not fact():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.02)


def test_a_second_run_over_the_same_cells_exits_6_and_others_go_on(slow):
    project, _ = slow

    same = project("run", "dws_slow")
    other = project("run", "dwd_price", "--dt", "2024-01-02", "--force")

    (run_id,) = live(project.lake / "_tmp")
    assert same.code == 6
    assert f"run {run_id} is building dws.dws_slow" in same.err
    assert "--wait" in same.err
    assert other.code == 0, other.err


def test_a_run_that_waits_goes_on_when_the_other_is_dead(slow):
    project, process = slow
    project.write("sql/dws/dws_slow.sql", "select 1 as n")
    waiting = start(project, "run", "dws_slow", "--wait")
    time.sleep(1)
    assert waiting.poll() is None

    process.kill()
    _, err = waiting.communicate(timeout=30)

    assert waiting.returncode == 0, err
    assert project.rows("select n from dws.dws_slow") == [[1]]


def test_interrupted_it_exits_130_and_leaves_nothing_half_done(slow):
    project, process = slow

    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)

    assert process.returncode == 130
    assert "interrupted; run the same command again to go on" in err
    assert "Traceback" not in err
    assert not (project.lake / "dws/dws_slow").exists()
    assert list((project.lake / "_tmp").iterdir()) == []


def test_the_next_run_cleans_up_after_one_that_died(slow):
    """Killed after it published one table: the catalog is behind, the old file still there."""
    project, process = slow
    process.kill()
    process.wait()
    (run,) = (p.name for p in (project.lake / "_tmp").iterdir() if p.is_dir())
    orphan = project.lake / "dwd/dwd_price/dt=2024-01-02" / f"{run}-0.parquet"
    orphan.write_bytes(b"half")
    catalog = project.root / "catalog" / "catalog.duckdb"
    catalog.write_bytes(b"junk")

    answer = project("run", "dwd_price", "--dt", "2024-01-02")

    assert answer.code == 0, answer.err
    assert list((project.lake / "_tmp").iterdir()) == []
    assert not orphan.exists()
    assert catalog.read_bytes() != b"junk"


def test_a_run_clears_the_young_parts_of_a_dead_one(built):
    """They can't be its own: it has written none yet."""
    part = built.lake / "_tmp" / "0123456789abcdef0123456789abcdef.part"
    part.write_bytes(b"half")

    assert built("run", "--dt", "2024-01-02").code == 0

    assert not part.exists()
    assert built("doctor").code == 0
