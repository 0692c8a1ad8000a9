"""SQLMesh: tables in a DuckDB file; its plan for production builds what has changed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path

from workload import Workload, source_select

from peers.tool import AGAIN, DAY, MONTH, Command, Tool, in_database, put

_CONFIG = """\
gateways:
  local:
    connection: {type: duckdb, database: db.duckdb, concurrent_tasks: 2}
default_gateway: local
model_defaults: {dialect: duckdb, start: 'START'}
disable_anonymized_analytics: true
"""


def write(folder: Path, work: Workload, _kind: str, days: Sequence[str]) -> None:
    """Write the project; it begins on the first day, as a plan for production can't be told to."""
    put(folder / "config.yaml", _CONFIG.replace("START", days[0] if days else "2024-01-01"))
    full, dated = "FULL", "INCREMENTAL_BY_TIME_RANGE (time_column dt)"
    for m in work.models:
        text = m.text(lambda x: _named(x, work), "between @start_ds and @end_ds")
        head = f"MODEL (name w.{m.name}, kind {dated if work.dated else full});"
        put(folder / "models" / f"{m.name}.sql", f"{head}\n\n{text}\n")


def _named(name: str, work: Workload) -> str:
    return source_select(work.sources[name], "*") if name in work.sources else f"w.{name}"


def command(kind: str, days: Sequence[str]) -> Command:
    """Spell a plan that is applied; which days it builds follows from the time it believes in."""
    words = ("sqlmesh", "plan", "--auto-apply", "--no-prompts")
    if days:
        past = str(date.fromisoformat(days[-1]) + timedelta(days=1))
        words = (*words, "--execution-time", f"{past} 00:00:00")
    return Command((*words, "--run") if kind == DAY else words, {"DO_NOT_TRACK": "1"})


SQLMESH = Tool(
    "SQLMesh", write, command, in_database("db.duckdb"),
    before=lambda kind, days: command(MONTH, days) if kind == DAY else None,
    pins=("sqlmesh==0.236.4", "duckdb==1.5.5"),
    notes={AGAIN: "a plan without changes", MONTH: "one batch of all days"},
)  # fmt: skip
