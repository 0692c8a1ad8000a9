"""`make bench`: nomad beside a bare script, in turn, several rounds; ratios, not seconds, count.

Usage: python tests/bench/bench.py [--models N] [--rounds N]
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import duckdb
from workload import make

HERE = Path(__file__).parent
LIB = HERE.parents[1] / "lib"


@dataclass(frozen=True)
class Cost:
    """One process, measured from outside: wall and CPU in seconds, peak memory in MB."""

    wall: float
    cpu: float
    peak: float


def measure(*words: str, cwd: Path) -> Cost:
    """Run a command to its end; its output goes nowhere."""
    began = time.perf_counter()
    child = os.fork()
    if child == 0:
        os.chdir(cwd)
        null = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(null, stream)
        os.execvpe(words[0], words, {**os.environ, "PYTHONPATH": str(LIB)})
    _, status, usage = os.wait4(child, 0)
    wall = time.perf_counter() - began
    if status:
        raise SystemExit(f"bench: {' '.join(words)} failed with status {status}")
    return Cost(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def nomad(*words: str) -> tuple[str, ...]:
    return (sys.executable, "-m", "nomad", *words)


@dataclass(frozen=True)
class Case:
    """One workload: what is measured, the ratio to the floor not to exceed, how it is set up."""

    title: str
    target: float
    words: tuple[str, ...]
    prepare: Callable[[Path], None] = lambda _: None


def cleared(project: Path) -> None:
    """Nothing published but the source, and nothing parsed yet."""
    for name in ("l1", "l2", "l3", "l4", "_runs", "_tmp"):
        shutil.rmtree(project / "lake" / name, ignore_errors=True)
    shutil.rmtree(project / "catalog", ignore_errors=True)
    shutil.rmtree(project / ".nomad", ignore_errors=True)


def changed(project: Path) -> None:
    """One table of the third layer says something else."""
    path = min((project / "sql" / "l3").glob("*.sql"))
    text = path.read_text().partition("where ")[0]
    path.write_text(f"{text}where t0.v <> {time.time()}\n")


CASES = (
    Case("all tables built, nothing parsed before", 1.0, nomad("run", "-q"), cleared),
    Case("ls, warm", 0.2, nomad("ls")),
    Case("plan, warm, nothing to do", 0.2, nomad("plan")),
    Case("run, warm, nothing to do", 0.2, nomad("run", "-q")),
    Case("run, one table of the third layer changed", 0.2, nomad("run", "-q"), changed),
)


def main() -> None:
    """Measure every case beside the floor and print the medians and the ratios of the pairs."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--models", type=int, default=500)
    words.add_argument("--rounds", type=int, default=3)
    given = words.parse_args()
    with tempfile.TemporaryDirectory(prefix="nomad-bench-") as folder:
        root = Path(folder)
        make(root, given.models)
        measure(*nomad("extract", "-q"), cwd=root / "nomad")
        measure(*nomad("run", "-q"), cwd=root / "nomad")
        table(root, given.models, given.rounds)


def table(root: Path, count: int, rounds: int) -> None:
    found: dict[str, list[tuple[Cost, Cost]]] = {c.title: [] for c in CASES}
    for _ in range(rounds):
        for case in CASES:
            floor = measure(sys.executable, str(HERE / "floor.py"), cwd=root / "floor")
            case.prepare(root / "nomad")
            found[case.title].append((floor, measure(*case.words, cwd=root / "nomad")))
    print(f"{count} tables, {rounds} rounds, {os.cpu_count()} cores, duckdb {duckdb.__version__}")
    print(f"{'':<44}{'floor s':>8}{'nomad s':>9}{'CPU s':>7}{'MB':>5}{'ratio':>7}{'target':>8}")
    for case in CASES:
        pairs = found[case.title]
        ratio = statistics.median(ours.wall / floor.wall for floor, ours in pairs)
        floor, wall, cpu, peak = (
            statistics.median(values)
            for values in (
                [f.wall for f, _ in pairs],
                [o.wall for _, o in pairs],
                [o.cpu for _, o in pairs],
                [o.peak for _, o in pairs],
            )
        )
        verdict = "met" if ratio <= case.target else "NOT MET"
        print(
            f"{case.title:<44}{floor:>8.2f}{wall:>9.2f}{cpu:>7.2f}{peak:>5.0f}"
            f"{ratio:>7.2f}{case.target:>8.2f}  {verdict}"
        )


if __name__ == "__main__":
    main()
