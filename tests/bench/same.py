"""Are the rows those of the bare script? A wrong result can't be fast."""

from __future__ import annotations

from pathlib import Path

import duckdb
from workload import Workload


def check(work: Workload, project: Path, aside: Path) -> int:
    """Hold each table of nomad's catalog against the script's Parquet; give the number of rows.

    Floating-point numbers are compared to nine digits: their sums depend on the threads.
    """
    rows = 0
    with duckdb.connect() as con:
        con.execute(f"ATTACH '{project}/catalog/catalog.duckdb' AS lake (READ_ONLY)")
        for m in work.models:
            pattern = f"{m.name}/*/*.parquet" if work.dated else f"{m.name}.parquet"
            theirs = f"read_parquet('{aside}/out/{pattern}', hive_partitioning = false)"
            rows += _compared(con, m.name, f'lake.{m.layer}."{m.name}"', theirs)
    return rows


def _compared(con: duckdb.DuckDBPyConnection, name: str, ours: str, theirs: str) -> int:
    columns = ", ".join(
        f"""printf('%.9g', "{column}")""" if kind == "DOUBLE" else f'"{column}"'
        for column, kind, *_ in con.execute(f"DESCRIBE FROM {theirs}").fetchall()
    )
    one, two = (f"SELECT {columns} FROM {side}" for side in (ours, theirs))
    lost, added, count = con.execute(
        f"SELECT (SELECT count(*) FROM ({two} EXCEPT ALL {one})),"
        f" (SELECT count(*) FROM ({one} EXCEPT ALL {two})), (SELECT count(*) FROM {theirs})"
    ).fetchone() or (1, 1, 0)
    if lost or added:
        raise SystemExit(f"bench: {name} differs from the bare script: -{lost} +{added} of {count}")
    return int(count)
