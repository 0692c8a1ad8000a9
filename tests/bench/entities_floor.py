"""The bare script: all files of `in` cut into days below `cut`, by one instance of DuckDB.

Usage: python entities_floor.py     in the folder with `in`
"""

from __future__ import annotations

import shutil
from pathlib import Path

import duckdb

shutil.rmtree("cut", ignore_errors=True)
Path("cut.db").unlink(missing_ok=True)
con = duckdb.connect("cut.db")
con.execute("SET preserve_insertion_order = false; SET memory_limit = '1500MB'")
con.execute(
    "CREATE TABLE bars AS SELECT *, strptime(trade_date, '%Y%m%d')::DATE AS dt"
    " FROM read_csv('in/*.csv', header = true, all_varchar = true)"
)
years = con.execute("SELECT DISTINCT year(dt) FROM bars ORDER BY 1").fetchall()
for (year,) in years:
    con.execute(
        f"COPY (FROM bars WHERE year(dt) = {year} ORDER BY dt, ts_code) TO 'cut'"
        " (FORMAT parquet, COMPRESSION zstd, PARTITION_BY (dt), OVERWRITE_OR_IGNORE)"
    )
con.close()
Path("cut.db").unlink()
