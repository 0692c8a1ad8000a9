"""Connector `duckdb`, against files that DuckDB writes."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from decimal import Decimal

import duckdb
import pytest

from databases import asked, described, fetched, ids, refused
from nomad.dates import Span
from nomad.errors import ConfigError, Refused, SourceMissing, Unreachable
from nomad.extract.registry import CONNECTORS

DAY = date(2024, 1, 2)
ORDERS = """
create schema shop;
create table shop.orders as from (values
    (1, 1.10, timestamptz '2024-01-01 23:30:00+00', 'a'), (2, 2.20, '2024-01-02 00:00:00+00', 'b'),
    (3, 3.30, '2024-01-02 10:00:00+00', 'B'), (4, null, '2024-01-03 00:00:00+00', null)
) as t (id, amount, "at", note)
"""


@pytest.fixture
def shop(tmp_path):
    """Runs statements in a file, and lets go of it."""

    def run(*statements):
        with duckdb.connect(str(tmp_path / "shop's.duckdb")) as con:
            con.execute(";".join(statements))

    return run


@pytest.fixture
def fetch(tmp_path):
    options = {"path": "shop's.duckdb", "root": tmp_path}
    return lambda *window, **more: fetched("duckdb", tmp_path, *window, **{**options, **more})


def test_a_table_or_a_query_lands_with_the_chosen_columns_and_rows(shop, fetch):
    shop(ORDERS)

    assert fetch(table="shop.orders", select=["id", "amount"], where="amount > 3 -- dear") == [
        (3, Decimal("3.30"))
    ]
    assert fetch(query="from shop.orders select id where id > 3;") == [(4,)]


@pytest.mark.parametrize(
    ("column", "mark", "expected"),
    [
        ("id", "3", [3, 4]),
        ("amount", "2.20", [2, 3]),
        ("at", "2024-01-02 12:00:00+02", [3, 4]),
        ("note", "a", [1, 2]),
    ],
)
def test_what_lies_above_the_watermark_lands(shop, fetch, column, mark, expected):
    shop(ORDERS)

    assert ids(fetch(table="shop.orders", mark=mark, watermark=column)) == expected


def test_ranges_samples_probes_and_dates_without_a_row(shop, fetch, tmp_path):
    shop(ORDERS)
    request = asked("duckdb", path="shop's.duckdb", root=tmp_path, table="shop.orders")

    assert ids(fetch(Span(DAY, DAY), table="shop.orders", watermark="at")) == [2, 3]
    assert len(fetch(table="shop.orders", limit=2)) == 2
    told = f"DuckDB v{duckdb.__version__}, table shop.orders, 4 columns"
    assert CONNECTORS["duckdb"].probe(request) == told
    with pytest.raises(SourceMissing, match="source `s` has no row for 2024-01-02"):
        fetch(DAY, query="from shop.orders where false")


KEPT = [
    ("170141183460469231731687303715884105727", "VARCHAR", str(2**127 - 1)),
    ("2::uhugeint", "VARCHAR", "2"),
    ("interval '1.000001 s'", "VARCHAR", "00:00:01.000001"),
    ("'10:00:00+02'::timetz", "VARCHAR", "10:00:00+02"),
    ("'101'::bit", "VARCHAR", "101"),
    ("[1::hugeint]", "VARCHAR", "[1]"),
    ("1.5::decimal(5,2)", "DECIMAL(5,2)", Decimal("1.50")),
    ("'2024-01-02 03:04:05.123456789'::timestamp_ns", "TIMESTAMP_NS",
     "2024-01-02 03:04:05.123456789"),
    ("'x'::enum('x')", "VARCHAR", "x"),
    ("{'a': [1, null]}", "STRUCT(a INTEGER[])", {"a": [1, None]}),
    ("map {'a': 1}", "MAP(VARCHAR, INTEGER)", {"a": 1}),
    ("255::utinyint", "UTINYINT", 255),
    ("'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid", "UUID",
     "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
]  # fmt: skip


def test_types_are_kept_or_land_as_text(shop, tmp_path):
    columns = ", ".join(f"{value} as c{n}" for n, (value, *_) in enumerate(KEPT))
    shop(f"create table t as select {columns}")
    request = asked("duckdb", path="shop's.duckdb", root=tmp_path, table="t")

    (landed,) = CONNECTORS["duckdb"].fetch(request, tmp_path)

    assert described(landed.path, KEPT) == KEPT


@pytest.mark.parametrize(
    ("options", "kind", "told"),
    [
        ({"table": "gone"}, ConfigError, "Table with name gone does not exist"),
        ({"table": "shop.orders", "where": "nil > 1"}, ConfigError, 'column "nil" not found'),
        ({"query": "select id frm shop.orders o"}, ConfigError, "syntax error"),
        ({"query": "delete from shop.orders"}, ConfigError, "syntax error"),
    ],
)
def test_each_fault_says_what_and_what_to_do(shop, fetch, options, kind, told):
    shop(ORDERS)

    assert told in refused(lambda: fetch(**options), kind)


def test_a_file_that_is_none_of_duckdb_s_is_refused(fetch, tmp_path):
    (tmp_path / "broken.duckdb").write_text("no database" * 1000)

    told = refused(lambda: fetch(table="t", path="broken.duckdb"), Refused)

    assert "is it a DuckDB file, and whole?" in told


HOLD = """
import duckdb, sys
link = duckdb.connect(sys.argv[1])
print("held", flush=True)
sys.stdin.read()
"""


def test_a_file_that_another_program_writes_to_is_out_of_reach(shop, fetch, tmp_path):
    shop(ORDERS)
    command = [sys.executable, "-c", HOLD, tmp_path / "shop's.duckdb"]

    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout.readline() == b"held\n"
        told = refused(lambda: fetch(table="shop.orders"), Unreachable)
        holder.stdin.close()

    assert "another program has it open" in told


def test_two_sources_may_lie_in_one_file(shop, tmp_path):
    shop(ORDERS)
    options = {"path": "shop's.duckdb", "root": tmp_path, "table": "shop.orders"}
    folders = [tmp_path / "a", tmp_path / "b"]
    for folder in folders:
        folder.mkdir()

    with ThreadPoolExecutor(2) as pool:
        both = list(pool.map(lambda folder: fetched("duckdb", folder, **options), folders))

    assert [ids(rows) for rows in both] == [[1, 2, 3, 4]] * 2


def test_rows_land_whole_and_are_read_as_raw(shop, empty):
    shop(ORDERS)
    source = '{connector: duckdb, path: "shop\'s.duckdb", table: shop.orders}'
    empty.write("nomad.yaml", f"layers: [ods]\nsources:\n  s: {source}\n")

    answer = empty("extract")

    assert answer.code == 0, answer.err
    assert empty.rows("select count(*) as n, max(amount) as most from raw.s") == [[4, 3.3]]
