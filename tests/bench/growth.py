"""What nomad's commands cost as tables and dates become many, in CPU seconds.

Usage: python tests/bench/growth.py [--tables N,…] [--dates N,…] [--rounds N] [--keep PAGE]

With --keep, the page gets the table, and the folder named like the page growth.csv and growth.svg.
"""

from __future__ import annotations

import argparse
import csv
import functools
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cases
import page
import picture
import spread
import suites
import table
import trivial
import year
from measure import Cost, measure, nomad
from projects import write_nomad

from nomad.partitions import Partition

FOUR = 4
"""Tables of the lakes that grow by dates: one in each layer."""

COMMANDS = {
    "plan": ("plan",),
    "status": ("status",),
    "catalog refresh": ("catalog", "refresh"),
    "run, nothing to do": ("run", "-q"),
    "run, one cell to build": ("run", "-q"),
}


@dataclass(frozen=True)
class Point:
    """What a command cost in a lake of so many tables and dates (0: full tables)."""

    tables: int
    dates: int
    command: str
    cost: Cost

    @property
    def axis(self) -> str:
        """What grows."""
        return "dates" if self.dates else "tables"

    @property
    def size(self) -> int:
        """How far it has grown."""
        return self.dates or self.tables


def by_tables(root: Path, count: int, rounds: int) -> Iterator[Point]:
    """Measure full tables: the one cell is a table of the last layer with other SQL."""
    work = trivial.full(count, root / "data")
    project = write_nomad(root / "nomad", work)
    measure(*nomad("run", "-q"), cwd=project)
    spread.age()
    spoil = functools.partial(suites.change, project, "l4", "m4_0000")
    for command, cost in _costs(project, (), spoil, rounds):
        yield Point(count, 0, command, cost)


def by_dates(root: Path, count: int, rounds: int) -> Iterator[Point]:
    """Measure a few tables with many dates: the one cell is lost from the last layer."""
    project, last = year.lake(root, FOUR, count)
    cell = project / "lake" / "l4" / "m4_0000" / Partition(last).folder
    span = ("--from", str(year.FIRST), "--to", str(last))
    spoil = functools.partial(shutil.rmtree, cell)
    for command, cost in _costs(project, span, spoil, rounds):
        yield Point(FOUR, count, command, cost)


def _costs(
    project: Path, span: Sequence[str], spoil: Callable[[], None], rounds: int
) -> Iterator[tuple[str, Cost]]:
    """Measure every command after a round that warms up; `spoil` makes one cell stale."""
    for title, given in COMMANDS.items():
        found = []
        for n in range(rounds + 1):
            if title == "run, one cell to build":
                spoil()
            dated = span if given[0] != "catalog" else ()
            cost = measure(*nomad(*given, *dated), cwd=project)
            found += [cost] if n else []
        yield title, cases.median(found)


def points(tables: Sequence[int], dates: Sequence[int], rounds: int) -> Iterator[Point]:
    """Measure lake after lake, each in a folder that goes with it."""
    for measured, counts in ((by_tables, tables), (by_dates, dates)):
        for count in counts:
            print(f"{measured.__name__} {count}", file=sys.stderr)
            with tempfile.TemporaryDirectory(prefix="nomad-growth-") as place:
                yield from measured(Path(place) / "here", count, rounds)


def rows(found: Sequence[Point]) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Arrange CPU seconds: a line for each command, a column for each lake."""
    lakes = list(dict.fromkeys((p.axis, p.size) for p in found))
    cpu = {(p.axis, p.size, p.command): f"{p.cost.cpu:.2f}" for p in found}
    head = ("CPU seconds", *(f"{size:,} {axis}" for axis, size in lakes))
    return head, [(c, *(cpu[(*lake, c)] for lake in lakes)) for c in COMMANDS]


def save(found: Sequence[Point], path: Path) -> None:
    """Write the points as CSV."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as f:
        out = csv.writer(f, lineterminator="\n")
        out.writerow(("tables", "dates", "command", "cpu_s", "wall_s", "peak_mb"))
        for p in found:
            costs = (f"{p.cost.cpu:.3f}", f"{p.cost.wall:.3f}", f"{p.cost.peak:.0f}")
            out.writerow((p.tables, p.dates, p.command, *costs))


def main() -> None:
    """Measure, print, and keep what is asked to be kept."""
    given = words()
    found = list(points(given.tables, given.dates, given.rounds))
    head, lines = rows(found)
    print(table.plain(head, lines))
    if given.keep:
        text = page.tabled(head, lines, page.conditions(f"median of {given.rounds} rounds"))
        page.keep(given.keep, "growth", text)
        save(found, given.keep.with_suffix("") / "growth.csv")
        lists = {a: _lines([p for p in found if p.axis == a]) for a in ("tables", "dates")}
        picture.draw(lists, given.keep.with_suffix("") / "growth.svg")


def _lines(found: Sequence[Point]) -> dict[str, list[tuple[int, float]]]:
    return {c: [(p.size, p.cost.cpu) for p in found if p.command == c] for c in COMMANDS}


def words() -> argparse.Namespace:
    """Read the command line."""

    def numbers(text: str) -> list[int]:
        return [int(n) for n in text.split(",") if n]

    found = argparse.ArgumentParser(description=__doc__)
    found.add_argument("--tables", type=numbers, default=[50, 500, 5000])
    found.add_argument("--dates", type=numbers, default=[30, 365, 3650])
    found.add_argument("--rounds", type=int, default=3)
    found.add_argument("--keep", type=Path, metavar="PAGE")
    return found.parse_args()


if __name__ == "__main__":
    main()
