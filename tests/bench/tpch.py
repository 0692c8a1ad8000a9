"""W2: the 22 queries of TPC-H over its eight tables, as DuckDB's extension generates them."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import duckdb
import sqlglot
from sqlglot import exp
from workload import Model, Workload

TABLES = (
    "customer", "lineitem", "nation", "orders", "part", "partsupp", "region", "supplier",
)  # fmt: skip
MISSING = "W2 needs `pip install duckdb-extension-tpch` (make bench does so)"


def extension() -> Path | None:
    """Find DuckDB's extension where pip put it; None where it isn't installed."""
    found = importlib.util.find_spec("duckdb_extension_tpch")
    places = found.submodule_search_locations if found else None
    return next((p for place in places or () for p in Path(place).rglob("tpch.*")), None)


def workload(data: Path, scale: float) -> Workload:
    """Generate the tables as Parquet, and take the queries from the extension."""
    data.mkdir(parents=True, exist_ok=True)
    with duckdb.connect() as con:
        con.execute(f"LOAD '{extension()}'")
        con.execute(f"CALL dbgen(sf = {scale})")
        for table in TABLES:
            con.execute(f"COPY {table} TO '{data}/{table}.parquet'")
        found = con.execute("SELECT query_nr, query FROM tpch_queries() ORDER BY 1").fetchall()
    models = tuple(Model("q", f"q{number:02d}", _sql(query)) for number, query in found)
    return Workload(models, {table: f"{data}/{table}.parquet" for table in TABLES})


def _sql(query: str) -> str:
    """Set the tables' names in braces, and name the one column that has no name."""
    text = (
        query.strip()
        .removesuffix(";")
        .replace("sum(l_quantity)\nFROM", "sum(l_quantity) AS quantity\nFROM")
    )
    tree = sqlglot.parse_one(text, dialect="duckdb")
    names = [t.this for t in tree.find_all(exp.Table) if t.name in TABLES]
    for name in sorted(names, key=lambda n: n.meta["start"], reverse=True):
        first, last = name.meta["start"], name.meta["end"] + 1
        text = f"{text[:first]}{{{name.name}}}{text[last:]}"
    return text
