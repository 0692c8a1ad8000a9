"""The benchmark runs; its figures are for people, so only its form is held here."""

from __future__ import annotations

import subprocess
import sys

from conftest import ROOT


def test_the_benchmark_prints_a_line_for_every_case_whose_rows_are_right():
    sizes = ("--models", "8", "--days", "2", "--dates", "3", "--rounds", "1")
    small = (*sizes, "--only", "startup,W1,W3,year")

    done = subprocess.run(
        [sys.executable, str(ROOT / "tests/bench/bench.py"), *small],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    heading, columns, *lines = done.stdout.splitlines()
    assert heading.startswith("1 rounds, ")
    assert columns.split() == [
        "workload",
        "floor",
        "s",
        "nomad",
        "s",
        "CPU",
        "s",
        "MB",
        "ratio",
        "target",
    ]
    assert len(lines) == 3 + 5 + 2 + 2 + 1
    assert "8 tables, 800 rows: those of the floor" in done.stderr
