"""A large lake quickly: one day that nomad built, published on many other days as well.

Only for workloads whose rows are the same every day: then each manifest says what nomad itself
would have written, and the data files may be hard links to those of the first day.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterable
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

from measure import nomad

from nomad.lake.decoding import from_json
from nomad.lake.layout import MANIFEST, SUCCESS
from nomad.lake.manifest import Input, Manifest
from nomad.partitions import Partition


def days(first: date, count: int) -> list[date]:
    """Give so many days."""
    return [first + timedelta(days=n) for n in range(count)]


def spread(project: Path, first: date, others: Iterable[date]) -> int:
    """Publish what `first` has in all tables and sources on the other days; give the manifests."""
    wanted = list(others)
    found = sorted((project / "lake").glob(f"*/*/{Partition(first).folder}/{MANIFEST}"))
    for path in found:
        known = from_json(path.read_bytes(), where=str(path))
        for day in wanted:
            _again(path.parent, path.parents[1] / Partition(day).folder, on(known, day))
    return len(found) * len(wanted)


def on(known: Manifest, day: date) -> Manifest:
    """The same rows, of the same inputs' rows, on another day."""
    inputs = tuple(_moved(i, day) for i in known.inputs)
    return replace(known, partition=Partition(day), inputs=inputs)


def _moved(found: Input, day: date) -> Input:
    return found._replace(first=str(day), last=str(day)) if found.first else found


def _again(old: Path, new: Path, manifest: Manifest) -> None:
    new.mkdir()
    for name in (*(f.name for f in manifest.files), SUCCESS):
        os.link(old / name, new / name)
    (new / MANIFEST).write_bytes(manifest.to_json())


def age(seconds: float = 2.5) -> None:
    """Wait until files just written are old enough to be told apart by their times."""
    time.sleep(seconds)


def all_fresh(project: Path, first: date, last: date, expected: int) -> None:
    """See that nomad finds every partition fresh, by its own words."""
    span = ("--from", str(first), "--to", str(last))
    done = subprocess.run(
        nomad("plan", *span, "-o", "json"), cwd=project, capture_output=True, check=True
    )
    steps = json.loads(done.stdout)["steps"]
    other = [s for s in steps if s["action"] != "fresh"]
    if other or len(steps) != expected:
        raise SystemExit(f"bench: {len(steps)} of {expected} steps, not fresh: {other[:3]}")
