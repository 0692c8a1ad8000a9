"""What is landed is what was delivered: no value rounded, no field dropped, nothing overwritten."""

from __future__ import annotations

import json
from decimal import Decimal

import duckdb
import pytest

LATE = 25_000
"""Rows before the odd one: more than DuckDB looks at before it decides on types."""


def land(project, text, *, name="j.jsonl", more="", rest=""):
    project.write("nomad.yaml", "layers: [ods]\ntimezone: UTC\nsources:\n"
                  f"  j: {{connector: file, path: in/{name}{more}}}\n{rest}")  # fmt: skip
    project.write(f"in/{name}", text)
    return project("extract", "j")


def lines(*rows):
    return "".join(json.dumps(r) + "\n" for r in rows)


def late(row, usual):
    return lines(*(usual(i) for i in range(LATE)), row)


def test_a_fraction_after_many_whole_numbers_is_not_rounded(empty):
    assert land(empty, late({"id": LATE, "v": 1.75}, lambda i: {"id": i, "v": 1})).code == 0

    assert empty.rows(f"select v from raw.j where id = {LATE}") == [[1.75]]


def test_a_field_that_comes_late_is_landed(empty):
    usual = {"a": "x", "s": {"p": 1}}
    rare = {"id": LATE, "a": "y", "late": "IMPORTANT", "s": {"p": 1, "q": "too"}}
    assert land(empty, late(rare, lambda i: {"id": i, **usual})).code == 0

    assert empty.rows(f"select late, s.q from raw.j where id = {LATE}") == [["IMPORTANT", "too"]]


def test_a_text_after_many_numbers_makes_the_column_text(empty):
    """A row that was landed can be read."""
    assert land(empty, late({"id": LATE, "v": "n/a"}, lambda i: {"id": i, "v": i})).code == 0

    found = empty.rows(f"select v from raw.j where id >= {LATE - 1} order by id")
    assert found == [[str(LATE - 1)], ["n/a"]]


def test_offsets_of_times_are_kept(empty):
    text = lines(
        {"i": 1, "t": "2024-01-02T10:00:00+08:00"}, {"i": 2, "t": "2024-01-02T10:00:00-05:00"}
    )
    assert land(empty, text).code == 0

    query = "select epoch(t::timestamptz)::bigint from raw.j order by i"
    assert empty.rows(query) == [[1704160800], [1704207600]]


def test_offsets_within_nested_values_are_kept(empty):
    text = lines({"s": {"t": "2024-01-02T10:00:00+08:00"}})
    assert land(empty, text).code == 0

    assert empty.rows("select s.t::varchar from raw.j") == [["2024-01-02T10:00:00+08:00"]]


@pytest.mark.parametrize(
    "number",
    [
        "12345678901234567890123", "1234567890123456789.12", "-0.12345678901234567891", "1e400",
        "0.1000000000000000055", "18446744073709551615", "9007199254740993",
    ],
)  # fmt: skip
@pytest.mark.parametrize("beside", ["1.5", "2", '"x"'])
def test_numbers_of_many_digits_are_exact(empty, number, beside):
    text = f'{{"i": 1, "v": {number}, "s": [{{"w": {number}}}]}}\n'
    text += f'{{"i": 2, "v": {beside}, "s": [{{"w": {beside}}}]}}\n'
    assert land(empty, text).code == 0

    query = "select v::varchar, s[1].w::varchar from raw.j where i = 1"
    for found in empty.rows(query)[0]:
        assert Decimal(found.strip('"')) == Decimal(number)


def test_two_names_that_differ_only_in_case_are_refused(empty):
    answer = land(empty, '{"a":1}\n{"A":2}\n')

    assert answer.code == 4
    assert "in/j.jsonl: `a` and `A` differ only in case" in answer.err


def test_a_name_that_is_there_twice_is_refused(empty):
    """Nothing is landed of a row that says two things of one name; the last version stays."""
    assert land(empty, '{"a":1}\n').code == 0

    answer = land(empty, '{"a":1,"a":2}\n')

    assert answer.code == 4
    assert "in/j.jsonl" in answer.err
    assert "_tmp" not in answer.err
    assert empty.rows("from raw.j") == [[1]]


def test_parquet_with_a_damaged_page_is_refused(empty):
    import duckdb

    path = empty.write("in/x.parquet", b"")
    duckdb.sql("select range as a, hash(range) as b from range(20000)").write_parquet(str(path))
    whole = path.read_bytes()
    assert land(empty, whole, name="x.parquet").code == 0

    answer = land(empty, whole[:4] + b"\xff" * 40 + whole[44:], name="x.parquet")

    assert answer.code == 4
    assert empty.rows("select count(distinct b) from raw.j") == [[20000]]


