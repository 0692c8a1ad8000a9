"""A backfill of four layers over thousands of dates, killed three times and resumed.

It must end with the content of one that nobody disturbed, and run no step twice but those that were
in flight at a kill. Prints the rate. Usage: python tests/bench/backfill.py [--days N] [--jobs N]
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from datetime import date, timedelta
from pathlib import Path

LIB = Path(__file__).parents[2] / "lib"
LAYERS = ("ods", "dwd", "dwm", "dws")
FIRST = date(2015, 1, 1)


def make(root: Path) -> None:
    """A table of each layer, each from the one below at the same date."""
    (root / "nomad.yaml").parent.mkdir(parents=True)
    (root / "nomad.yaml").write_text(f"layers: [{', '.join(LAYERS)}]\ntimezone: UTC\n")
    queries = ["select range as k, range * 2 as v from range(20) where '$<PARTITION_DATE>' > ''"]
    queries += [
        f"select k, v + 1 as v from {layer}.{layer}_a where dt = '$<PARTITION_DATE>'"
        for layer in LAYERS[:-1]
    ]
    for layer, query in zip(LAYERS, queries, strict=True):
        path = root / "sql" / layer / f"{layer}_a.sql"
        path.parent.mkdir(parents=True)
        path.write_text(query + "\n")


def backfill(root: Path, days: int, jobs: int, *, kill_after: int = 0) -> int:
    """Run it, perhaps killing it once so many steps are done; give the steps it published."""
    last = FIRST + timedelta(days - 1)
    words = ["backfill", "--from", str(FIRST), "--to", str(last), "--jobs", str(jobs)]
    run = subprocess.Popen(
        [sys.executable, "-m", "nomad", *words, "--log-format", "json", "-q"],
        cwd=root, env={**os.environ, "PYTHONPATH": str(LIB)}, text=True,
        stderr=subprocess.PIPE, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    done = 0
    with run:
        assert run.stderr
        for line in run.stderr:
            done += '"status": "published"' in line
            if kill_after and done == kill_after:
                run.kill()
    if run.returncode != (-9 if kill_after else 0):
        raise SystemExit(f"backfill: ended with {run.returncode}")
    return done


def content(root: Path) -> dict[str, str]:
    """The content hash of each partition."""
    paths = sorted((root / "lake").glob("*/*/dt=*/manifest.json"))
    return {str(p.relative_to(root)): json.loads(p.read_text())["content_hash"] for p in paths}


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--days", type=int, default=3650)
    words.add_argument("--jobs", type=int, default=2)
    words.add_argument("--seed", type=int, default=7)
    given = words.parse_args()
    cells = given.days * len(LAYERS)
    rng = random.Random(given.seed)
    with tempfile.TemporaryDirectory(prefix="nomad-backfill-") as folder:
        whole, killed = Path(folder) / "whole", Path(folder) / "killed"
        make(whole)
        make(killed)
        began = time.monotonic()
        backfill(whole, given.days, given.jobs)
        seconds = time.monotonic() - began
        print(f"undisturbed: {cells} steps in {seconds:.1f} s, {cells / seconds:.1f} a second")
        kills = [rng.randrange(cells // 20, cells // 4) for _ in range(3)]
        steps = [backfill(killed, given.days, given.jobs, kill_after=n) for n in kills]
        steps.append(backfill(killed, given.days, given.jobs))
        same = content(whole) == content(killed)
    told = " + ".join(map(str, steps))
    print(f"killed three times: {told} = {sum(steps)} steps told of, for {cells} partitions")
    print(f"content of all {cells} partitions: {'the same' if same else 'NOT THE SAME'}")
    most = cells + given.jobs * len(kills)
    if not same or not cells - given.jobs * len(kills) <= sum(steps) <= most:
        raise SystemExit("backfill: not as it should be")


if __name__ == "__main__":
    main()
