"""What contracts add: a million trades built with their contract and without, in turn.

Usage: python tests/bench/checks.py [--trades N] [--rounds N]      `make bench` runs it as well.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import sys
import tempfile
from collections import Counter
from datetime import date
from pathlib import Path

import duckdb
from measure import measure, nomad

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests"))
from accounts.generate import Faults, write  # noqa: E402

TARGET = 1.6
DAY = date(2024, 1, 2)
CONFIG = """\
timezone: UTC
sources:
  asset: {connector: file, path: "in/asset/$<PARTITION_DATE>.csv"}
  trade: {connector: file, path: "in/trade/$<PARTITION_DATE>.csv"}
"""


def project(folder: Path, *, contracts: bool, trades: int) -> tuple[Faults, Faults]:
    """The two tables of the second reference set, with the same files."""
    (folder / "sql" / "ods").mkdir(parents=True)
    (folder / "nomad.yaml").write_text(CONFIG, encoding="utf-8")
    for name in ("asset", "trade"):
        for ending in ("sql", "yml") if contracts else ("sql",):
            path = ROOT / "sql" / "ods" / f"ods_{name}.{ending}"
            shutil.copy(path, folder / "sql" / "ods")
    faults = write(folder / "in", DAY, accounts=5_000, count=trades, share=0.01)
    measure(*nomad("extract", "--dt", str(DAY), "-q"), cwd=folder)
    return faults


def compare(folder: Path, seeded: tuple[Faults, Faults]) -> None:
    """Hold what is in quarantine against the generator's own list, and print the counts."""
    for table, faults in zip(("asset", "trade"), seeded, strict=True):
        (path,) = (folder / "lake" / "_quarantine" / "ods" / f"ods_{table}").rglob("*.parquet")
        rows = duckdb.sql(f"SELECT _row_number, unnest(_tests) FROM '{path}'").fetchall()
        found = {(int(n), str(t)) for n, t in rows}
        print(
            f"ods_{table}: {len(faults):,} faults seeded, {len(found & faults):,} found,"
            f" {len(found - faults):,} invented"
        )
        for test, count in sorted(Counter(t for _, t in found).items()):
            print(f"  {test:<32}{count:>8,}")
        if found != faults:
            raise SystemExit("checks: what was found is not what was seeded")


def main() -> None:
    """Measure both in turn, after a round that warms up."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--trades", type=int, default=1_000_000)
    words.add_argument("--rounds", type=int, default=3)
    given = words.parse_args()
    run = nomad("run", "--dt", str(DAY), "--force", "-q")
    with tempfile.TemporaryDirectory(prefix="nomad-checks-") as top:
        plain, checked = Path(top) / "plain", Path(top) / "checked"
        project(plain, contracts=False, trades=given.trades)
        seeded = project(checked, contracts=True, trades=given.trades)
        pairs = [(measure(*run, cwd=plain), measure(*run, cwd=checked))
                 for _ in range(given.rounds + 1)][1:]  # fmt: skip
        compare(checked, seeded)
    ratio = statistics.median(c.wall / p.wall for p, c in pairs)
    without, with_ = (statistics.median(x.wall for x in side) for side in zip(*pairs, strict=True))
    told = "met" if ratio <= TARGET else "not met"
    print(
        f"{given.trades:,} trades: {without:.2f} s without a contract, {with_:.2f} s with it,"
        f" ratio {ratio:.2f}, target {TARGET} ({told})"
    )


if __name__ == "__main__":
    main()
