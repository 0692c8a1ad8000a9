"""`make bench`: nomad beside a bare script, in turn, several rounds; ratios, not seconds, count.

Usage: python tests/bench/bench.py [--rounds N] [--only SUITE,…] [--models N]
                                   [--days N] [--dates N] [--scale N] [--peers [--cache DIR]]
                                   [--keep PAGE]
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import beside
import cases
import page
import suites
import table
import tpch
import year
from measure import Failed
from peers.tool import cache

MEMORY = 60
"""MB that any run may take beyond its floor."""

ORDER = "startup,W2,W3,W1,year"
"""W1, which makes most files, not right after an installation: for minutes ext4 gives out no inode
of a file that was deleted, and searches past them all."""

Suite = Callable[[Path], Iterator[cases.Line]]


def words() -> argparse.Namespace:
    """Read the command line."""
    found = argparse.ArgumentParser(description=__doc__)
    found.add_argument("--rounds", type=int, default=3)
    found.add_argument("--only", default=ORDER, help=f"suites, with commas between.  [{ORDER}]")
    found.add_argument("--models", type=int, default=500, help="tables of W1")
    found.add_argument("--days", type=int, default=30, help="of the back-fill of W3")
    found.add_argument("--dates", type=int, default=365, help="of the plan of a year")
    found.add_argument("--scale", type=float, default=1, help="of TPC-H")
    found.add_argument("--peers", action="store_true", help="other tools as well")
    found.add_argument("--cache", type=Path, default=cache(), help="where they are installed")
    found.add_argument("--keep", type=Path, metavar="PAGE", help="put the tables in this page")
    return found.parse_args()


def chosen(given: argparse.Namespace) -> dict[str, Suite]:
    """Give the suites asked for, each waiting for its folder."""

    def paired(found: Iterator[cases.Case]) -> Iterator[cases.Line]:
        for case in found:
            print(case.title, file=sys.stderr)
            yield cases.line(case, given.rounds)

    known: dict[str, Suite] = {
        "startup": lambda root: paired(suites.startup(root)),
        "W1": lambda root: paired(suites.many(root, given.models)),
        "W2": lambda root: paired(suites.queries(root, given.scale)),
        "W3": lambda root: paired(suites.days(root, given.days, given.rounds)),
        "year": lambda root: year.lines(root, given.models, given.dates, given.rounds),
    }
    found = {name: known[name] for name in given.only.split(",") if name}
    if "W2" in found and not tpch.extension():
        raise SystemExit(f"bench: {tpch.MISSING}")
    return found


def measured(found: dict[str, Suite]) -> Iterator[cases.Line]:
    """Measure one suite after another, each in a folder of its own; all are deleted at the end."""
    with tempfile.TemporaryDirectory(prefix="nomad-bench-") as folder:
        for name, suite in found.items():
            yield from suite(Path(folder) / name)


def ratios(lines: list[cases.Line], given: argparse.Namespace) -> None:
    """Print the table of ratios, and keep it if asked to."""
    rows = [table.cells(x) for x in lines]
    about = page.conditions(f"medians of {given.rounds} rounds or more")
    print(f"{about}\n\n{table.plain(table.HEAD, rows)}")
    if given.keep:
        page.keep(given.keep, "ratios", page.tabled(table.HEAD, rows, about))


def peers(given: argparse.Namespace) -> None:
    """Measure the other tools as well, print their tables, and keep them if asked to."""
    sizes = beside.Sizes(given.models, given.days, given.scale)
    found = list(beside.outcomes(sizes, given.cache, given.rounds))
    about = page.conditions(beside.versions(), f"medians of {given.rounds} rounds")
    notes = [f"[{n}] {text}" for n, text in enumerate(beside.notes(found), 1)]
    head, seconds, memory = beside.head(), beside.seconds(found), beside.memory(found)
    print(f"\n{about}\n\n{table.plain(head, seconds)}\n", *notes, "", sep="\n")
    print(table.plain(head, memory))
    if given.keep:
        tables = (page.tabled(head, seconds, about), "  \n".join(notes))
        text = "\n\n".join((*tables, page.tabled(head, memory, "CPU seconds and peak memory:")))
        page.keep(given.keep, "peers", text)


def main() -> None:
    """Measure, print, and keep what is asked to be kept."""
    given = words()
    try:
        lines = list(measured(chosen(given)))
        if worst := cases.memory(lines, MEMORY):
            lines.append(worst)
        if lines:
            ratios(lines, given)
        if given.peers:
            peers(given)
    except Failed as e:
        raise SystemExit(f"bench: failed: {e}") from None


if __name__ == "__main__":
    main()
