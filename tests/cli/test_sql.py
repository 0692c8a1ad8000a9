"""`nomad sql`."""

from __future__ import annotations

import duckdb


def test_a_macro_reads_one_partition(built):
    assert built.rows("select count(*) from dwd.dwd_price_dt('2024-01-02')") == [[2]]


def test_a_bare_name_is_enough(built):
    assert built.rows("select count(*) from dwd_price") == [[4]]


def test_the_table_is_aligned(built):
    assert built("sql", "select symbol, close from dwd.dwd_price_dt('2024-01-02')").out == (
        "symbol   close\n──────────────\nA            1\nB            2\n"
    )


def test_csv_has_a_header(built):
    assert built("sql", "select 1 as a, null as b, 'x,y' as c", "-o", "csv").out == (
        'a,b,c\n1,,"x,y"\n'
    )


def test_parquet_goes_to_standard_output(built, tmp_path):
    path = tmp_path / "x.parquet"
    with path.open("wb") as f:
        built.process("sql", "from dws.dws_price", "-o", "parquet", stdout=f)

    assert duckdb.sql(f"select count(*) from '{path}'").fetchall() == [(2,)]


def test_a_fault_is_told_with_its_place(built):
    answer = built("sql", "select nosuch\nfrom dwd.dwd_price")

    assert answer.code == 1
    assert answer.err.startswith('nomad: query:1: Referenced column "nosuch" not found')


def test_a_table_never_published_is_told(project):
    answer = project("sql", "from dwd.dwd_price")

    assert answer.code == 1
    assert "`dwd.dwd_price` was never published: `nomad run dwd_price`" in answer.err
