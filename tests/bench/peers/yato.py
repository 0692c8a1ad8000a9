"""yato: tables in a DuckDB file, each replaced whole by every run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from workload import Workload, source_select

from peers.tool import AGAIN, DAY, MONTH, Command, Tool, in_database, put


def write(folder: Path, work: Workload, _kind: str, _days: Sequence[str]) -> None:
    """Write the SQL files; the day comes in by the environment."""
    for m in work.models:
        text = m.text(lambda x: _named(x, work), "= '{{ DT }}'")
        put(folder / "sql" / f"{m.name}.sql", f"{text}\n")


def _named(name: str, work: Workload) -> str:
    return source_select(work.sources[name], "*") if name in work.sources else name


def command(_kind: str, days: Sequence[str]) -> Command:
    """Spell a run, with the day in the environment."""
    return Command(("yato", "run", "sql", "--db", "y.duckdb"), {"DT": "".join(days[:1])})


YATO = Tool(
    "yato", write, command, in_database("y.duckdb"),
    pins=("yato-lib==0.0.17", "duckdb==1.5.5"),
    notes={AGAIN: "builds all again", DAY: "tables are replaced: it keeps that day only"},
    cannot={MONTH: "tables are replaced by every run, so it holds one day"},
)  # fmt: skip
