"""The floor: a bare script that runs the statements, a new DuckDB instance each, to Parquet.

Usage: python floor.py [DAY ...]      in a folder with `statements.json`; DAY takes $DAY's place
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import duckdb


def write(sql: str, path: Path) -> None:
    """Run one SELECT by itself, its rows to one Parquet file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    con = duckdb.connect()
    con.execute(f"COPY ({sql}) TO '{path}' (FORMAT parquet)")
    con.close()


def main() -> None:
    """Run all statements in their order, once or for each day."""
    statements = json.loads(Path("statements.json").read_text())
    for day in sys.argv[1:]:
        for name, sql in statements:
            write(sql.replace("$DAY", day), Path("out", name, f"dt={day}", "data.parquet"))
    if not sys.argv[1:]:
        for name, sql in statements:
            write(sql, Path("out", f"{name}.parquet"))


if __name__ == "__main__":
    main()
