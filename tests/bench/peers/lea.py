"""lea: tables in a DuckDB file; days by its tag on a column, for which it adds the filter."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from workload import Workload, source_select

from peers.tool import AGAIN, DAY, MONTH, Command, Tool, in_database, put


def write(folder: Path, work: Workload, _kind: str, _days: Sequence[str]) -> None:
    """Write the project; the column `dt` of a table by day gets its tag, on a line of its own."""
    put(folder / ".env", "LEA_WAREHOUSE=duckdb\nLEA_DUCKDB_PATH=lea.duckdb\n")
    for m in work.models:
        text = m.text(lambda x: _named(x, work), "is not null")
        if work.dated:
            text = re.sub(r",\s*(\w\.dt)\nfrom", r",\n    -- #INCREMENTAL\n    \1\nfrom", text)
        put(folder / "scripts" / "w" / f"{m.name}.sql", f"{text}\n")


def _named(name: str, work: Workload) -> str:
    return source_select(work.sources[name], "*") if name in work.sources else f"w.{name}"


def command(_kind: str, days: Sequence[str]) -> Command:
    """Spell a run in production, of all or of some days."""
    dates = (word for day in days for word in ("--incremental", "dt", day))
    return Command(("lea", "run", "--production", *dates))


LEA = Tool(
    "lea", write, command, in_database("lea.duckdb"),
    before=lambda kind, _: command(kind, ()) if kind in (DAY, MONTH) else None,
    pins=("lea-cli==0.19.3", "duckdb==1.5.5"),
    notes={
        AGAIN: "builds all again",
        DAY: "`--incremental`, once all days are there",
        MONTH: "`--incremental`, once all days are there",
    },
)  # fmt: skip
