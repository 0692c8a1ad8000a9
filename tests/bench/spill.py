"""TPC-H's heaviest joins, a sort of several times the memory, and what runs out of memory.

Usage: python tests/bench/spill.py [--scale 10] [--limit 1GB] [--data FOLDER] [--keep PAGE]

It needs about 1 GB of disk for each unit of scale; `--data` keeps what was generated, for next
time.
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
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
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

SHORT = "200MB"
"""Too little for two threads that unpack long texts, enough for one."""

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


def make_short(project: Path, data: Path) -> None:
    """Write a project with too little memory for two threads: a column of long texts."""
    rows = "SELECT i, repeat(md5(CAST(i AS VARCHAR)), 12) AS s FROM range(500000) AS t(i)"
    duckdb.execute(f"COPY ({rows}) TO '{data}/texts.parquet' (COMPRESSION zstd)")
    (project / "sql" / "heavy").mkdir(parents=True)
    source = f"  texts: {{connector: file, path: {data}/texts.parquet}}\n"
    (project / "nomad.yaml").write_text(CONFIG.format(limit=SHORT) + source, encoding="utf-8")
    query = "-- A thread takes some 136 MB.\nselect sum(length(s)) as n from raw.texts\n"
    (project / "sql" / "heavy" / "texts.sql").write_text(query, encoding="utf-8")


def retried(project: Path) -> str | None:
    """Say what the journal of the last run has for `retried`."""
    *_, last = sorted((project / "lake" / "_runs").rglob("*.jsonl"))
    events = map(json.loads, last.read_text(encoding="utf-8").splitlines())
    found: str | None = next((e["retried"] for e in events if e.get("retried")), None)
    return found


def main() -> None:
    """Measure each table by itself, then all of them at once; then one that must be retried."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--scale", type=float, default=10)
    words.add_argument("--limit", default="1GB")
    words.add_argument("--data", type=Path)
    words.add_argument("--keep", type=Path, metavar="PAGE", help="put the table in this page")
    given = words.parse_args()
    with tempfile.TemporaryDirectory(prefix="nomad-spill-") as top:
        free = shutil.disk_usage(top).free
        if free < given.scale * ROOM:
            raise SystemExit(f"spill: {free / 1e9:.0f} GB are free in {top}, too little")
        rows = list(shown(measured(Path(top), given)))
    if given.keep:
        import page

        about = page.conditions(f"TPC-H at scale {given.scale:g}", "one run each")
        page.keep(given.keep, "spill", page.tabled(HEAD, rows, about))
    sys.exit(any(row[-1] != "met" for row in rows))


HEAD = ("what", "memory_limit", "s", "peak MB", "spilled MB", "most MB", "")
WIDTHS = (27, 12, 8, 8, 10, 8, 8)


def shown(rows: Iterator[tuple[str, ...]]) -> Iterator[tuple[str, ...]]:
    """Print each line as it comes."""
    for row in chain([HEAD], rows):
        print(*(c.rjust(w) for c, w in zip(row, WIDTHS, strict=True)), flush=True)
        if row is not HEAD:
            yield row


def measured(top: Path, given: argparse.Namespace) -> Iterator[tuple[str, ...]]:
    """Give a line for each case."""
    data = (given.data or top / "data").resolve()
    if not (data / "queries.json").exists():
        generate(data, given.scale)
    make(top / "project", data, given.limit)
    watched(["extract", "-q"], top / "project")
    for name in [*(f"q{n:02}" for n in QUERIES), "sorted", "heavy"]:
        title = "all in one run" if name == "heavy" else name
        yield case(title, top / "project", name, given.limit)
    (top / "few").mkdir()
    make_short(top / "short", top / "few")
    watched(["extract", "-q"], top / "short")
    title, *figures, verdict = case("too little for two threads", top / "short", "texts", SHORT)
    told = retried(top / "short")
    yield (title, *figures, verdict if told else "NOT MET: the journal names no retry")


def case(title: str, project: Path, name: str, limit: str) -> tuple[str, ...]:
    """Measure one run; met is what ends well within its memory and leaves no scratch."""
    most = float(duckdb.sql(f"SELECT parse_formatted_bytes('{limit}')").fetchall()[0][0]) / 2**20
    seen = watched(["run", name, "--force", "-q"], project)
    left = list((project / "lake" / "_tmp").iterdir())
    met = seen.code == 0 and not left and seen.peak <= most + BESIDE
    told = "met" if met else f"NOT MET (exit {seen.code}, {len(left)} left in scratch)"
    figures = (f"{seen.seconds:.1f}", f"{seen.peak:.0f}", f"{seen.scratch:.0f}")
    return (title, limit, *figures, f"{most + BESIDE:.0f}", told)


if __name__ == "__main__":
    main()
