"""What is measured, against which targets: a suite makes its projects and gives its cases."""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import prices
import same
import tpch
import trivial
from cases import Case, words
from measure import floor, measure, nomad
from projects import write_floor, write_nomad
from workload import Workload, named


def cleared(project: Path, floor: Path, work: Workload) -> None:
    """Leave nothing published but the sources, and nothing parsed or remembered; of both sides.

    What was there is put aside, not deleted: for some seconds ext4 gives out no inode of a deleted
    file, and to search past thousands of them would be measured as the next run's work.
    """
    aside = Path(tempfile.mkdtemp(prefix="cleared-", dir=project.parent))
    names = (
        *(f"lake/{n}" for n in (*work.layers, "_runs", "_tmp", "_history")),
        "catalog",
        ".nomad",
    )
    for found in (floor / "out", *(project / n for n in names)):
        if found.exists():
            found.rename(aside / found.name)


def startup(root: Path) -> Iterator[Case]:
    """`--help`, `--version` and completion, beside the import of click alone."""
    root.mkdir()
    (root / "nomad.yaml").write_text("sources: {}\n")
    asked = (("_NOMAD_COMPLETE", "bash_complete"), ("COMP_WORDS", "nomad ru"), ("COMP_CWORD", "1"))
    click = words(sys.executable, "-c", "import click")
    for title, given, more in (
        ("--help", ("--help",), ()),
        ("--version", ("--version",), ()),
        ("completion of a command", (), asked),
    ):
        yield Case(title, 3, words(*nomad(*given)), click, root, root, more=more, times=5)


def many(root: Path, count: int) -> Iterator[Case]:
    """W1: many trivial tables, all built, then listed, planned, run again, one changed."""
    work = trivial.full(count, root / "data")
    project, aside = write_nomad(root / "nomad", work), write_floor(root / "floor", work)

    def case(title: str, target: float, *given: str, **more: object) -> Case:
        title = f"W1, {count} tables: {title}"
        return Case(title, target, words(*nomad(*given)), words(*floor()), project, aside, **more)

    yield case(
        "all built, nothing parsed before", 0.6, "run", "-q",
        prepare=lambda: cleared(project, aside, work),
        check=lambda: checked(work, project, aside),
    )  # fmt: skip
    yield case("ls", 0.08, "ls")
    yield case("plan, nothing to do", 0.08, "plan")
    yield case("run, nothing to do", 0.08, "run", "-q")
    model = named(work.models, "m2_0000")
    yield case(
        "run, one table changed", 0.15, "run", "-q",
        prepare=lambda: change(project, model.layer, model.name),
        check=lambda: built(project, work.above(model.name)),
    )  # fmt: skip


def checked(work: Workload, project: Path, aside: Path) -> None:
    """Compare the rows with the floor's, and say how many there were."""
    rows = same.check(work, project, aside)
    print(f"  {len(work.models)} tables, {rows:,} rows: those of the floor", file=sys.stderr)


def change(project: Path, layer: str, name: str) -> None:
    """Have one table give other rows than ever before."""
    path = project / "sql" / layer / f"{name}.sql"
    query = path.read_text().split("\nfrom", maxsplit=1)
    first = query[0].split(" + 1e-9 * ")[0].removesuffix(" as v")
    path.write_text(f"{first} + 1e-9 * {time.time()} as v\nfrom{query[1]}")


def built(project: Path, expected: set[str]) -> None:
    """See that the last run built these tables and no other."""
    found = [json.loads(p.read_text()) for p in (project / "lake").glob("*/*/manifest.json")]
    last = max(m["run_id"] for m in found)
    names = {m["dest"].split(".")[1] for m in found if m["run_id"] == last}
    if names != expected:
        raise SystemExit(f"bench: built were {sorted(names)}, not {sorted(expected)}")
    print(f"  built: {', '.join(sorted(names))}", file=sys.stderr)


def queries(root: Path, scale: float) -> Iterator[Case]:
    """W2: the 22 queries of TPC-H."""
    work = tpch.workload(root / "data", scale)
    project, aside = write_nomad(root / "nomad", work), write_floor(root / "floor", work)
    yield Case(
        f"W2, TPC-H at scale {scale:g}: 22 queries", 1.1,
        words(*nomad("run", "-q")), words(*floor()), project, aside,
        prepare=lambda: cleared(project, aside, work),
        check=lambda: checked(work, project, aside),
        times=3,
    )  # fmt: skip


def days(root: Path, count: int, rounds: int) -> Iterator[Case]:
    """W3: the next day of six tables in a chain; and a month of days at once."""
    times = 3
    span = max(count, rounds * times + 2)
    work = prices.workload(root / "data", span)
    edge = (prices.day(0), prices.day(span - 1))
    project = write_nomad(root / "nomad", work, days=edge)
    aside = write_floor(root / "floor", work)
    measure(*nomad("run", "-q", "--dt", prices.day(0)), cwd=project)
    measure(*floor(prices.day(0)), cwd=aside)
    yield Case(
        "W3, six tables: the next day", 1.8,
        lambda n: nomad("run", "-q", "--dt", prices.day(n + 1)),
        lambda n: floor(prices.day(n + 1)), project, aside,
        check=lambda: checked(work, project, aside),
        times=times,
    )  # fmt: skip
    month = [prices.day(n) for n in range(count)]
    yield Case(
        f"W3, six tables: {count} days, jobs 2", 0.6,
        words(*nomad("backfill", "-q", "--from", month[0], "--to", month[-1], "-j", "2")),
        words(*floor(*month)), project, aside,
        prepare=lambda: cleared(project, aside, work),
        check=lambda: checked(work, project, aside),
    )  # fmt: skip
