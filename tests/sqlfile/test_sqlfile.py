"""One SQL file: variables, statements, references."""

from __future__ import annotations

from datetime import date

import pytest

from nomad.errors import SqlFileError
from nomad.partitions import Partition
from nomad.sqlfile.file import SqlFile, from_body, render, to_body
from nomad.sqlfile.parsing import parse

PATH = "sql/ods/ods_x.sql"


def read(text: str, **variables: str) -> SqlFile:
    rendered = render(text, variables, path=PATH)
    return parse(rendered, path=PATH, table="ods_x")


def refs(text: str) -> set[str]:
    return {str(r) for r in read(text).refs}


def test_both_spellings_of_the_date_mean_the_same():
    one = read("select 1 as a from t where dt = '$<PARTITION_DATE>'")
    two = read("select 1 as a from t where dt = '${PARTITION_DATE}'")

    assert one.partitioned
    assert one.sql_hash == two.sql_hash
    assert one.statements(Partition(date(2024, 1, 2)))[1].endswith("dt = '2024-01-02'")


def test_a_file_without_the_date_is_a_full_table():
    assert not read("select 1 as a -- not $<PARTITION_DATE>").partitioned


@pytest.mark.parametrize(
    "changed",
    [
        "-- a comment\nselect a from t where a = $<LEAST>",
        "select  a\n\tfrom t /* all of it */ where a=$<LEAST> ;",
    ],
)
def test_comments_and_blanks_keep_the_hash(changed):
    assert read(changed, LEAST="1").sql_hash == read("select a from t where a = 1").sql_hash


@pytest.mark.parametrize(
    "changed",
    [
        "select a from t where a = 2",
        "select a from T where a = 1",
        "select 'a' from t where a = 1",
        'select "a" from t where a = 1',
        "set threads = 1; select a from t where a = 1",
    ],
)
def test_anything_else_changes_the_hash(changed):
    assert read(changed).sql_hash != read("select a from t where a = 1").sql_hash


def test_a_variable_counts():
    text = "select $<LEAST> as a"

    assert read(text, LEAST="1").sql_hash != read(text, LEAST="2").sql_hash


@pytest.mark.parametrize(
    "text",
    [
        "select a from ods.t",
        "create table ods_x as select a from ods.t",
        "create or replace view main.ods_x as (select a from ods.t)",
        "insert into ods.ods_x select a from ods.t",
        "insert into ods_x (a) select a from ods.t;",
        "drop table if exists ods_x; create table if not exists ods.ods_x as select a from ods.t",
        "delete from ods_x where dt = '2024-01-02'; insert into ods_x select a from ods.t",
    ],
)
def test_brought_statements_are_one_query(text):
    assert refs(text) == {"ods.t"}


def test_a_list_of_columns_names_the_columns():
    query = read("insert into ods_x (p, q) select 1, 2").statements(None)[1]

    assert query == 'SELECT * FROM (\nselect 1, 2\n) AS _("p", "q")'


def test_setup_runs_before_the_query():
    file = read("create temp table k as select * from w; set threads = 1; select * from k")

    assert file.setup == ("create temp table k as select * from w", "set threads = 1")
    assert {str(r) for r in file.refs} == {"w"}
    assert file.exclusive


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the file is empty"),
        ("-- nothing", "the file is empty"),
        ("set x = 1", "the file has no query"),
        ("select 1;\nselect 2", f"{PATH}:2: the file has two queries"),
        ("update t set a = 1", "nomad does not run `UPDATE`"),
        ("create table other as select 1", "the file is named `ods_x` but writes `other`"),
        ("create table ods_x (a int)", "without `AS SELECT`"),
        ("drop table other; select 1", "`DROP` of a table other than `ods_x`"),
        ("select a\nfrom t wher b c", f"{PATH}:2: syntax error"),
        ("select 1;\nselect 'a", f"{PATH}:2: a quote opened here is never closed"),
        (
            "select 'x' as a,\n 'b as b\nfrom t\nwhere dt = '$<PARTITION_DATE>'",
            f"{PATH}:2: a quote opened here is never closed",
        ),
        (
            "select 'a as b from t where dt = '$<PARTITION_DATE>'",
            f"{PATH}:1: a quote opened here is never closed",
        ),
        ("select ''$<PARTITION_DATE>''", "outside quotes would be a subtraction"),
        ("/* select 1", f"{PATH}:1: `/*` is never closed"),
        (
            "select a from t where dt = '$<PARTITION_DATE>' where",
            f"    select a from t where dt = '$<PARTITION_DATE>' where\n    {' ' * 47}^^^^^",
        ),
        (
            "insert into ods_x (a) select 1 as p, 2 as q",
            "1 columns are named, but the query yields 2",
        ),
        ("select * from query_table(a || b)", "`query_table` of a computed name"),
    ],
)
def test_what_is_no_single_query_is_refused(text, message):
    with pytest.raises(SqlFileError) as e:
        read(text)

    assert message in str(e.value)


def test_a_syntax_error_shows_the_line_and_marks_the_word():
    with pytest.raises(SqlFileError) as e:
        read("select a\nfrom t wher b c")

    shown, mark = str(e.value).splitlines()[-2:]
    assert shown.strip() == "from t wher b c"
    assert "^" in mark


def test_a_missing_variable_names_its_line_and_the_nearest():
    with pytest.raises(SqlFileError) as e:
        read("select 1,\n  $<MIN_PRIZE>", MIN_PRICE="0")

    assert str(e.value) == f"{PATH}:2: variable `MIN_PRIZE` is not defined"
    assert e.value.hint == "did you mean `MIN_PRICE`?"


@pytest.mark.parametrize("value", ["it's", "1; drop", "1 -- x", "/* x", 'a"b', "a\nb"])
def test_a_value_that_could_change_the_statement_is_refused(value):
    with pytest.raises(SqlFileError, match="the value of variable `X` holds"):
        read("select $<X>", X=value)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("select now() as t", "calls now"),
        ("select current_date as d", "calls current_date"),
        ("select * from read_csv('x.csv')", "reads files directly with read_csv"),
        ("select 'now()' as a, \"random\" from t", None),
        ("select now from t", None),
    ],
)
def test_what_may_change_by_itself_is_volatile(text, reason):
    assert read(text).volatile == reason


def test_the_leading_comment_is_the_description():
    assert read("-- One row\n-- per day.\n\nselect 1 as a -- x").description == "One row per day."


def test_a_parsed_file_survives_the_cache():
    file = read("create temp table k as select * from w; select * from k join ods.t using (a)")

    assert from_body(to_body(file)) == file
