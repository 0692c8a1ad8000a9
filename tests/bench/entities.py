"""A folder of files, one an entity, that all grow: cut into days by nomad and by a bare script.

Usage: python tests/bench/entities.py [--files N] [--days N] [--rows N] [--keep PAGE]

5,000 files with 12 million rows over 3,000 days need 4 GB of disk. Each case is nomad's own, after
what its name says; the script has no memory, and cuts all of it each time.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import NamedTuple

import duckdb
import page
import table
from measure import HERE, Cost, measure, nomad

FIRST = date(2012, 1, 2)
CONFIG = """\
layers: [ods]
timezone: UTC
lake: {history: 0}
sources:
  bars:
    {connector: file, path: "in/*.csv", each: file, dt: trade_date, key: [ts_code, trade_date]}
"""
NAMES = "ts_code,trade_date,open,high,low,close,vol,amount"
HEAD = ("after", "script s", "nomad s", "CPU s", "MB", "ratio", "days published")


class Size(NamedTuple):
    """So many files, days, and rows in all."""

    files: int
    days: int
    rows: int


class Case(NamedTuple):
    """What a landing cost beside the script, and how many days it published."""

    title: str
    script: Cost
    ours: Cost
    days: int

    @property
    def cells(self) -> tuple[str, ...]:
        """Its line of the table."""
        ratio = f"{self.ours.wall / self.script.wall:.3g}"
        costs = (f"{self.ours.wall:.2f}", f"{self.ours.cpu:.2f}", f"{self.ours.peak:.0f}")
        return (self.title, f"{self.script.wall:.2f}", *costs, ratio, str(self.days))


# The folder ------------------------------------------------------------------------------------


def weekdays(count: int) -> list[date]:
    """Give so many days without weekends."""
    every = (FIRST + timedelta(days=n) for n in range(count * 7 // 5 + 7))
    return [d for d in every if d.isoweekday() <= 5][:count]


def code(entity: int) -> str:
    """Name an entity."""
    return f"{entity:06}.SZ"


def line(entity: int, day: date, turn: int = 0) -> str:
    """Write a row of an entity; another `turn`, another price."""
    price = 1000 + (entity * 7919 + day.toordinal() * 104_729 + turn) % 90_000
    cents = (price, price + 37, price - 41, price + turn + 5)
    prices = ",".join(f"{c / 100:.2f}" for c in cents)
    return f"{code(entity)},{day:%Y%m%d},{prices},{price * 3}.0,{price * 31 / 10:.3f}\n"


def first_day(size: Size, entity: int) -> int:
    """Tell how late an entity begins: evenly spread, so that there are so many rows in all."""
    latest = 2 * (size.days - size.rows / size.files)
    return int(latest * entity / max(size.files - 1, 1))


def folder(root: Path, size: Size) -> None:
    """Write all files."""
    (root / "in").mkdir(parents=True)
    (root / "nomad.yaml").write_text(CONFIG)
    days = weekdays(size.days)
    for entity in range(size.files):
        rows = (line(entity, d) for d in days[first_day(size, entity) :])
        (root / "in" / f"{code(entity)}.csv").write_text(f"{NAMES}\n{''.join(rows)}")


def change(root: Path, size: Size) -> None:
    """Correct one price of one file."""
    path, day = root / "in" / f"{code(0)}.csv", weekdays(size.days)[size.days // 2]
    text = path.read_text()
    assert line(0, day) in text
    path.write_text(text.replace(line(0, day), line(0, day, 1)))


def grow(root: Path, size: Size) -> None:
    """Have all files grow by a day."""
    day = weekdays(size.days + 1)[-1]
    for entity in range(size.files):
        with (root / "in" / f"{code(entity)}.csv").open("a") as out:
            out.write(line(entity, day))


# Measuring -------------------------------------------------------------------------------------


def cases(root: Path, size: Size) -> Iterator[Case]:
    """Land the folder as it changes, each time beside the script."""
    acts: dict[str, Callable[[Path, Size], object]] = {
        "nothing was landed": lambda *_: None,
        "nothing changed": lambda *_: None,
        "one file changed": change,
        "each file grew by a day": grow,
    }
    for title, act in acts.items():
        act(root, size)
        script = measure(sys.executable, str(HERE / "entities_floor.py"), cwd=root)
        began = time.time()
        ours = measure(*nomad("extract", "-q"), cwd=root)
        manifests = (root / "lake/raw/bars").glob("dt=*/manifest.json")
        yield Case(title, script, ours, sum(m.stat().st_mtime >= began for m in manifests))
        compare(root)


def compare(root: Path) -> None:
    """See that nomad published the rows of the script, day by day."""
    asked = (
        f"SELECT dt, count(*), sum(hash({NAMES}))"
        " FROM read_parquet('{}/dt=*/*.parquet', hive_partitioning=true) GROUP BY ALL ORDER BY ALL"
    )
    ours, script = (
        duckdb.sql(asked.format(root / where)).fetchall() for where in ("lake/raw/bars", "cut")
    )
    if ours != script:
        raise SystemExit("bench: nomad published other rows than the script")
    rows = sum(count for _, count, _ in ours)
    print(f"{len(ours):,} days, {rows:,} rows: those of the script", file=sys.stderr)


def main() -> None:
    """Measure all cases, and print or keep them."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--files", type=int, default=5_000)
    words.add_argument("--days", type=int, default=3_000)
    words.add_argument("--rows", type=int, default=12_000_000)
    words.add_argument("--keep", type=Path)
    given = words.parse_args()
    size = Size(given.files, given.days, given.rows)
    with tempfile.TemporaryDirectory(prefix="nomad-entities-") as top:
        folder(Path(top), size)
        found = [case.cells for case in cases(Path(top), size)]
    rows = sum(size.days - first_day(size, n) for n in range(size.files))
    told = page.conditions(f"{size.files:,} files, {rows:,} rows, {size.days:,} days", "one run")
    print(f"{told}\n\n{table.plain(HEAD, found)}")
    if given.keep:
        page.keep(given.keep, "extract", page.tabled(HEAD, found, told))


if __name__ == "__main__":
    main()
