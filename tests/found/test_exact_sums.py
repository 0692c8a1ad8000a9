"""What `sum` of integers gives is published exactly, wherever it stands."""

from __future__ import annotations

import duckdb
import pytest

ROWS = "from (values (9007199254740993::bigint), (2)) as t(x)"
SUM = 9007199254740995

COLUMNS = {
    "a list": ("[sum(x)]", "v[1]"),
    "a list of lists": ("[[sum(x)]]", "v[1][1]"),
    "a collected list": ("list(s) from (select sum(x) as s FROM)", "v[1]"),
    "a struct": ("{'t': sum(x), 'hugeint': 1}", "v.t"),
    "a struct in a list in a struct": ("{'a b': [{'HUGEINT': sum(x)}]}", "v['a b'][1]['HUGEINT']"),
    "a value of a map": ("map {'a': sum(x)}", "v['a']"),
    "a key of a map": ("map {sum(x): 1}", "map_keys(v)[1]"),
    "an unsigned one": ("[sum(x)::uhugeint]", "v[1]"),
    "by itself": ("sum(x)", "v"),
}


@pytest.mark.parametrize("title", COLUMNS)
def test_a_sum_is_exact_in(empty, title):
    column, reach = COLUMNS[title]
    query = column if " FROM" in column else f"{column} as v {ROWS}"
    query = query.replace(
        "from (select sum(x) as s FROM)", f"as v from (select sum(x) as s {ROWS})"
    )
    empty.write("nomad.yaml", "layers: [ods]\n")
    empty.write("sql/ods/ods_sum.sql", f"select {query}")

    answer = empty("run")

    assert answer.code == 0, answer.err
    assert empty.rows(f"select ({reach})::varchar from ods.ods_sum") == [[str(SUM)]]


@pytest.mark.parametrize("first", ["sum(1)", "sum(1)::decimal(38,0)", "1::int", "1::decimal(9,4)"])
def test_dates_of_different_decimals_are_read_exactly(empty, first):
    """By a question, by a table over all dates, and in the catalog file."""
    empty.write("nomad.yaml", "layers: [ods, dws]\ntimezone: UTC\n")
    dated = "where '$<PARTITION_DATE>' <> ''"
    empty.write("sql/ods/ods_v.sql", f"select {first} as v from range(1) {dated}")
    empty.write("sql/dws/dws_v.sql", "select dt, v::varchar::double as v from ods.ods_v")
    assert empty("run", "--dt", "2024-01-02").code == 0
    empty.write("sql/ods/ods_v.sql", f"select 1.75::decimal(18,2) as v from range(1) {dated}")
    assert empty("run", "--dt", "2024-01-03").code == 0

    query = "select sum(v)::double from {} where dt {} '2024-01-03'"
    for table in ("ods.ods_v", "dws.dws_v"):
        assert empty.rows(query.format(table, "<=")) == [[2.75]]
        assert empty.rows(query.format(table, "=")) == [[1.75]]
    with duckdb.connect(str(empty.root / "catalog/catalog.duckdb"), read_only=True) as con:
        assert con.execute(query.format("ods.ods_v", "<=")).fetchone() == (2.75,)
