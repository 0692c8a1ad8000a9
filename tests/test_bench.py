"""The benchmark runs; its figures are for people, so only its form is held here."""

from __future__ import annotations

import subprocess
import sys

import pytest

from conftest import ROOT

pytestmark = pytest.mark.slow


def bench(script: str, *words: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, str(ROOT / "tests/bench" / script), *words],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done


def test_the_benchmark_prints_a_line_for_every_case_whose_rows_are_right():
    sizes = ("--models", "8", "--days", "2", "--dates", "3", "--rounds", "1")

    done = bench("bench.py", *sizes, "--only", "startup,W1,W3,year")

    heading, _, columns, *lines = done.stdout.splitlines()
    assert heading.endswith("medians of 1 rounds or more.")
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


def test_the_growth_study_keeps_its_table_its_figures_and_its_picture(tmp_path):
    page = tmp_path / "benchmarks.md"
    page.write_text("before\n<!-- growth -->\nold\n<!-- end of growth -->\nafter\n")
    sizes = ("--tables", "8", "--dates", "2", "--rounds", "1")

    done = bench("growth.py", *sizes, "--keep", str(page))

    assert len(done.stdout.splitlines()) == 1 + 5
    text = page.read_text()
    assert text.startswith("before\n")
    assert text.endswith("after\n")
    assert "old" not in text
    assert "| run, one cell to build |" in text
    assert len((tmp_path / "benchmarks" / "growth.csv").read_text().splitlines()) == 1 + 5 * 2


def test_the_costs_of_a_run_and_a_plan_add_up():
    done = bench("costs.py", "--models", "8")

    run, plan = done.stdout.strip().split("\n\nplan, nothing to do")
    assert run.startswith("W1, 8 tables: all built, one after the other: ")
    for part in (run, plan):
        total = float(part.split("\n")[0].split(": ")[-1].removesuffix(" s"))
        lines = part.split("\n\n")[1].splitlines()[1:]
        assert abs(sum(float(x.split()[-2]) for x in lines) - total) < 0.02


def test_a_folder_of_files_that_grow_is_landed_as_the_script_cuts_it():
    done = bench("entities.py", "--files", "12", "--days", "10", "--rows", "100")

    heading, _, _, *lines = done.stdout.splitlines()
    assert heading.endswith("12 files, 105 rows, 10 days; one run.")
    assert [int(line.split()[-1]) for line in lines] == [10, 0, 1, 1]
    assert done.stderr.splitlines() == [
        f"{days} days, {rows} rows: those of the script"
        for days, rows in ((10, 105), (10, 105), (10, 105), (11, 117))
    ]
