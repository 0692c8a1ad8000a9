"""Published files are plain Parquet: other tools read the values that DuckDB does."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise
from typing import Any

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow.dataset import dataset, partitioning

from conftest import Project
from typed import CONTRACT, TYPES, by_duckdb, published, same

ODD = """\
-- Types that not every tool reads.
select
    date '$<PARTITION_DATE>' as dt,
    time '10:11:12.123456' as clock,
    timetz '10:11:12+02' as clock_tz,
    cast('2024-01-01 00:00:01.123456789' as timestamp_ns) as ts_ns,
    uuid '00112233-4455-6677-8899-aabbccddeeff' as id,
    cast('{"a": 1}' as json) as json
"""


def by_pyarrow(files: list[str]) -> list[dict[str, Any]]:
    """Read the files by pyarrow, `dt` from their folders."""
    by_date = partitioning(pa.schema([("dt", pa.date32())]), flavor="hive")
    return dataset(files, partitioning=by_date).to_table().to_pylist(maps_as_pydicts="strict")


def by_pandas(files: list[str]) -> list[dict[str, Any]]:
    """Read the files by pandas, `dt` from their folders; its own types know no NULL of integers."""
    frame = pd.read_parquet(files, dtype_backend="pyarrow")
    return pa.Table.from_pandas(frame).to_pylist(maps_as_pydicts="strict")


def by_polars(files: list[str]) -> list[dict[str, Any]]:
    """Read the files by polars, `dt` from their folders."""
    return pl.read_parquet(files, hive_partitioning=True).to_dicts()


READERS = {"pyarrow": by_pyarrow, "pandas": by_pandas, "polars": by_polars}


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> list[str]:
    """The table of all types, three dates of it."""
    return published(Project(tmp_path_factory.mktemp("types")), TYPES, CONTRACT)


@pytest.mark.parametrize("reader", READERS)
def test_every_tool_reads_the_same_values(files, reader):
    found = same(READERS[reader](files))
    for row in found:
        row["dt"] = str(row["dt"])

    expected = [{**row, "dt": str(row["dt"])} for row in by_duckdb(files)]
    assert len(expected) == 24
    assert found == expected


def test_pandas_reads_them_into_its_own_types(files):
    frame = pd.read_parquet(files)

    expected = by_duckdb(files)
    for column in ("k", "i64", "u64", "d38", "text", "ts", "flag", "bytes"):
        assert list(frame[column]) == [row[column] for row in expected]
    assert frame["no_text"].isna().all()
    assert frame["some_int"].isna().sum() == 12


def test_every_column_is_zstd_with_statistics_in_every_row_group(files):
    """Neither an all-NULL column nor one with a NaN has bounds: Parquet forbids them a NaN."""
    for file in files:
        metadata = pq.read_metadata(file)
        for n in range(metadata.num_row_groups):
            group = metadata.row_group(n)
            columns = [group.column(i) for i in range(group.num_columns)]
            bare = [c.path_in_schema for c in columns if not c.statistics.has_min_max]

            assert {c.compression for c in columns} == {"ZSTD"}
            assert all(c.statistics.has_null_count for c in columns)
            assert bare == ["f64", "untyped", "no_text"]


def test_statistics_are_those_of_the_rows(files):
    group = pq.read_metadata(files[0]).row_group(0)
    found = {c.path_in_schema: c.statistics for c in map(group.column, range(group.num_columns))}

    assert (found["k"].min, found["k"].max, found["k"].null_count) == (1, 8, 0)
    assert (found["text"].min, found["text"].max) == ("", "汉字 ü 🦆")
    assert found["d38"].max == Decimal("1.1428571429")
    assert found["some_int"].null_count == 4


def test_rows_are_in_the_order_of_the_key(files):
    for file in files:
        table = pq.read_table(file, columns=["text_key", "k"], partitioning=None)
        rows = list(zip(*(c.to_pylist() for c in table.columns), strict=True))

        assert rows == sorted(rows)


def test_row_groups_of_a_sorted_table_do_not_overlap(empty):
    """So the statistics of all but one tell a reader of one key to pass over them."""
    seed = "epoch(date '$<PARTITION_DATE>')"
    query = f"select hash(i + {seed}) as id from range(300000) as t(i)"
    for file in published(empty, f"-- Rows.\n{query}\n", "unique_key: [id]\n"):
        metadata = pq.read_metadata(file)
        groups = [
            metadata.row_group(n).column(0).statistics for n in range(metadata.num_row_groups)
        ]

        assert len(groups) == 3
        assert all(a.max <= b.min for a, b in pairwise(groups))


def test_types_that_not_every_tool_reads(empty):
    """As docs/lake.md has them."""
    (file,) = [f for f in published(empty, ODD) if "2024-01-02" in f]
    (arrow,) = pq.read_table(file).to_pylist()
    (pandas,) = pd.read_parquet(file).to_dict("records")
    (polars,) = by_polars([file])
    clock, zoned, ns, uuid = duckdb.sql(
        f"select clock, clock_tz, epoch_ns(ts_ns), id from '{file}'"
    ).fetchone()

    assert arrow["clock"] == pandas["clock"] == polars["clock"] == clock
    assert arrow["clock_tz"] == polars["clock_tz"] == zoned.replace(tzinfo=None)
    assert arrow["ts_ns"].value == pandas["ts_ns"].value == ns
    assert arrow["id"] == pandas["id"] == uuid
    assert polars["id"] == uuid.bytes
    assert (arrow["json"], pandas["json"], polars["json"]) == (*['{"a": 1}'] * 2, b'{"a": 1}')
