"""TPC-H's heaviest joins, and a sort of several times the memory, under a low memory limit.

Usage: python tests/bench/spill.py [--scale 10] [--limit 1GB] [--data FOLDER]

`make bench-spill` runs it. It needs about 1 GB of disk for each unit of scale; `--data` keeps what
was generated, for next time.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import duckdb

LIB = Path(__file__).parents[2] / "lib"
QUERIES = (9, 18, 21)
SORT = """\
-- Five columns of the largest table in the order of two: about 75 bytes a row.
select l_orderkey, l_partkey, l_suppkey, l_extendedprice, l_comment
from raw.lineitem
order by l_extendedprice, l_comment
"""
CONFIG = """\
layers: [heavy]
naming: free
timezone: UTC
lake: {{history: 0}}
engine: {{memory_limit: {limit}}}
sources:
"""
ROOM = 1_000_000_000
"""Bytes of disk for each unit of scale: the data, their copy in the lake, the sort, what spills."""

BESIDE = 350
"""MB that a process may take beside the limit, which counts what DuckDB's buffers hold.

A bare script with the same sort takes 260 beside 1 GB: threads, and what their allocator keeps.
"""


@dataclass(frozen=True)
class Watched:
    """One process, watched from outside: seconds, peak memory and the most in scratch, in MB."""

    code: int
    seconds: float
    peak: float
    scratch: float


_ASIDE = """
import os, sys
child = os.posix_spawn(sys.executable, [sys.executable, "-m", "nomad", *sys.argv[1:]], os.environ)
_, status, usage = os.wait4(child, 0)
print(usage.ru_maxrss)
sys.exit(os.waitstatus_to_exitcode(status))
"""
"""Runs nomad as the child of a small process: a child's peak begins with what its parent holds."""


def watched(words: list[str], project: Path, **environ: str) -> Watched:
    """Run nomad in a project to its end, looking at its scratch all the while."""
    env = {**os.environ, "PYTHONPATH": str(LIB), **environ}
    most, ended = [0], threading.Event()
    watcher = threading.Thread(target=_watch, args=(project / "lake" / "_tmp", most, ended))
    watcher.start()
    began = time.monotonic()
    aside = [sys.executable, "-c", _ASIDE, *words]
    done = subprocess.run(aside, cwd=project, env=env, stdout=subprocess.PIPE, check=False)
    seconds = time.monotonic() - began
    ended.set()
    watcher.join()
    return Watched(done.returncode, seconds, int(done.stdout.split()[-1]) / 1024, most[0] / 1e6)


def _watch(folder: Path, most: list[int], ended: threading.Event) -> None:
    while not ended.wait(0.02):
        most[0] = max(most[0], sum(_size(p) for p in folder.glob("*/spill/*")))


def _size(path: Path) -> int:
    try:
        return path.stat().st_blocks * 512
    except FileNotFoundError:
        return 0


def generate(folder: Path, scale: float) -> None:
    """Write TPC-H's tables as Parquet, and the texts of its queries."""
    folder.mkdir(parents=True, exist_ok=True)
    base = folder / "generating.duckdb"
    with duckdb.connect(str(base), config={"memory_limit": "4GB"}) as con:
        con.execute(f"LOAD '{_extension()}'; CALL dbgen(sf={scale})")
        texts = dict(con.execute("SELECT query_nr, query FROM tpch_queries()").fetchall())
        for (name,) in con.execute("SELECT table_name FROM duckdb_tables()").fetchall():
            con.execute(f"COPY {name} TO '{folder}/{name}.parquet' (COMPRESSION zstd)")
    base.unlink()
    (folder / "queries.json").write_text(json.dumps(texts), encoding="utf-8")


def _extension() -> Path:
    """Find the extension's file in the package `duckdb-extension-tpch`."""
    spec = importlib.util.find_spec("duckdb_extension_tpch")
    assert spec
    assert spec.submodule_search_locations
    home = Path(spec.submodule_search_locations[0]) / "extensions" / f"v{duckdb.__version__}"
    return home / "tpch.duckdb_extension"


def make(project: Path, data: Path, limit: str) -> None:
    """Write a project with the tables as sources, and the queries as tables."""
    names = sorted(p.stem for p in data.glob("*.parquet"))
    sources = "".join(f"  {n}: {{connector: file, path: {data / n}.parquet}}\n" for n in names)
    heavy = project / "sql" / "heavy"
    heavy.mkdir(parents=True)
    (project / "nomad.yaml").write_text(CONFIG.format(limit=limit) + sources, encoding="utf-8")
    inputs = ",\n".join(f"{n} as not materialized (from raw.{n})" for n in names)
    texts = json.loads((data / "queries.json").read_text(encoding="utf-8"))
    for n in QUERIES:
        text = f"-- TPC-H, query {n}.\nwith {inputs}\n{texts[str(n)]}"
        (heavy / f"q{n:02}.sql").write_text(text, encoding="utf-8")
    (heavy / "sorted.sql").write_text(SORT, encoding="utf-8")


def main() -> None:
    """Measure each table by itself, then all of them at once."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--scale", type=float, default=10)
    words.add_argument("--limit", default="1GB")
    words.add_argument("--data", type=Path)
    given = words.parse_args()
    with tempfile.TemporaryDirectory(prefix="nomad-spill-") as top:
        free = shutil.disk_usage(top).free
        if free < given.scale * ROOM:
            raise SystemExit(f"spill: {free / 1e9:.0f} GB are free in {top}, too little")
        data = (given.data or Path(top) / "data").resolve()
        if not (data / "queries.json").exists():
            generate(data, given.scale)
        make(Path(top) / "project", data, given.limit)
        sys.exit(table(Path(top) / "project", given.scale, given.limit))


def table(project: Path, scale: float, limit: str) -> int:
    """Print a line for each case; give the exit code."""
    watched(["extract", "-q"], project)
    most = float(duckdb.sql(f"SELECT parse_formatted_bytes('{limit}')").fetchall()[0][0]) / 2**20
    print(f"TPC-H scale {scale:g}, memory_limit {limit}, {os.cpu_count()} cores")
    told = f"peak at most {most + BESIDE:.0f} MB"
    print(f"{'':<24}{'seconds':>9}{'peak MB':>9}{'spilled MB':>12}   {told}")
    bad = 0
    for name in [*(f"q{n:02}" for n in QUERIES), "sorted", "heavy"]:
        seen = watched(["run", name, "--force", "-q"], project)
        left = list((project / "lake" / "_tmp").iterdir())
        met = seen.code == 0 and not left and seen.peak <= most + BESIDE
        bad += not met
        title = "all, two side by side" if name == "heavy" else name
        told = "met" if met else f"NOT MET (exit {seen.code}, {len(left)} left in scratch)"
        print(
            f"{title:<24}{seen.seconds:>9.1f}{seen.peak:>9.0f}{seen.scratch:>12.0f}   {told}",
            flush=True,
        )
    return int(bad > 0)


if __name__ == "__main__":
    main()
