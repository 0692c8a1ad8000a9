"""A command removes the temporary folders that nomad left, and nothing that a user made."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

LIB = Path(__file__).parents[2] / "lib"
ENDLESS = "select sum(a.range * b.range) from range(10000000) a, range(1000000) b"


def words(built, top: Path, query: str) -> dict[str, object]:
    """How a question is asked whose temporary folder lies in `top`."""
    return {
        "args": [sys.executable, "-m", "nomad", "sql", query],
        "cwd": built.root,
        "env": {**os.environ, "PYTHONPATH": str(LIB), "TMPDIR": str(top)},
    }


@pytest.mark.parametrize("name", ["nomad-backup", "nomad-tmp-backup"])
@pytest.mark.parametrize("mode", [0o755, 0o700])
def test_a_folder_of_the_users_own_stays(built, tmp_path, name, mode):
    """Even one with nomad's prefix and a file `owner`, which says something else."""
    mine = tmp_path / "top" / name
    mine.mkdir(parents=True)
    mine.chmod(mode)
    (mine / "owner").write_text("me")
    (mine / "p.txt").write_text("p")

    subprocess.run(**words(built, tmp_path / "top", "select 1"), check=True)

    assert (mine / "p.txt").read_text() == "p"


@pytest.mark.parametrize("kind", ["pipe", "link"])
def test_an_owner_that_is_no_file_is_passed_over(built, tmp_path, kind):
    """A pipe of that name is not waited for, and a link not followed."""
    mine = tmp_path / "top" / "nomad-tmp-mine"
    mine.mkdir(parents=True, mode=0o700)
    (tmp_path / "elsewhere").write_text("nomad: temporary folder of process 1\n")
    if kind == "pipe":
        os.mkfifo(mine / "owner")
    else:
        (mine / "owner").symlink_to(tmp_path / "elsewhere")

    subprocess.run(**words(built, tmp_path / "top", "select 1"), check=True, timeout=60)

    assert mine.exists()


def test_what_a_killed_command_left_goes(built, tmp_path):
    top = tmp_path / "top"
    top.mkdir()
    child = subprocess.Popen(**words(built, top, ENDLESS))
    try:
        until = time.monotonic() + 30
        while not list(top.glob("*/owner")):
            assert child.poll() is None
            assert time.monotonic() < until, "it makes no folder that says whose it is"
            time.sleep(0.02)
    finally:
        child.send_signal(signal.SIGKILL)
        child.wait()
    assert len(list(top.iterdir())) == 1

    subprocess.run(**words(built, top, "select 1"), check=True)

    assert list(top.iterdir()) == []