DATED = """\
layers: [ods, dwd, dws]
timezone: UTC
sources:
  price: {connector: file, path: "in/$<PARTITION_DATE>.csv"%s}
"""


def test_a_delivered_column_dt_is_refused_with_the_way_out(project):
    """The date of the partition never takes the place of what was delivered."""
    project.write("in/2024-01-02.csv", "sym,close,DT\n000001,2,1999-09-09\n")

    answer = project("extract", "--dt", "2024-01-02")

    assert answer.code == 4
    assert "in/2024-01-02.csv: column `DT` would be hidden by `dt`" in answer.err
    assert "`rename: {DT: trade_date}` of source `price`" in answer.err
    assert not (project.lake / "raw").exists()


def test_columns_lost_since_the_day_before_are_refused(built):
    """A renamed column, or another delimiter, is not published as NULL."""
    built.write("in/2024-01-03.csv", "symbol;close\nA;3\n")

    answer = built("extract", "--dt", "2024-01-03")

    assert answer.code == 4
    assert "2024-01-03.csv: lacks `symbol`, `close`; has new `symbol;close`" in answer.err
    assert "is `delimiter: ';'` meant?" in answer.err
    assert built.rows("select sum(close) from ods.ods_price where dt = '2024-01-03'") == [[7]]


def test_a_table_of_one_file_keeps_its_columns_too(empty):
    """What holds of the day before holds of the version before."""
    assert land(empty, "a,b\n1,2\n", name="x.csv").code == 0

    answer = land(empty, "a,c\n1,2\n", name="x.csv")

    assert answer.code == 4
    assert "in/x.csv: lacks `b`; has new `c`" in answer.err
    assert empty.rows("select b from raw.j") == [["2"]]


def test_sources_that_differ_only_in_case_never_read_each_other(empty):
    empty.write(
        "nomad.yaml",
        "layers: [ods]\nsources:\n  A: {connector: file, path: in/A.csv}\n"
        "  a: {connector: file, path: in/b.csv}\n",
    )
    empty.write("in/A.csv", "v\nupper\n")
    empty.write("in/b.csv", "v\nlower\n")

    assert empty("extract").code == 2


def test_an_option_that_is_a_map_is_not_dropped(empty):
    answer = land(empty, "a\n1\n", name="x.csv", more=', headers: {Authorization: "1"}')

    assert answer.code == 2
    assert "no option `headers`" in answer.err


@pytest.mark.parametrize(
    "text",
    [
        'id,"close\n(cny)"\r\n1,2\r\n3,4\r\n',
        'sym,"close" (cny)\nA,1\nB,2\n',
        'sym,"close\nA,1\nB,2\n',
    ],
)
def test_a_header_that_hides_the_rows_is_refused(empty, text):
    """No rows is not what was delivered: the version before stays."""
    assert land(empty, "sym,close\nA,7\n", name="x.csv", more=", drift: allow").code == 0
    empty.write("in/x.csv", text.encode())

    answer = empty("extract", "j")

    assert answer.code == 4
    assert "in/x.csv: the header can't be read by DuckDB" in answer.err
    assert empty.rows("select close from raw.j") == [["7"]]


@pytest.mark.parametrize("text", ["sym,close\n", "sym,close", "sym,close\r\n\r\n"])
def test_a_header_without_rows_is_landed(empty, text):
    assert land(empty, text.encode(), name="x.csv").code == 0
    assert empty.rows("select count(*) from raw.j") == [[0]]


def test_rows_after_a_file_without_any_are_landed(empty):
    """JSON without a row names no columns that a later file could lack."""
    empty.write("nomad.yaml", "layers: [ods]\ntimezone: UTC\nsources:\n"
                '  j: {connector: file, path: "in/$<PARTITION_DATE>.jsonl"}\n')  # fmt: skip
    empty.write("in/2024-01-02.jsonl", "")
    assert empty("extract", "--dt", "2024-01-02").code == 0
    for day in ("2024-01-03", "2024-01-02"):
        empty.write(f"in/{day}.jsonl", '{"a": 1}\n')
        assert empty("extract", "--dt", day).code == 0

    assert empty.rows("select sum(a) from raw.j") == [[2]]


LONG = 2**53 + 1
APART = {
    "a number beside reals": (f'{{"v": {LONG}}}', '{"v": 1.5}', LONG),
    "in a struct": (f'{{"v": {{"a": {LONG}}}}}', '{"v": {"a": 1.5}}', LONG),
    "in a list": ('{"v": [1.5]}', f'{{"v": [{LONG}]}}', LONG),
}


def two_days(project, first, second, more=""):
    text = f'connector: file, path: "in/$<PARTITION_DATE>.jsonl"{more}'
    project.write("nomad.yaml", f"layers: [ods]\ntimezone: UTC\nsources:\n  j: {{{text}}}\n")
    project.write("in/2024-01-02.jsonl", first)
    project.write("in/2024-01-03.jsonl", second)
    return project("extract", "--from", "2024-01-02", "--to", "2024-01-03")


