"""A current folder that is gone is said to be, and no traceback shown."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from conftest import ROOT


@pytest.mark.parametrize("options", [(), ("--project", "."), ("--project", "shop")])
def test_a_current_folder_that_is_gone_is_named(tmp_path, options):
    (tmp_path / "gone").mkdir()
    done = subprocess.run(
        ["sh", "-c", 'rmdir ../gone; exec "$0" -m nomad "$@" ls', sys.executable, *options],
        cwd=tmp_path / "gone",
        env={**os.environ, "PYTHONPATH": str(ROOT / "lib")},
        capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert done.returncode == 2
    assert "the current folder is gone" in done.stderr
    assert "Traceback" not in done.stderr
