"""`nomad sql`."""

from __future__ import annotations

import duckdb
import pytest


def test_a_macro_reads_one_partition(built):
    assert built.rows("select count(*) from dwd.dwd_price_dt('2024-01-02')") == [[2]]


def test_a_bare_name_is_enough(built):
    assert built.rows("select count(*) from dwd_price") == [[4]]


def test_the_table_is_aligned(built):
    assert built("sql", "select symbol, close from dwd.dwd_price_dt('2024-01-02')").out == (
        "symbol   close\n──────────────\nA            1\nB            2\n"
    )


@pytest.mark.parametrize("text", [":warning:", "[bold]x[/bold]", "\\[x]", "a [b"])
def test_what_looks_like_markup_stays_as_it_is(built, text):
    assert built("sql", f"select '{text}' as a").out.splitlines()[-1] == text


def test_csv_has_a_header(built):
    assert built("sql", "select 1 as a, null as b, 'x,y' as c", "-o", "csv").out == (
        'a,b,c\n1,,"x,y"\n'
    )


def test_parquet_goes_to_standard_output(built, tmp_path):
    path = tmp_path / "x.parquet"
    with path.open("wb") as f:
        built.process("sql", "from dws.dws_price", "-o", "parquet", stdout=f)

    assert duckdb.sql(f"select count(*) from '{path}'").fetchall() == [(2,)]


def test_parquet_holds_every_digit_of_a_sum(built, tmp_path):
    path = tmp_path / "x.parquet"
    query = "select sum(x) as a, [sum(x)] as a from (values (9223372036854775807), (2)) _(x)"
    with path.open("wb") as f:
        built.process("sql", query, "-o", "parquet", stdout=f)

    (row,) = duckdb.sql(f"from '{path}'").fetchall()
    assert row == (9223372036854775809, [9223372036854775809])


def test_a_number_that_parquet_does_not_hold_is_refused_by_its_column(built):
    query = "select 1 as b, 170141183460469231731687303715884105727::hugeint as n"

    answer = built("sql", query, "-o", "parquet")

    assert (answer.code, answer.out) == (1, "")
    assert "`n` has a value of more than 38 digits" in answer.err
    assert 'CAST("n" AS VARCHAR) keeps all digits' in answer.err


@pytest.mark.parametrize("output", ["table", "json"])
def test_a_fault_shows_no_sql_but_the_users(built, output):
    query = "select close::int, 'a'::int, date '2024-01-02' from dwd.dwd_price"

    answer = built("sql", query, "-o", output)

    assert answer.code == 1
    assert answer.err == "nomad: Could not convert string 'a' to INT32\n"


def test_a_file_that_is_not_there_is_told(built):
    """Of what a query may not read it is not told whether it is there."""
    answer = built("sql", "from 'data/nope.csv'")

    assert answer.err.startswith("nomad: no such file: `data/nope.csv`\n")
    for path in ("/etc/hostname", "/etc/nope.csv", ".nope.csv", "../nope.csv"):
        told = built("sql", f"from read_csv('{path}')").err
        assert f"file `{path}` is none that a query may read" in told


def test_a_fault_is_told_with_its_place(built):
    answer = built("sql", "select nosuch\nfrom dwd.dwd_price")

    assert answer.code == 1
    assert answer.err.startswith('nomad: query:1: Referenced column "nosuch" not found')
    assert built("sql", "select dwd.ff(1)").err.startswith("nomad: Scalar Function with name ff")
    assert "main." not in built("sql", "select dwd.ff(1)").err


def test_a_table_never_published_is_told(project):
    answer = project("sql", "from dwd.dwd_price")

    assert answer.code == 1
    assert "`dwd.dwd_price` was never published: `nomad run dwd_price`" in answer.err


@pytest.mark.parametrize("query", ["", " ; ", "\n-- nothing"])
def test_an_empty_query_is_told(project, query):
    answer = project("sql", query)

    assert answer.code == 2
    assert "the query is empty" in answer.err


def test_json_holds_what_json_can(built):
    query = (
        "select 'nan'::double as a, map {date '2024-01-01': 1} as b, 1.5::decimal(9, 2) as c,"
        " 12345678901234567.89::decimal(38, 2) as d, [date '2024-01-02'] as e, null as f"
    )

    assert built("sql", query, "-o", "json").json["rows"] == [
        {
            "a": "nan",
            "b": {"2024-01-01": 1},
            "c": 1.5,
            "d": "12345678901234567.89",
            "e": ["2024-01-02"],
            "f": None,
        }
    ]


def test_a_variable_is_filled_in(built):
    assert built("sql", "select '$<WHO>' as who", "--var", "who=me", "-o", "csv").out == "who\nme\n"


def test_a_bare_name_that_two_tables_have_is_not_guessed(built):
    built.write("nomad.yaml", (built.root / "nomad.yaml").read_text() + "naming: free\n")
    built.write("sql/ods/price.sql", "select 1 as a")
    built("run", "ods.price")

    assert built("sql", "from price").code == 1
    assert built.rows("from ods.price") == [[1]]


def test_two_queries_at_once_are_refused(built):
    answer = built("sql", "select 1; select 2")

    assert answer.code == 2
    assert "more than one query" in answer.err


@pytest.mark.parametrize("name", ["dwd.dwd_prise", "dwd_prise"])
def test_a_misspelt_table_is_told_with_the_nearest(built, name):
    answer = built("sql", f"from {name}")

    assert answer.code == 1
    assert f"no table `{name}`" in answer.err
    assert "did you mean" in answer.err
    assert "dwd_price" in answer.err
