"""A file writes its own table, and what its statement says of that is held to."""

from __future__ import annotations

import pytest

CONFIG = "layers: [ods, q]\nnaming: free\ntimezone: UTC\nsources: {}\n"


@pytest.fixture
def layers(empty):
    empty.write("nomad.yaml", CONFIG)
    empty.write("sql/ods/s.sql", "select 1 as a, 2 as b, 3 as c")
    return empty


@pytest.mark.parametrize(
    "sql",
    [
        "create table ods.t as select 1 as a",
        "create or replace view ods.t as select 1 as a",
        "insert into ods.t select 1 as a",
        "delete from ods.t; select 1 as a",
        "drop table if exists ods.t; select 1 as a",
        "delete from ods.s where a in (select a from t); select 1 as a",
    ],
)
def test_a_statement_that_writes_a_table_of_another_layer_is_refused(layers, sql):
    """It is not published as the file's own, nor passed over."""
    layers.write("sql/q/t.sql", sql)

    answer = layers("run")

    assert answer.code == 2
    assert "sql/q/t.sql" in answer.err


@pytest.mark.parametrize(
    "sql",
    [
        "insert into q.t (a, b) select * from ods.s",
        "create table t (a, b) as from ods.s",
        "insert into q.t (a, b, c, d) select * from ods.s",
    ],
)
def test_as_many_columns_as_are_named_are_published(layers, sql):
    """DuckDB refuses a query of more or fewer; so does a build."""
    layers.write("sql/q/t.sql", sql)

    answer = layers("run")

    assert answer.code == 1
    assert not (layers.lake / "q" / "t" / "manifest.json").exists()
