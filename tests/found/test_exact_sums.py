"""What `sum` of integers gives is published exactly, wherever it stands."""

from __future__ import annotations

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
