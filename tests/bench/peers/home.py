"""The bare script and nomad, as two contestants among the others."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import duckdb
import measure
import projects
from workload import Workload

from peers.tool import AGAIN, DAY, MONTH, Command, Tool


def _script_rows(_: duckdb.DuckDBPyConnection, folder: Path, work: Workload, table: str) -> str:
    place = f"{table}/*/*.parquet" if work.dated else f"{table}.parquet"
    return f"read_parquet('{folder}/out/{place}', hive_partitioning = false)"


def _write_script(folder: Path, work: Workload, _kind: str, _days: Sequence[str]) -> None:
    projects.write_floor(folder, work)


def _write(folder: Path, work: Workload, _kind: str, days: Sequence[str]) -> None:
    projects.write_nomad(folder, work, days=(days[0], days[-1]) if days else None)


def _command(kind: str, days: Sequence[str]) -> Command:
    if kind == MONTH:
        span = ("--from", days[0], "--to", days[-1], "-j", "2")
        return Command(measure.nomad("backfill", "-q", *span))
    return Command(measure.nomad("run", "-q", *(("--dt", days[0]) if days else ())))


def _rows(con: duckdb.DuckDBPyConnection, folder: Path, work: Workload, table: str) -> str:
    con.execute(f"ATTACH IF NOT EXISTS '{folder}/catalog/catalog.duckdb' AS catalog (READ_ONLY)")
    layer = next(m.layer for m in work.models if m.name == table)
    return f'catalog.{layer}."{table}"'


SCRIPT = Tool(
    "bare script",
    _write_script,
    lambda _, days: Command(measure.floor(*days)),
    _script_rows,
    notes={AGAIN: "runs all again"},
)

NOMAD = Tool(
    "nomad",
    _write,
    _command,
    _rows,
    before=lambda kind, days: _command(kind, days) if kind == DAY else None,
)