@pytest.mark.parametrize("case", APART)
def test_a_number_that_another_date_s_type_would_round_is_an_error_of_the_reader(empty, case):
    first, second, long = APART[case]
    assert two_days(empty, first, second).code == 0

    answer = empty("sql", "select v from raw.j")

    assert answer.code == 1
    assert "elsewhere, which does not hold" in answer.err
    assert str(long) in answer.err
    empty.write(
        "sql/ods/ods_j.sql", "select v::varchar as v from raw.j where dt = '$<PARTITION_DATE>'"
    )
    assert empty("run", "--from", "2024-01-02", "--to", "2024-01-03").code == 0
    assert str(long) in empty("sql", "select max(v) from ods.ods_j").out


def test_whole_numbers_on_one_date_and_reals_on_the_next_are_read_together(empty):
    two_days(empty, '{"v": 7, "s": {"a": 7}}', '{"v": 1.5, "s": {"a": 1.5, "b": "x"}}')

    assert empty.rows("select v, s.a from raw.j order by dt") == [[7.0, 7.0], [1.5, 1.5]]


def test_a_column_of_another_kind_than_the_day_before_is_refused(empty):
    """Unless the source says so; readers then take dates of one kind."""
    first, second = '{"v": {"a": 1}, "d": "2024-01-02"}', '{"v": [1], "d": 3}'

    answer = two_days(empty, first, second)

    assert answer.code == 4
    assert "`v` is BIGINT[], was STRUCT(a BIGINT); `d` is BIGINT, was DATE" in answer.err
    assert "`drift: allow` of source `j`" in answer.err
    assert two_days(empty, first, second, ", drift: allow").code == 0
    assert empty.rows("select v[1] from raw.j where dt = '2024-01-03'") == [[1]]


NOTHING_TOLD = {
    "a value": ("null", '"abc"', "v", "abc"),
    "a date": ("null", '"2024-01-02"', "v", "2024-01-02"),
    "a list": ("[]", '["x", "12"]', "v[2]", "12"),
    "a list of numbers": ("[]", "[12]", "v[1] + 1", "13"),
    "within a struct": (
        '{"a": null, "b": 1}',
        '{"a": "2024-01-02", "b": 1.5}',
        "v.a",
        "2024-01-02",
    ),
    "an object": ("{}", '{"a": 1}', "v['a']", "1"),
}


@pytest.mark.parametrize("case", NOTHING_TOLD)
def test_a_date_without_a_value_leaves_the_type_to_the_others(empty, case):
    """It used to turn the column of all dates into JSON, with quotes in it, or into an error."""
    first, second, asked, expected = NOTHING_TOLD[case]

    assert two_days(empty, f'{{"v": {first}}}', f'{{"v": {second}}}').code == 0

    found = empty.rows(f"select ({asked})::varchar from raw.j order by dt")
    assert found == [[None], [expected]]
    assert two_days(empty, f'{{"v": {second}}}', f'{{"v": {first}}}').code == 0
    found = empty.rows(f"select ({asked})::varchar from raw.j order by dt")
    assert found == [[expected], [None]]


def test_what_differs_in_kind_within_a_list_or_struct_is_text(empty):
    two_days(empty, '{"v": ["x", 1], "s": {"q": "1e5"}}\n{"v": [], "s": {"q": 1}}', '{"v": [2]}')

    rows = empty.rows("select v, s.q from raw.j where dt = '2024-01-02' order by all")

    assert sorted(rows, key=str) == [[["x", "1"], "1e5"], [[], "1"]]


@pytest.mark.parametrize("one", ["TIMESTAMP_NS '2024-01-02 03:04:05.123456789'", "TIME '03:04:05'"])
def test_times_that_no_type_holds_with_a_zone_are_not_cut_short(empty, one):
    """To read both dates at once is an error."""
    zoned = one.replace("_NS", "TZ").replace("TIME ", "TIMETZ ")
    source = 'connector: file, path: "in/$<PARTITION_DATE>.parquet", drift: allow'
    empty.write("nomad.yaml", f"layers: [ods]\ntimezone: UTC\nsources:\n  j: {{{source}}}\n")
    empty.write("in/note.txt", "")
    for day, value in (("2024-01-02", one), ("2024-01-03", zoned)):
        duckdb.sql(f"copy (select {value} as t) to '{empty.root}/in/{day}.parquet'")
    assert empty("extract", "--from", "2024-01-02", "--to", "2024-01-03").code == 0

    answer = empty("sql", "select t from raw.j")

    assert answer.code == 1
    assert "elsewhere, which does not hold" in answer.err
