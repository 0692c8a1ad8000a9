"""Connector `sql`, against a real PostgreSQL and SQLite."""

from __future__ import annotations

import re
import sqlite3
import sys
from contextlib import closing
from datetime import date, datetime
from decimal import Decimal

import pytest

from databases import asked, described, fetched, ids, parted, refused
from nomad.dates import Span
from nomad.errors import ConfigError, Refused, SourceMissing, Unreachable
from nomad.extract import alchemy
from nomad.extract.registry import CONNECTORS

DAY = date(2024, 1, 2)
ORDERS = (
    "create table orders (id bigint primary key, amount numeric(12,2), at timestamptz, note text)",
    """insert into orders values
       (1, 1.10, '2024-01-01 23:30+00', 'a'), (2, 2.20, '2024-01-02 00:00+00', 'b'),
       (3, 3.30, '2024-01-02 10:00+00', '5%:x'), (4, null, '2024-01-03 00:00+00', null)""",
)


def url(server, **more):
    who = {"user": "nomad", "password": server.password, "port": server.port, **more}
    return "postgresql+psycopg://{user}:{password}@127.0.0.1:{port}/postgres".format(**who)


@pytest.fixture
def fetch(postgres, tmp_path):
    options = {"url": url(postgres.server), "root": tmp_path}
    return lambda *window, **more: fetched("sql", tmp_path, *window, **{**options, **more})


@pytest.fixture
def shop(tmp_path):
    """A SQLite file."""
    with closing(sqlite3.connect(tmp_path / "shop.db", isolation_level=None)) as link:
        yield link


def test_a_table_or_a_query_lands_with_the_chosen_columns_and_rows(postgres, fetch):
    postgres.run(*ORDERS)

    assert fetch(table="public.orders", select=["ID", "amount"], where="amount > 3 -- dear") == [
        (3, Decimal("3.30"))
    ]
    assert fetch(
        query="select id from orders where note like '5%:x' and at::date > '2024-01-01';"
    ) == [(3,)]


@pytest.mark.parametrize(
    ("column", "mark", "expected"),
    [
        ("id", "3", [3, 4]),
        ("amount", "2.20", [2, 3]),
        ("at", "2024-01-02 12:00:00+02", [3, 4]),
        ("note", "a", [1, 2]),
    ],
)
def test_the_server_hands_over_only_what_lies_above_the_watermark(
    postgres, fetch, column, mark, expected
):
    postgres.run(*ORDERS)

    assert ids(fetch(table="orders", mark=mark, watermark=column)) == expected
    assert re.search(rf'WHERE "{column}" >= \$1', postgres.asked())


@pytest.mark.parametrize(
    ("column", "bound", "expected"),
    [
        ("at", "2024-01-02", ("2024-01-01 23:30:00+00:00", "2024-01-03 00:00:00+00:00", [1])),
        ("id", "3", ("1", "4", [1, 2])),
        ("amount", "2.2", ("1.10", "3.30", [1, 4])),
    ],
)
def test_in_chunks_each_row_is_below_a_bound_or_above_it(
    postgres, tmp_path, column, bound, expected
):
    """One without a value is below."""
    postgres.run(*ORDERS)
    more = {"url": url(postgres.server), "table": "orders", "watermark": column}

    bounds, under, over = parted("sql", tmp_path, bound, **more)

    assert (*bounds, under) == expected
    assert sorted([*under, *over]) == [1, 2, 3, 4]


def test_ranges_samples_probes_and_dates_without_a_row(postgres, fetch, tmp_path):
    postgres.run(*ORDERS)
    request = asked("sql", url=url(postgres.server), table="orders", root=tmp_path)

    assert ids(fetch(Span(DAY, DAY), table="orders", watermark="at")) == [2, 3]
    assert len(fetch(table="orders", limit=2)) == 2
    assert fetch(table="orders", mark="9", watermark="id") is None
    assert fetch(query="select * from orders where false") == []
    assert re.fullmatch(
        r"postgresql \d+\.\d+, table orders, 4 columns", CONNECTORS["sql"].probe(request)
    )
    with pytest.raises(SourceMissing, match="source `s` has no row for 2024-01-02"):
        fetch(DAY, query="select * from orders where false")


def test_rows_come_in_batches_of_one_select(postgres, fetch, monkeypatch):
    monkeypatch.setattr(alchemy, "_AT_A_TIME", 10)

    rows = fetch(
        query="select n, null::text as a, n::numeric(9,2) as d from generate_series(1, 35) n"
    )

    assert ids(rows) == list(range(1, 36))
    assert rows[-1] == (35, None, Decimal("35.00"))
    assert "DECLARE" in postgres.asked()


