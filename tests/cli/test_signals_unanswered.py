"""Ctrl-C and TERM while a database is waited for that accepts and says nothing."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time

import pytest

from conftest import ROOT, Project

CODES = {signal.SIGINT: 130, signal.SIGTERM: 143}
CONFIG = """\
layers: [ods]
attach: {{shop: "postgres:{dsn}"}}
sources:
  a: {{connector: postgres, dsn: "{dsn}", table: t, watermark: u, dt: d}}
  b: {{connector: file, path: "in/*.csv", each: file, dt: d}}
"""


@pytest.fixture
def silent():
    """A server that never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(20)
        yield server


@pytest.fixture
def project(silent, tmp_path):
    made = Project(tmp_path)
    dsn = f"postgresql://u@127.0.0.1:{silent.getsockname()[1]}/db"
    made.write("nomad.yaml", CONFIG.format(dsn=dsn))
    made.write("in/0.csv", "d,n\n2024-01-01,0\n")
    made.write("sql/ods/ods_sale.sql", "select id from shop.sale")
    return made


@pytest.mark.parametrize(
    ("words", "sent"),
    [
        (("extract",), signal.SIGINT),
        (("extract", "--parallel", "2"), signal.SIGTERM),
        (("run",), signal.SIGTERM),
    ],
)
def test_a_database_that_says_nothing_is_given_up_at_once(silent, project, words, sent):
    """No source after it is landed by then; side by side the other one may be."""
    child = subprocess.Popen(
        ["env", "--default-signal=INT,TERM", sys.executable, "-m", "nomad", *words],
        cwd=project.root, env={**os.environ, "PYTHONPATH": str(ROOT / "lib")},
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        with silent.accept()[0]:
            began = time.monotonic()
            child.send_signal(sent)
            _, err = child.communicate(timeout=20)
            took = time.monotonic() - began
    finally:
        child.kill()
        child.communicate()

    assert (child.returncode, "Traceback" in err) == (CODES[sent], False), err
    assert "nomad: interrupted" in err
    assert took < 5
    assert words != ("extract",) or not (project.lake / "raw/b").exists()
