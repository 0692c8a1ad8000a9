"""A commit in S3 has a deadline: what another machine took for a dead run's is sent again."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import pytest

from at_call_project import begun
from conftest import Project
from nomad.errors import LakeError
from nomad.lake.lake import Lake
from nomad.lake.publish import publish
from nomad.store.memory import MemoryStore
from versions import FOLDER, TABLE, reader_sees, version

DAY = ("--dt", "2024-01-02")
GRACE = 2


@pytest.fixture
def hasty(built_lake):
    """A lake whose files are taken for old after two seconds."""
    path = built_lake.root / "nomad.yaml"
    path.write_text(path.read_text().replace("lake: {", f"lake: {{grace: {GRACE} s, "))
    return built_lake


@pytest.fixture
def elsewhere(hasty, tmp_path):
    """The same project on another machine, which knows nothing of runs on the first."""
    root = tmp_path / "elsewhere"
    shutil.copytree(hasty.root, root, ignore=shutil.ignore_patterns(".nomad"))
    return Project(root)


@pytest.mark.parametrize("at", ["nomad.lake.publish._commit", "nomad.lake.publish._tried"])
def test_a_run_that_slept_past_the_grace_publishes_no_manifest_without_files(hasty, elsewhere, at):
    """Asleep before it looks at its files again, and right after that."""
    (hasty.root / "in/2024-01-02.csv").write_text("symbol,close\nA,5\nB,6\n")
    assert hasty("extract", *DAY).code == 0
    assert hasty("run", "ods", *DAY).code == 0
    go = hasty.root / "go"
    going = begun(hasty, at, 1, go, "run", "dwd_price", *DAY)
    while not Path(f"{go}.reached").exists():
        assert going.poll() is None, going.communicate()[0]
        time.sleep(0.01)
    time.sleep(GRACE + 1.5)  # a server tells the time in whole seconds
    removed = elsewhere("gc", "--yes")
    go.touch()
    told, _ = going.communicate()

    assert "no manifest names it" in removed.out
    assert going.returncode == 0, told
    for project in (hasty, elsewhere):
        assert project.rows("select sum(close) from dwd.dwd_price") == [[18]]
    assert hasty("doctor").err == "all is well\n"


def test_a_file_in_time_is_left_alone_by_another_machine_s_gc(hasty, elsewhere):
    text = (elsewhere.root / "nomad.yaml").read_text()
    (elsewhere.root / "nomad.yaml").write_text(text.replace(f"grace: {GRACE} s", "grace: 1 hour"))
    go = hasty.root / "go"
    going = begun(hasty, "nomad.lake.publish._commit", 1, go, "run", "dwd_price", *DAY, "--force")
    while not Path(f"{go}.reached").exists():
        assert going.poll() is None, going.communicate()[0]
        time.sleep(0.01)

    answer = elsewhere("gc", "--yes")

    go.touch()
    told, _ = going.communicate()
    assert "no manifest names it" not in answer.out
    assert going.returncode == 0, told


AT_ONCE = 1e-9
"""Seconds of grace where all is old at once."""


def removing(store, call, nth):
    """Have another machine remove the file ahead of the n-th such call."""
    calls = iter(range(1, 100))

    def before(name, _):
        if name == call and next(calls) == nth:
            for key in [k for k in store.objects if k.endswith("-0.parquet")]:
                del store.objects[key]

    return before


@pytest.mark.parametrize("call", ["list", "write_if"])
def test_wherever_a_file_goes_it_is_there_in_the_end(staged, call):
    store = MemoryStore()
    store.before = removing(store, call, 1)

    publish(store, version("r1"), staged, over=None, grace=AT_ONCE)

    assert reader_sees(store) == "r1"
    assert not staged[0].exists()


def test_a_file_that_is_gone_here_too_is_never_named(staged):
    store = MemoryStore()

    def before(name, _):
        if name == "list":
            store.objects.clear()
            staged[0].unlink(missing_ok=True)

    store.before = before

    with pytest.raises(LakeError, match="removed before it was published") as e:
        publish(store, version("r1"), staged, over=None, grace=AT_ONCE)

    assert "run the same command again" in e.value.hint
    assert Lake(store).manifest(TABLE, None) is None
    assert f"{FOLDER}/manifest.json" not in store.objects
