"""The plan of many tables over a year in which all is fresh: CPU and memory, without a floor."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import spread
import trivial
from cases import Line, median
from measure import measure, nomad
from projects import write_nomad

FIRST = date(2023, 1, 1)
CPU, MEMORY = 2, 300


def lake(root: Path, count: int, dates: int) -> tuple[Path, date]:
    """Build one day, publish it on all others; give the project and the last day."""
    found = spread.days(FIRST, dates)
    work = trivial.by_day(count, root / "data", str(FIRST))
    project = write_nomad(root / "nomad", work, days=(str(FIRST), str(FIRST)))
    measure(*nomad("run", "-q", "--dt", str(FIRST)), cwd=project)
    spread.spread(project, FIRST, found[1:])
    spread.age()
    spread.all_fresh(project, found[0], found[-1], count * dates)
    return project, found[-1]


def lines(root: Path, count: int, dates: int, rounds: int) -> Iterator[Line]:
    """Measure the plan; one line for CPU, one for memory."""
    title = f"plan, {count} tables x {dates} dates, all fresh"
    print(title, file=sys.stderr)
    project, last = lake(root, count, dates)
    plan = nomad("plan", "--from", str(FIRST), "--to", str(last))
    ours = median(measure(*plan, cwd=project) for _ in range(rounds))
    yield Line(f"{title}: CPU", None, ours, ours.cpu, CPU, "s")
    yield Line(f"{title}: memory", None, ours, ours.peak, MEMORY, "MB")
