"""The floor: a bare script that runs the statements, a new DuckDB instance each, to Parquet."""

from __future__ import annotations

import json
from pathlib import Path

import duckdb

for name, sql in json.loads(Path("statements.json").read_text()):
    con = duckdb.connect()
    con.execute(f"COPY ({sql}) TO 'out/{name}.parquet' (FORMAT parquet)")
    con.close()
