"""Spark reads published files: `make test-spark` installs it and runs this."""

from __future__ import annotations

from datetime import UTC
from pathlib import Path
from typing import Any

import pytest

from conftest import Project
from typed import CONTRACT, TYPES, by_duckdb, published, same

pytestmark = pytest.mark.spark

UNREADABLE = {
    "TIME": "time '10:11:12'",
    "TIMETZ": "timetz '10:11:12+02'",
    "TIMESTAMP_NS": "cast('2024-01-01 00:00:01.123456789' as timestamp_ns)",
    "UUID": "uuid '00112233-4455-6677-8899-aabbccddeeff'",
    "INTERVAL": "interval 3 days",
}
"""Types that are not in the table of all types: Spark refuses them, as docs/lake.md says."""


@pytest.fixture(scope="module")
def spark(tmp_path_factory):
    """One session on one core of this machine, without a network or a web page."""
    from pyspark.sql import SparkSession

    settings = {
        "spark.ui.enabled": "false",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.memory": "1g",
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.warehouse.dir": str(tmp_path_factory.mktemp("warehouse")),
    }
    session = SparkSession.builder.master("local[1]").config(map=settings).getOrCreate()
    session.sparkContext.setLogLevel("OFF")
    yield session
    session.stop()


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> list[str]:
    """The table of all types, three dates of it."""
    return published(Project(tmp_path_factory.mktemp("types")), TYPES, CONTRACT)


def frame(spark, files: list[str]):
    """Read files, `dt` from their folders: so Spark does below a `basePath`."""
    return spark.read.option("basePath", str(Path(files[0]).parents[1])).parquet(*files)


def test_spark_reads_the_same_values(spark, files):
    rows: list[dict[str, Any]] = [r.asDict() for r in frame(spark, files).sort("dt", "k").collect()]
    for row in rows:
        row["tstz"] = row["tstz"].astimezone(
            UTC
        )  # it comes in this machine's time, without saying so

    expected = by_duckdb(files)
    assert len(expected) == 24
    assert same(rows) == sorted(expected, key=lambda row: (row["dt"], row["k"]))


def test_spark_reads_one_date_of_many(spark, files):
    day = frame(spark, files).where("dt = date '2024-01-02'")

    read = {Path(name).parent.name for (name,) in day.selectExpr("input_file_name()").collect()}
    assert day.count() == 8
    assert read == {"dt=2024-01-02"}


@pytest.mark.parametrize("name", UNREADABLE)
def test_a_column_spark_refuses_is_left_out_by_naming_the_others(spark, empty, name):
    from pyspark.errors import AnalysisException

    query = f"select date '$<PARTITION_DATE>' as dt, 1 as k, {UNREADABLE[name]} as odd"
    found = published(empty, f"-- A type.\n{query}\n")

    with pytest.raises(AnalysisException, match="TYPE"):
        spark.read.parquet(*found).select("k").collect()
    assert [tuple(r) for r in spark.read.schema("k int").parquet(*found).collect()] == [(1,)] * 3
