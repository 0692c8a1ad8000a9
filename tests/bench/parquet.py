"""What row groups, codec, file size and sorting cost and gain, in turns, as ratios to the default.

Usage: python tests/bench/parquet.py [--rows 5000000] [--rounds 3] [--sorted-rows 1000000]

docs/parquet.md has the outcome.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

import duckdb

from bench import measure, nomad
from nomad.engine.session import _PARQUET

TRADES = """\
select
    i as id,
    'A' || lpad((hash(i) % 5000)::varchar, 6, '0') as account_id,
    'T20240102' || lpad(i::varchar, 8, '0') as traded_id,
    ['000001.SZ', '000333.SZ', '300750.SZ', '600519.SH'][1 + (hash(i + 1) % 4)::int] as stock_code,
    ['momentum', 'reversal', 'pairs', 'index'][1 + (hash(i + 2) % 4)::int] as strategy_name,
    (48 + hash(i + 3) % 7)::int as offset_flag,
    ((100 + hash(i + 4) % 50000) / 100)::decimal(20, 2) as traded_price,
    (1 + hash(i + 5) % 50)::bigint * 100 as traded_volume,
    (traded_price * traded_volume)::decimal(20, 2) as traded_amount,
    timestamp '2024-01-02 09:30:00' + to_milliseconds(i * 18000000 // {rows}) as traded_time
from range({rows}) as r(i)"""

CASES = {
    "as nomad writes": "",
    "row groups of 61,440": "ROW_GROUP_SIZE 61440",
    "row groups of 245,760": "ROW_GROUP_SIZE 245760",
    "row groups of 1,000,000": "ROW_GROUP_SIZE 1000000",
    "snappy": "COMPRESSION snappy",
    "zstd, level 1": "COMPRESSION_LEVEL 1",
    "zstd, level 9": "COMPRESSION_LEVEL 9",
    "encodings of version 2": "PARQUET_VERSION v2",
    "4 files": "files 4",
    "16 files": "files 16",
    "64 files": "files 64",
}
MEASURES = ("write", "bytes", "full scan", "one minute", "one key")
CONFIG = """\
layers: [ods]
timezone: UTC
sources:
  trade: {connector: file, path: "in.parquet"}
"""


def timed(con: duckdb.DuckDBPyConnection, *statements: str) -> float:
    """Run statements; give the seconds they take."""
    began = time.perf_counter()
    for statement in statements:
        con.execute(statement).fetchall()
    return time.perf_counter() - began


def copies(folder: Path, options: str, rows: int) -> list[str]:
    """Write the COPY of one case; of several files, one after the other, as `compact` does."""
    pieces = int(options.removeprefix("files ")) if options.startswith("files") else 1
    said = {} if pieces > 1 or not options else {options.split(maxsplit=1)[0]: options}
    kept = [o for o in _PARQUET.split(", ") if o.split()[0] not in said]
    each = -(-rows // pieces)
    return [
        f"COPY (FROM trades WHERE id >= {n * each} AND id < {(n + 1) * each})"
        f" TO '{folder}/{n:03}.parquet' ({', '.join([*kept, *said.values()])})"
        for n in range(pieces)
    ]


def one(con: duckdb.DuckDBPyConnection, folder: Path, options: str, rows: int) -> list[float]:
    """Write one case and read it; give its measures."""
    folder.mkdir(exist_ok=True)
    source = f"read_parquet('{folder}/*.parquet')"
    write = timed(con, *copies(folder, options, rows))
    size = sum(p.stat().st_size for p in folder.iterdir())
    full = timed(con, f"SELECT sum(hash(COLUMNS(*))) FROM {source}")
    minute = "traded_time BETWEEN '2024-01-02 10:00:00' AND '2024-01-02 10:01:00'"
    few = timed(con, f"SELECT sum(traded_amount) FROM {source} WHERE {minute}")
    keys = [f"T20240102{n * 7919 * 613 % rows:08}" for n in range(9)]
    point = timed(con, *(f"SELECT * FROM {source} WHERE traded_id = '{k}'" for k in keys))
    return [write, float(size), full, few, point / len(keys)]


def settings(rows: int, rounds: int) -> None:
    """Measure each case in turn and print its ratio to what nomad writes."""
    con = duckdb.connect()
    con.execute("SET enable_external_file_cache = false")
    con.execute(f"CREATE TABLE trades AS {TRADES.format(rows=rows)}")
    with tempfile.TemporaryDirectory(prefix="nomad-parquet-") as top:
        found: dict[str, list[list[float]]] = {case: [] for case in CASES}
        for turn in range(rounds + 1):
            for n, (case, options) in enumerate(CASES.items()):
                measured = one(con, Path(top) / str(n), options, rows)
                found[case] += [measured] if turn else []
    _told(rows, found)


def _told(rows: int, found: dict[str, list[list[float]]]) -> None:
    base = found["as nomad writes"]
    write, size, *scans = _medians(base)
    told = ", ".join(f"{m} {s * 1000:.0f} ms" for m, s in zip(MEASURES[2:], scans, strict=True))
    print(f"{rows:,} trades, {_PARQUET}: written in {write:.2f} s, {size / 1e6:.0f} MB, {told}")
    print(f"{'ratio to that':<26}" + "".join(f"{m:>18}" for m in MEASURES))
    for case, turns in found.items():
        ratios = _medians(
            [a / b for a, b in zip(turn, first, strict=True)]
            for turn, first in zip(turns, base, strict=True)
        )
        print(f"{case:<26}" + "".join(f"{r:>18.2f}" for r in ratios))


def _medians(turns: Iterable[list[float]]) -> list[float]:
    return [statistics.median(column) for column in zip(*turns, strict=True)]


# Sorting -----------------------------------------------------------------------------------------


def project(folder: Path, source: Path, key: str) -> Path:
    """Make a project of one table, whose contract declares a key or none."""
    (folder / "sql" / "ods").mkdir(parents=True)
    (folder / "nomad.yaml").write_text(CONFIG, encoding="utf-8")
    (folder / "in.parquet").symlink_to(source)
    (folder / "sql/ods/ods_trade.sql").write_text("-- Trades.\nselect * from raw.trade\n")
    (folder / "sql/ods/ods_trade.yml").write_text(f"description: Trades.\n{key}")
    measure(*nomad("extract", "-q"), cwd=folder)
    return folder


def built(con: duckdb.DuckDBPyConnection, folder: Path, rows: int) -> list[float]:
    """Build the table; give seconds, bytes, and the seconds of a look-up by its key."""
    seconds = measure(*nomad("run", "--force", "-q"), cwd=folder).wall
    (path,) = (folder / "lake/ods/ods_trade").glob("*.parquet")
    keys = [f"T20240102{n * 7919 * 613 % rows:08}" for n in range(9)]
    asked = (f"SELECT * FROM '{path}' WHERE traded_id = '{k}'" for k in keys)
    return [seconds, float(path.stat().st_size), timed(con, *asked) / len(keys)]


def sorting(rows: int, rounds: int) -> None:
    """Build one table with a key and without, of rows that come in order and shuffled."""
    con = duckdb.connect()
    con.execute("SET enable_external_file_cache = false")
    for said, order in (("in order", "id"), ("shuffled", "hash(id)")):
        with tempfile.TemporaryDirectory(prefix="nomad-sorted-") as top:
            source = Path(top) / "in.parquet"
            con.execute(f"COPY ({TRADES.format(rows=rows)} ORDER BY {order}) TO '{source}'")
            plain = project(Path(top) / "plain", source, "")
            keyed = project(Path(top) / "keyed", source, "unique_key: [traded_id]\n")
            pairs = [(built(con, plain, rows), built(con, keyed, rows)) for _ in range(rounds + 1)]
        ratios = _medians([b / a for a, b in zip(*pair, strict=True)] for pair in pairs[1:])
        print(f"{rows:,} rows, {said}; sorted by key to not: build {ratios[0]:.2f},"
              f" bytes {ratios[1]:.2f}, look-up by key {ratios[2]:.2f}")  # fmt: skip


def main() -> None:
    """Measure the settings, then the sorting."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--rows", type=int, default=5_000_000)
    words.add_argument("--sorted-rows", type=int, default=1_000_000)
    words.add_argument("--rounds", type=int, default=3)
    given = words.parse_args()
    settings(given.rows, given.rounds)
    sorting(given.sorted_rows, given.rounds)


if __name__ == "__main__":
    main()
