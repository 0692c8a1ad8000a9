"""The benchmark runs; its figures are for people, so only its form is held here."""

from __future__ import annotations

import subprocess
import sys

from conftest import ROOT


def test_the_benchmark_prints_a_ratio_for_every_case():
    done = subprocess.run(
        [sys.executable, str(ROOT / "tests/bench/bench.py"), "--models", "8", "--rounds", "1"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("8 tables, 1 rounds, ")
    assert len(done.stdout.splitlines()) == 7
