"""nomad from Python."""

from __future__ import annotations

from datetime import date

import pytest

import nomad
from nomad.errors import EmptySelection, MissingPartition, NoProject
from nomad.run.scheduler import Options


@pytest.fixture
def warehouse(built):
    with nomad.open(built.root) as opened:
        yield opened


def test_tables(warehouse):
    assert list(warehouse.tables) == ["ods.ods_price", "dwd.dwd_price", "dws.dws_price"]
    assert warehouse.tables["dwd.dwd_price"].partitioned


def test_plan_and_run(warehouse):
    assert {s.action for s in warehouse.plan(dt="2024-01-02").steps} == {"fresh"}

    results = warehouse.run("dwd", dates=("2024-01-02", "2024-01-03"), options=Options(force=True))

    assert [(r.partition, r.status) for r in results] == [
        (date(2024, 1, 2), "published"),
        (date(2024, 1, 3), "published"),
    ]


def test_a_failed_step_is_a_result(warehouse):
    (result,) = warehouse.run("dwd", dt="2024-01-09")

    assert result.status == "failed"
    assert isinstance(result.error, MissingPartition)


def test_sql_gives_a_relation(warehouse):
    relation = warehouse.sql("from dwd.dwd_price").filter("close > 2")

    assert relation.aggregate("count(*)").fetchall() == [(2,)]
    assert relation.columns == ["symbol", "close", "dt"]


def test_files(warehouse, built):
    (path,) = warehouse.files("dwd_price", "2024-01-02")

    assert path.startswith(str(built.lake))
    with pytest.raises(MissingPartition):
        warehouse.files("dwd_price", "2024-02-01")


def test_errors_are_exceptions(warehouse, tmp_path):
    with pytest.raises(EmptySelection):
        warehouse.plan("nosuch")
    with pytest.raises(NoProject):
        nomad.open(tmp_path / "nowhere")
