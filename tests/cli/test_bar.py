"""The bar of `nomad extract` on a terminal: how many of all, how fast, and how long still."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys

from conftest import ROOT, Project
from nomad.cli import printing


def on_a_terminal(project, *words):
    """Type a command on a terminal of its own; give all that was written there."""
    ours, theirs = pty.openpty()
    environ = {**os.environ, "PYTHONPATH": str(ROOT / "lib"), "TERM": "xterm", "COLUMNS": "120"}
    process = subprocess.Popen(
        [sys.executable, "-m", "nomad", *words],
        cwd=project.root, env=environ, stdin=theirs, stdout=theirs, stderr=theirs,
    )  # fmt: skip
    os.close(theirs)
    written = b""
    try:
        while data := _read(ours):
            written += data
    finally:
        os.close(ours)
        process.wait(timeout=30)
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", written.decode())


def _read(terminal) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # what Linux says of a terminal that nobody has open any longer
        return b""


def test_dates_and_rows_are_counted(project):
    written = on_a_terminal(project, "extract", "--from", "2024-01-02", "--to", "2024-01-03")

    assert "2/2" in written
    assert re.search(r"[\d,]+ rows a second", written)
    assert written.count("published") == 3


def test_parts_are_counted(tmp_path):
    project = Project(tmp_path)
    project.write(
        "nomad.yaml",
        "layers: [ods]\nsources:\n"
        "  p: {connector: file, path: in/$<EACH>.csv, each: [A, B, C], dt: day, key: code}\n",
    )
    for name in "ABC":
        project.write(f"in/{name}.csv", f"code,day\n{name},2024-01-02\n")

    assert "3/3" in on_a_terminal(project, "extract")


def test_what_ends_moves_it_on(tmp_path, monkeypatch):
    """Rows a second are those of all so far; the time that is left follows the fetches."""
    seconds = iter([0.0, 2.0, 4.0])
    monkeypatch.setattr(printing, "monotonic", lambda: next(seconds))
    with (
        (tmp_path / "out").open("w") as out,
        printing.progress(1, out, fetching=True) as bar,
    ):
        bar.expect(3)
        bar.expect(1)
        bar.ended(1000)
        bar.ended(5000)
        bar.tell("")
        (task,) = bar._shown.tasks

        assert (task.completed, task.total) == (2, 4)
        assert task.fields["rate"] == "1,500 rows a second"
