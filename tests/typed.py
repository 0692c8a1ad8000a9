"""One published table of every type that all tools read, and rows of any tool made comparable."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import duckdb

from conftest import Project

TYPES = """\
-- A row of every type, those of one day apart by their key.
select
    dt,
    k,
    'a' || (k % 4) as text_key,
    cast(k as tinyint) as i8,
    cast(k * 100 as smallint) as i16,
    cast(k - 4 as integer) as i32,
    k * 1000000000000 as i64,
    cast(k as utinyint) as u8,
    cast(k + 65000 as usmallint) as u16,
    cast(k + 4000000000 as uinteger) as u32,
    cast(k as ubigint) + cast(18000000000000000000 as ubigint) as u64,
    cast(-k as hugeint) as i128,
    cast(k / 7 as decimal(4, 2)) as d4,
    cast(k / 7 as decimal(18, 4)) as d18,
    cast(k / 7 as decimal(38, 10)) as d38,
    cast(k / 7 as float) as f32,
    case k when 1 then cast('nan' as double) when 2 then -0.0::double
        when 3 then cast('-inf' as double) else k / 7 end as f64,
    case k when 1 then '' when 2 then '汉字 ü 🦆' when 3 then e'a"b,c\\nd' else 's' || k
        end as text,
    date '2024-02-28' + cast(k as integer) as day,
    date '1500-03-01' as old_day,
    timestamp '2024-01-01 00:00:00.123456' + to_days(cast(k as integer)) as ts,
    cast('2024-01-01 00:00:01.123' as timestamp_ms) as ts_ms,
    timestamptz '2024-01-01 10:00:00.5+08' as tstz,
    k % 2 = 0 as flag,
    '\\x00\\xFF'::blob as bytes,
    case k when 2 then [] when 3 then [null] when 4 then null else [k, null, 3] end as list,
    {'a': k, 'b': case when k % 2 = 0 then 'x' end} as struct,
    map {'a': k} as map,
    [{'x': [k]}] as nested,
    cast('b' as enum ('a', 'b')) as enum,
    null as untyped,
    cast(null as varchar) as no_text,
    case when k % 2 = 0 then k end as some_int
from (select date '$<PARTITION_DATE>' as dt, (i * 5) % 8 + 1 as k from range(8) as t(i))
"""
CONTRACT = "unique_key: [text_key, k]\n"
SPAN = ("--from", "2024-01-01", "--to", "2024-01-03")


def paths(project: Project, table: str, *when: str) -> list[str]:
    answer = project("files", table, *when)
    assert answer.code == 0, answer.err
    return answer.out.split()


def published(project: Project, sql: str, contract: str = "") -> list[str]:
    """Build a table for three dates; give the paths of its files."""
    project.write("nomad.yaml", "layers: [ods]\ntimezone: UTC\n")
    project.write("sql/ods/ods_x.sql", sql)
    if contract:
        project.write("sql/ods/ods_x.yml", contract)
    answer = project("run", *SPAN)
    assert answer.code == 0, answer.err
    return paths(project, "ods_x", *SPAN)


def by_duckdb(files: list[str]) -> list[dict[str, Any]]:
    """Read the files by DuckDB: what the other tools are held against."""
    found = duckdb.sql(f"from read_parquet({files}, hive_partitioning=true)")
    return same([dict(zip(found.columns, row, strict=True)) for row in found.fetchall()])


def same(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{name: plain(value) for name, value in row.items()} for row in rows]


def plain(value: Any) -> Any:
    """Bring a value of any tool into one form; NaN, -0.0 and 0.0 stay apart."""
    if hasattr(value, "asDict"):
        value = value.asDict()
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, datetime):
        return value.astimezone(UTC) if value.tzinfo else value
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    return bytes(value) if isinstance(value, bytearray) else value
