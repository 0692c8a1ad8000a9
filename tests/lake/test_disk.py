"""A lake that can't be written, and a disk that is full: told, and nothing published is changed."""

from __future__ import annotations

import errno
import os
import subprocess
from contextlib import contextmanager
from pathlib import Path

import pytest

RUN = ("run", "dwd_price", "--dt", "2024-01-02", "--force")


def snapshot(project):
    return {
        p: p.read_bytes()
        for p in sorted(project.lake.rglob("*"))
        if p.is_file() and "_tmp" not in p.parts
    }


@contextmanager
def mounted(project, tmp_path_factory, size):
    """Put the lake on a file system of its own (needs the right to mount)."""
    place = tmp_path_factory.mktemp("disk")
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(place)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        pytest.xfail(f"this machine does not let us mount: {done.stderr}")
    subprocess.run(["cp", "-a", f"{project.lake}/.", str(place)], check=True)
    subprocess.run(["rm", "-rf", str(project.lake)], check=True)
    project.lake.symlink_to(place)
    yield
    subprocess.run(["umount", "-l", str(place)], check=True)


@pytest.fixture
def small_disk(built, tmp_path_factory):
    """The lake on a file system with little room left."""
    with mounted(built, tmp_path_factory, "1m"):
        yield built


def test_a_full_disk_exits_3_and_changes_nothing(small_disk):
    filler = small_disk.lake / "filler"
    full = subprocess.run(["dd", "if=/dev/zero", f"of={filler}"], capture_output=True, check=False)
    assert b"No space left" in full.stderr
    before = snapshot(small_disk)

    answer = small_disk(*RUN)

    assert answer.code in (1, 3), answer.err
    assert "No space left on device" in answer.err
    assert "Traceback" not in answer.err
    assert snapshot(small_disk) == before
    filler.unlink()
    assert small_disk(*RUN).code == 0


def test_a_disk_that_fills_up_in_a_big_query(small_disk):
    small_disk.write(
        "sql/dws/dws_big.sql", "select hash(i) as h, hash(i + 1) as k from range(2000000) as t(i)"
    )
    before = snapshot(small_disk)

    answer = small_disk("run", "dws_big")

    assert answer.code in (1, 3)
    assert "No space left" in answer.err
    assert not (small_disk.lake / "dws/dws_big").exists()
    journals = {p for p in before if "_runs" in p.parts}
    now = {p: b for p, b in snapshot(small_disk).items() if "_runs" not in p.parts}
    assert now == {p: b for p, b in before.items() if p not in journals}
    assert list((small_disk.lake / "_tmp").iterdir()) == []


@pytest.fixture
def wide_disk(built, tmp_path_factory):
    """The lake on a file system that one table can fill."""
    with mounted(built, tmp_path_factory, "16m"):
        yield built


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_a_table_that_fills_the_disk_takes_no_other_with_it(wide_disk, jobs):
    """It fails; those beside it are tried once more, and the journal tells of them all."""
    big = "select hash(i) as h, md5(i::varchar) as m from range(1000000) as t(i) order by h"
    wide_disk.write("sql/ods/ods_aaa.sql", big)
    for n in range(5):
        wide_disk.write(f"sql/ods/ods_small{n}.sql", "select i from range(20000) as t(i)")

    for _ in range(2):
        answer = wide_disk("run", "--dt", "2024-01-02", "--force", "--jobs", jobs, "-o", "json")

        assert answer.code == 1
        ends = {s["table"]: s["status"] for s in answer.json["steps"]}
        assert ends.pop("ods.ods_aaa") == "failed"
        assert set(ends.values()) == {"published"}
        assert "sql/ods/ods_aaa.sql" in answer.err
        assert "No space left" in answer.err
        assert "make room on the disk" in answer.err
        assert "; alone, too" in answer.err
        retried = {s["table"]: s["retried"] for s in answer.json["steps"]}
        assert retried["ods.ods_aaa"] == "no room on the disk"
        assert list((wide_disk.lake / "_tmp").iterdir()) == []
        (journal,) = wide_disk.lake.glob(f"_runs/dt=*/{answer.json['run_id']}.jsonl")
        assert journal.read_text().count('"event": "step"') == len(ends) + 1
    kept = wide_disk("history", "ods_small1", "-o", "json").json["versions"]
    assert [v["state"] for v in kept] == ["published", "kept"]


def test_an_answer_that_finds_room_for_half_of_it(wide_disk):
    query = "select hash(i) as h, md5(i::varchar) as m from range(1000000) as t(i)"
    with (wide_disk.lake / "answer.parquet").open("wb") as answer:
        done = wide_disk.process("sql", query, "-o", "parquet", stdout=answer)

    assert done.returncode == 1
    assert done.stderr == "nomad: the answer can't be written: No space left on device\n"


def test_a_disk_without_room_to_spill(small_disk):
    small_disk.write(
        "sql/dws/dws_sorted.sql",
        "select md5(cast(i as varchar)) as s from range(3000000) as t(i) order by s",
    )
    before = snapshot(small_disk)

    answer = small_disk("run", "dws_sorted", env={"NOMAD_ENGINE_MEMORY_LIMIT": "60MB"})

    assert answer.code == 1
    assert "sql/dws/dws_sorted.sql: no room left to spill" in answer.err
    assert "make room on the disk that holds scratch" in answer.err
    assert not (small_disk.lake / "dws/dws_sorted").exists()
    assert {p: b for p, b in snapshot(small_disk).items() if p in before} == before
    assert list((small_disk.lake / "_tmp").iterdir()) == []


@pytest.fixture
def read_only(built, monkeypatch):
    """Root may write anywhere, so the kernel's answer is given here, where nomad asks for it."""

    def refuse(act):
        def refused(self, *words, **named):
            if "lake" in self.parts:
                raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(self))
            return act(self, *words, **named)

        return refused

    for name in ("mkdir", "replace", "write_text"):
        monkeypatch.setattr(Path, name, refuse(getattr(Path, name)))
    return built


def test_a_read_only_lake_exits_3_and_can_still_be_read(read_only):
    before = snapshot(read_only)

    answer = read_only(*RUN)

    assert answer.code == 3
    assert "the lake can't be used: Read-only file system" in answer.err
    assert "check that the folder exists, is writable and has room" in answer.err
    assert snapshot(read_only) == before
    assert read_only.rows("select count(*) from dwd.dwd_price") == [[4]]
    assert read_only("plan", "--dt", "2024-01-02").code == 0
