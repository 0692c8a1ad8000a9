"""A path gives `dt` and nothing else."""

from __future__ import annotations

import duckdb
import pytest

from conftest import Project

CONFIG = """\
layers: [ods]
timezone: UTC
sources:
  sales: {connector: file, path: "in/$<PARTITION_DATE>.csv"}
"""

ODS = """\
select region, cast(amount as integer) as amount
from raw.sales
where dt = '$<PARTITION_DATE>'
"""


@pytest.fixture
def shops(tmp_path) -> Project:
    """A project below folders that read as `name=value`, with two days of sales by region."""
    made = Project(tmp_path / "region=eu" / "dt=2020-01-01" / "p")
    made.write("nomad.yaml", CONFIG)
    made.write("sql/ods/ods_sales.sql", ODS)
    made.write("in/2024-01-02.csv", "region,amount\nus,1\ncn,2\neu,3\n")
    made.write("in/2024-01-03.csv", "region,amount\nus,4\n")
    return made


def test_a_folder_above_the_lake_changes_no_column(tmp_path):
    """The regions delivered are published, not the one that a folder's name seems to tell."""
    made = Project(tmp_path / "region=eu" / "p")
    made.write("nomad.yaml", CONFIG)
    made.write("sql/ods/ods_sales.sql", ODS)
    made.write("in/2024-01-02.csv", "region,amount\nus,1\ncn,2\neu,3\n")

    assert made("extract", "--dt", "2024-01-02").code == 0
    assert made("run", "--dt", "2024-01-02").code == 0

    for table in ("raw.sales", "ods.ods_sales"):
        assert made.rows(f"select region, amount::int from {table} order by 2") == [
            ["us", 1], ["cn", 2], ["eu", 3],
        ]  # fmt: skip


def test_below_such_folders_a_date_is_still_the_partitions_own(shops):
    """Views, macros and the catalog give the date of the partition, whatever lies above."""
    import duckdb

    for command in ("extract", "run"):
        answer = shops(command, "--from", "2024-01-02", "--to", "2024-01-03")
        assert answer.code == 0, answer.err

    by_day = "select dt::varchar, count(*) from ods.ods_sales group by dt order by dt"
    assert shops.rows(by_day) == [["2024-01-02", 3], ["2024-01-03", 1]]
    assert shops.rows("select max(dt)::varchar from ods.ods_sales where dt < '2024-01-03'") == [
        ["2024-01-02"]
    ]
    with duckdb.connect(str(shops.root / "catalog/catalog.duckdb"), read_only=True) as catalog:
        found = catalog.execute("select region, dt::varchar from ods.ods_sales_dt('2024-01-03')")
        assert found.fetchall() == [("us", "2024-01-03")]


@pytest.mark.parametrize("kind", ["json", "parquet"])
def test_a_folder_above_the_lake_gives_landed_files_no_column(tmp_path, kind):
    """Not even one of the same name, with another type; nor is a date in it any fault."""
    made = Project(tmp_path / "v=1" / "dt=7" / "w=2024-01-02" / "p")
    made.write("nomad.yaml", f"sources:\n  j: {{connector: file, path: in/f.{kind}}}\n")
    made.write("in/note.txt", "")
    rows = "from (values (1.75::double, 'a'), (2.25, 'b')) t(v, d)"
    duckdb.sql(f"copy ({rows}) to '{made.root}/in/f.{kind}' (format {kind})")

    answer = made("extract")

    assert answer.code == 0, answer.err
    assert made.rows("from raw.j") == [[1.75, "a"], [2.25, "b"]]
    schema = made.manifest("raw.j")["schema"]
    assert [(c["name"], c["type"]) for c in schema] == [("v", "DOUBLE"), ("d", "VARCHAR")]
