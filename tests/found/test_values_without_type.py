"""A column of JSON in which no value tells a type has the one that other dates know."""

from __future__ import annotations

import json

import pytest

KNOWN = {"d": "2023-01-01", "t": "x", "n": 5, "s": {"u": "z"}}
UNKNOWN = {"d": None, "t": None, "n": None, "s": {"u": None}}
TYPES = ["DATE", "VARCHAR", "BIGINT", "STRUCT(u VARCHAR)"]
DAYS = ("--from", "2024-01-02", "--to", "2024-01-03")


def told(project, table: str) -> list:
    rows = project.rows(f"select k, d, t, n, s.u from {table} order by k")
    types = project.rows(f"select typeof(d), typeof(t), typeof(n), typeof(s) from {table} limit 1")
    return [*rows, *types]


BOTH = [["a", None, None, None, None], ["b", "2023-01-01", "x", 5, "z"], TYPES]


@pytest.mark.parametrize("first", ["2024-01-02", "2024-01-03"])
def test_dates_of_a_source_and_of_a_table_that_takes_its_columns(empty, first):
    source = "{connector: file, path: 'in/$<PARTITION_DATE>.json'}"
    empty.write("nomad.yaml", f"layers: [ods]\nsources: {{p: {source}}}\n")
    query = "select k, d, t, n, s from raw.p where dt = '$<PARTITION_DATE>'"
    empty.write("sql/ods/ods_p.sql", query)
    empty.write("in/2024-01-02.json", json.dumps({"k": "a", **UNKNOWN}))
    empty.write("in/2024-01-03.json", json.dumps({"k": "b", **KNOWN}))
    for command in ("extract", "run"):
        assert empty(command, "--dt", first).code == 0
        assert empty(command, *DAYS).code == 0

    assert told(empty, "raw.p") == BOTH
    assert told(empty, "ods.ods_p") == BOTH
    assert set(empty("extract", *DAYS, "-o", "json").statuses().values()) == {"fresh"}


@pytest.mark.parametrize("day", ["2024-01-02", "2024-01-03"], ids=["one date", "two dates"])
@pytest.mark.parametrize("at_once", [True, False])
def test_parts_of_a_source_that_are_cut_into_dates(empty, day, at_once):
    source = "{{connector: file, path: 'in/$<EACH>.json', each: {}, dt: day, key: k}}"
    empty.write("in/a.json", json.dumps({"k": "a", "day": "2024-01-02", **UNKNOWN}))
    empty.write("in/b.json", json.dumps({"k": "b", "day": day, **KNOWN}))
    for each in ["[a, b]"] if at_once else ["[a]", "[a, b]"]:
        empty.write("nomad.yaml", f"layers: [ods]\nsources:\n  p: {source.format(each)}\n")
        answer = empty("extract")
        assert answer.code == 0, answer.err

    assert told(empty, "raw.p") == BOTH


def test_what_is_json_in_truth_stays_json(empty):
    empty.write("nomad.yaml", "layers: [ods]\n")
    value = "case '$<PARTITION_DATE>' when '2024-01-02' then null else '[1]' end"
    empty.write("sql/ods/ods_j.sql", f"select ({value})::json as j where '$<PARTITION_DATE>' <> ''")
    assert empty("run", *DAYS).code == 0

    assert empty.rows("select typeof(j), j from ods.ods_j order by dt") == [
        ["JSON", None], ["JSON", "[1]"],
    ]  # fmt: skip
