"""A day of six tables on Ceph's gateway, beside a script that goes through httpfs.

Usage: python tests/bench/ceph.py [--rounds N] [--keep PAGE]
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path

import page
import prices
import table
from cases import Case, line
from measure import HERE, measure, nomad
from projects import write_floor, write_nomad
from workload import Workload

sys.path.insert(0, str(HERE.parent))
from servers import gateway

TARGET = 1.5
BUCKET = "s3://bench"


def on_s3(folder: Path) -> Path:
    """Turn a floor's statements to a bucket."""
    path = folder / "statements.json"
    moved = [[n, s.replace("'out/", f"'{BUCKET}/out/")] for n, s in json.loads(path.read_text())]
    path.write_text(json.dumps({"bucket": BUCKET, "statements": moved}))
    return folder


def source_on_s3(work: Workload, days: int) -> Workload:
    """Have the floor read its source from the bucket as well."""
    from floor_s3 import connect

    con = connect()
    for n in range(days):
        day = prices.day(n)
        path = work.sources["prices"].replace("{day}", day)
        con.execute(f"COPY (FROM '{path}') TO '{BUCKET}/data/dt={day}/0.parquet'")
    con.close()
    return Workload(work.models, {"prices": f"{BUCKET}/data/dt={{day}}/0.parquet"})


def case(root: Path, rounds: int) -> Case:
    """The next day, each round another one."""
    work = prices.workload(root / "data", rounds + 2)
    edge = (prices.day(0), prices.day(rounds + 1))
    project = write_nomad(root / "nomad", work, days=edge, lake=f"{BUCKET}/lake")
    aside = on_s3(write_floor(root / "floor", source_on_s3(work, rounds + 2)))

    def script(day: str) -> tuple[str, ...]:
        return (sys.executable, str(HERE / "floor_s3.py"), day)

    measure(*nomad("run", "-q", "--dt", prices.day(0)), cwd=project)
    measure(*script(prices.day(0)), cwd=aside)
    return Case(
        "W3 on Ceph, six tables: the next day", TARGET,
        lambda n: nomad("run", "-q", "--dt", prices.day(n + 1)),
        lambda n: script(prices.day(n + 1)), project, aside,
    )  # fmt: skip


def main() -> None:
    """Start the server, measure, print a line."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--rounds", type=int, default=5)
    words.add_argument("--keep", type=Path, metavar="PAGE")
    given = words.parse_args()
    with tempfile.TemporaryDirectory(prefix="nomad-bench-") as top:
        root = Path(top)
        with gateway(root / "ceph") as server:
            os.environ.update(server.environ())
            client = server.client()
            client.create_bucket(Bucket="bench")
            client.close()
            found = line(case(root, given.rounds), given.rounds)
    about = page.conditions(f"medians of {given.rounds} rounds; Ceph's gateway on this machine")
    rows = [table.cells(found)]
    print(f"{about}\n\n{table.plain(table.HEAD, rows)}")
    if given.keep:
        page.keep(given.keep, "s3", page.tabled(table.HEAD, rows, about))


if __name__ == "__main__":
    main()
