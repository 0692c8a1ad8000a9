"""A table with a declared key is written in its order, unless its query has an order of its own."""

from __future__ import annotations

import duckdb
import pytest

ROWS = "select (i * 7919) % 1000 as id, i from range(1000) as t(i)"
CONTRACT = "unique_key: [id]\n"
TESTED = CONTRACT + "columns: [{name: id, tests: [not_null: {severity: quarantine}]}]\n"


@pytest.fixture
def ids(empty):
    """Build a table of one query and one contract; give its `id`s in the order of the file."""

    def made(query: str, contract: str = CONTRACT, *words: str) -> list[int]:
        empty.write("nomad.yaml", "layers: [ods]\ntimezone: UTC\n")
        empty.write("sql/ods/ods_x.sql", f"-- Rows.\n{query}\n")
        empty.write("sql/ods/ods_x.yml", contract)
        answer = empty("run", "--dt", "2024-01-02", *words)
        assert answer.code == 0, answer.err
        paths = empty("files", "ods_x", "--dt", "2024-01-02").out.split()
        rows = duckdb.sql(f"select id from read_parquet({paths})").fetchall()
        return [n for (n,) in rows]

    return made


@pytest.mark.parametrize("contract", [CONTRACT, TESTED])
def test_rows_are_sorted_by_the_key(ids, contract):
    assert ids(ROWS, contract) == list(range(1000))


@pytest.mark.parametrize("contract", [CONTRACT, TESTED])
@pytest.mark.parametrize("order", ["order by id desc", "order by id desc limit 500"])
def test_a_query_with_an_order_keeps_it(ids, contract, order):
    found = ids(f"{ROWS} {order}", contract)

    assert found == sorted(found, reverse=True)


@pytest.mark.parametrize(
    "query",
    [
        f"with x as ({ROWS} order by i) select id, rank() over (order by i) as r from x",
        f"from ({ROWS} order by i) where i >= 0",
        f"pivot ({ROWS} limit 100) on i % 2 using sum(i) group by id",
    ],
)
def test_an_order_within_the_query_is_not_that_of_its_rows(ids, query):
    found = ids(query)

    assert found == sorted(found)


def test_without_a_key_rows_stay_as_they_come(ids):
    assert ids(ROWS, "description: x\n")[:3] == [0, 919, 838]


def test_a_merge_is_sorted_as_a_whole(ids):
    merge = CONTRACT + "strategy: merge\n"
    ids("select unnest([5, 1, 9]) as id", merge)

    assert ids("select unnest([7, 1, 3]) as id order by 1 desc", merge) == [1, 3, 5, 7, 9]


def test_the_date_of_the_partition_in_a_key_is_passed_over(ids):
    key = "unique_key: [dt, id]\n"

    assert ids(f"select date '$<PARTITION_DATE>' as dt, * from ({ROWS})", key) == list(range(1000))


def test_an_error_names_its_line_in_the_file(empty):
    """The statements around the query add lines; those of errors stay the file's."""
    empty.write("nomad.yaml", "layers: [ods]\ntimezone: UTC\n")
    query = "select\n  i as id,\n  cast(s as integer) as n\nfrom (values (1, 'x')) as t(i, s)"
    dated = f"select date '$<PARTITION_DATE>' as dt, * from (\n{query}\n)"
    for text, line in ((query, 4), (dated, 5)):
        empty.write("sql/ods/ods_x.sql", f"-- Rows.\n{text}\n")
        empty.write("sql/ods/ods_x.yml", CONTRACT)

        assert f"ods_x.sql:{line}:" in empty("run", "--dt", "2024-01-02").err