KEPT = [
    ("true", "BOOLEAN", True),
    ("9223372036854775807::bigint", "BIGINT", 2**63 - 1),
    ("1.5::float8", "DOUBLE", 1.5),
    ("1.5::numeric(12,2)", "DECIMAL(12,2)", Decimal("1.50")),
    ("123456789012345678901234567890.1::numeric", "VARCHAR", "123456789012345678901234567890.1"),
    ("'2024-01-02 03:04:05.678901+02'::timestamptz", "TIMESTAMP WITH TIME ZONE",
     "2024-01-02 01:04:05.678901+00"),
    ("'2024-01-02 03:04'::timestamp", "TIMESTAMP", datetime(2024, 1, 2, 3, 4)),  # noqa: DTZ001
    ("'2024-01-02'::date", "DATE", DAY),
    ("'12:34:56.789'::time", "TIME", "12:34:56.789"),
    ("'\\x00ff'::bytea", "BLOB", b"\x00\xff"),
    ("'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid", "VARCHAR",
     "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
    ("'{1,null,3}'::int[]", "BIGINT[]", [1, None, 3]),
    ("null::int", "VARCHAR", None),
]  # fmt: skip


def test_types_are_those_of_the_values(postgres, tmp_path):
    query = "select " + ", ".join(f"{value} as c{n}" for n, (value, *_) in enumerate(KEPT))
    request = asked("sql", url=url(postgres.server), query=query)

    (landed,) = CONNECTORS["sql"].fetch(request, tmp_path)

    assert described(landed.path, KEPT) == KEPT


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("interval '1 year'", "column `c` holds a `timedelta`, which Parquet doesn't keep"),
        ("""'{"a": 1.10}'::json""", "column `c` holds a `dict`"),
        ("'NaN'::numeric(12,2)", "column `c`"),
        ("'infinity'::date", "date too large"),
    ],
)
def test_a_value_that_can_t_be_kept_is_refused(fetch, value, told):
    answer = refused(lambda: fetch(query=f"select {value} as c"), Refused)

    assert told in answer
    assert "cast it in a `query`" in answer


@pytest.mark.parametrize(
    ("options", "kind", "told"),
    [
        ({"table": "gone"}, ConfigError, 'relation "gone" does not exist; was it renamed'),
        ({"table": "orders", "where": "nil > 1"}, ConfigError, 'column "nil" does not exist'),
        ({"table": "orders", "select": ["amout"]}, ConfigError, "did you mean `amount`?"),
        ({"query": "select id frm orders"}, ConfigError, "syntax error"),
        ({"query": "select 1 / (id - 2) as c from orders"}, Refused, "division by zero"),
        ({"table": "orders", "mark": "x", "watermark": "id"}, ConfigError,
         "`x` can't be compared with a `int`"),
        ({"table": "orders", "url": "nix://a"}, ConfigError, "Can't load plugin"),
        ({"table": "orders", "url": "secret words"}, ConfigError, "write `url` like"),
        ({"table": "orders", "url": "oracle://a/b"}, ConfigError, "install the driver"),
        ({}, ConfigError, "needs a `table` or a `query`"),
    ],
)  # fmt: skip
def test_each_fault_says_what_and_what_to_do(postgres, fetch, options, kind, told):
    postgres.run(*ORDERS)

    answer = refused(lambda: fetch(**options), kind)

    assert told in answer
    assert "secret words" not in answer


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"password": "not it at all"}, "password authentication failed"),
        ({"port": 1}, "port 1 failed: Connection refused"),
    ],
)
def test_a_server_out_of_reach_is_told_without_its_password(postgres, fetch, more, told):
    answer = refused(lambda: fetch(url=url(postgres.server, **more), table="t"), Unreachable)

    assert told in answer
    assert "not it at all" not in answer
    assert postgres.server.password not in answer


def test_without_sqlalchemy_it_says_what_to_install(fetch, monkeypatch):
    monkeypatch.setitem(sys.modules, "sqlalchemy", None)

    with pytest.raises(ConfigError) as caught:
        fetch(table="orders")

    assert caught.value.hint == "pip install 'nomad-warehouse[sql]'"


def test_a_sqlite_file_is_found_from_the_project_and_read_as_raw(shop, empty):
    shop.execute("create table orders (id integer, day text)")
    shop.execute(
        "insert into orders values (1, '2024-01-02'), (2, '2024-01-03'), (3, '2024-01-03')"
    )
    where = "day = '$<PARTITION_DATE>'"
    source = f'{{connector: sql, url: "sqlite:///shop.db", table: orders, where: "{where}"}}'
    empty.write("nomad.yaml", f"layers: [ods]\nsources:\n  s: {source}\n")

    answer = empty("extract", "--from", "2024-01-02", "--to", "2024-01-04")

    assert answer.code == 0, answer.err
    assert empty.rows("select dt, count(*) as n from raw.s group by dt order by dt") == [
        ["2024-01-02", 1],
        ["2024-01-03", 2],
    ]


def test_a_sqlite_file_that_is_not_there_is_missing_and_not_made(fetch, tmp_path):
    with pytest.raises(SourceMissing, match=r"has no file none\.db"):
        fetch(url="sqlite:///none.db", table="t")

    assert not (tmp_path / "none.db").exists()
