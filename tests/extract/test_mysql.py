"""Connector `mysql`, against a real MariaDB."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal
from threading import Thread

import pytest

from databases import asked, described, fetched, ids, parted, refused
from nomad.dates import Span
from nomad.errors import ConfigError, Refused, SourceMissing, Unreachable
from nomad.extract.registry import CONNECTORS

DAY = date(2024, 1, 2)
ORDERS = (
    "create table orders (id bigint primary key, amount decimal(12,2), at timestamp(6) null,"
    " note varchar(9))",
    "set time_zone = '+00:00'",
    r"""insert into orders values
       (1, 1.10, '2024-01-01 23:30', 'a\\'), (2, 2.20, '2024-01-02 00:00', 'b'),
       (9007199254740993, 3.30, '2024-01-02 10:00', 'B'), (4, null, '2024-01-03 00:00', null)""",
)
LARGE = 9007199254740993  # the first whole number that no DOUBLE holds


@pytest.fixture
def fetch(mariadb, tmp_path):
    """Fetch by some options; give the rows, in the order of their first column."""
    options = mariadb.server.options()
    return lambda *window, **more: fetched("mysql", tmp_path, *window, **{**options, **more})


def moved(client) -> int:
    """How many rows the server was asked to hand over, by its own log."""
    queries = re.findall(r"Execute\t((?:.|\n)*?)(?=\n\t)", client.asked())
    tables = [q for q in queries if "orders" in q and "AS one" not in q]
    return sum(client.rows(f"select count(*) from ({t}) as t")[0][0] for t in tables)


def test_a_table_lands_with_the_chosen_columns_and_rows_that_the_server_picks(mariadb, fetch):
    mariadb.run(*ORDERS)

    rows = fetch(table="orders", select=["id", "AMOUNT"], where="amount > 1.5 # cheap")

    assert rows == [(2, Decimal("2.20")), (LARGE, Decimal("3.30"))]
    assert moved(mariadb) == 2


def test_a_query_lands_in_the_words_of_the_server(mariadb, fetch):
    mariadb.run(
        *ORDERS, "create table `or``ders` (`sel'ect` int)", "insert into `or``ders` value (1)"
    )

    rows = fetch(
        query="select id, note regexp binary '^b$' as is_b from orders where id in (2, 4);"
    )

    assert rows == [(2, 1), (4, None)]
    assert fetch(table="or`ders") == [(1,)]
    assert fetch(table="shop.or`ders") == [(1,)]


@pytest.mark.parametrize(
    ("column", "mark", "expected"),
    [
        ("at", "2024-01-02 10:00:00", [4, LARGE]),
        ("id", str(LARGE), [LARGE]),
        ("amount", "2.20", [2, LARGE]),
        ("note", "a\\", [1, 2]),
    ],
)
def test_the_server_hands_over_only_what_lies_above_the_watermark(
    mariadb, fetch, column, mark, expected
):
    mariadb.run(*ORDERS)

    assert ids(fetch(table="orders", mark=mark, watermark=column)) == expected
    assert moved(mariadb) == len(expected)


@pytest.mark.parametrize(
    ("column", "bound", "expected"),
    [
        ("at", "2024-01-02", ("2024-01-01 23:30:00", "2024-01-03 00:00:00", [1])),
        ("id", str(LARGE), ("1", str(LARGE), [1, 2, 4])),
        ("amount", "2.2", ("1.10", "3.30", [1, 4])),
        ("note", "b", (None, None, [1, 4, LARGE])),
    ],
)
def test_in_chunks_each_row_is_below_a_bound_or_above_it(
    mariadb, tmp_path, column, bound, expected
):
    """One without a value is below. Of texts, the server's order tells only where chunks begin."""
    lowest, highest, below = expected
    mariadb.run(*ORDERS)
    more = mariadb.server.options(table="orders", watermark=column)

    bounds, under, over = parted("mysql", tmp_path, bound, **more)

    if lowest:
        assert [b.removesuffix("+00") for b in bounds] == [lowest, highest]
    assert under == below
    assert sorted([*under, *over]) == [1, 2, 4, LARGE]


def test_ranges_samples_and_dates_without_a_row(mariadb, fetch):
    mariadb.run(*ORDERS)

    assert ids(fetch(Span(DAY, DAY), table="orders", watermark="at")) == [2, LARGE]
    assert len(fetch(table="orders", limit=2)) == 2
    assert fetch(table="orders", mark="9", watermark="amount") is None
    with pytest.raises(SourceMissing, match="source `s` has no row for 2024-01-02"):
        fetch(DAY, query="select * from orders where false")


def test_a_probe_tells_what_it_sees(mariadb):
    mariadb.run(*ORDERS)

    told = CONNECTORS["mysql"].probe(asked("mysql", **mariadb.server.options(table="orders")))

    assert re.fullmatch(r"MySQL \d+\.\d+\.\d+-MariaDB, table orders, 4 columns", told)


# One moment ------------------------------------------------------------------------------------


def halted(mariadb, fetch, meanwhile):
    """Fetch, and do something while the server is in the middle of the rows."""
    holder = mariadb.server.connect()
    cursor = holder.cursor()
    cursor.execute("select get_lock('halt', 60)")
    helper = Thread(target=lambda: (wait(mariadb), meanwhile(), holder.close()))
    helper.start()
    query = "select id, if(id = 2, get_lock('halt', 60), 0) as halt from orders order by id"
    try:
        return fetch(query=query)
    finally:
        helper.join()


WAITS = "select id from information_schema.processlist where state = 'User lock'"


def wait(mariadb):
    for _ in range(10_000):
        if mariadb.rows(WAITS):
            return
    raise AssertionError("nobody waits")


def test_what_is_committed_while_it_reads_does_not_show(mariadb, fetch):
    mariadb.run(*ORDERS)

    def change():
        mariadb.run("insert into orders (id) value (9)", "delete from orders where id = 4")

    assert ids(halted(mariadb, fetch, change)) == [1, 2, 4, LARGE]
    assert ids(fetch(table="orders")) == [1, 2, 9, LARGE]


def test_a_connection_that_is_cut_lands_nothing(mariadb, fetch):
    mariadb.run(*ORDERS)

    def cut():
        mariadb.run(f"kill {mariadb.rows(WAITS)[0][0]}")

    told = refused(lambda: halted(mariadb, fetch, cut), Unreachable)

    assert "source `s`: MySQL: " in told


# Types -----------------------------------------------------------------------------------------

KEPT = [
    ("tinyint(1)", "TINYINT", "2"),
    ("tinyint unsigned", "UTINYINT", "255"),
    ("mediumint unsigned", "UINTEGER", "16777215"),
    ("bigint unsigned", "UBIGINT", "18446744073709551615"),
    ("float", "FLOAT", "1.5"),
    ("double", "DOUBLE", "1.5e+300"),
    ("decimal(12,2)", "DECIMAL(12,2)", "-1234567890.12"),
    ("decimal(10,2) unsigned", "DECIMAL(10,2)", "99999999.99"),
    ("decimal(10,0) unsigned", "DECIMAL(10,0)", "9999999999"),
    ("decimal(10,0)", "DECIMAL(10,0)", "-9999999999"),
    ("decimal(38,0)", "DECIMAL(38,0)", "-12345678901234567890123456789012345678"),
    ("decimal(38,10) unsigned", "DECIMAL(38,10)", "1234567890123456789012345678.0123456789"),
    ("decimal(39,0)", "VARCHAR", "-123456789012345678901234567890123456789"),
    ("decimal(65,30)", "VARCHAR", "1234567890123456789012345.000000000000000000000000000001"),
    ("char(5)", "VARCHAR", "ab"),
    ("varchar(9) charset latin1", "VARCHAR", "é"),
    ("varchar(9) collate utf8mb4_bin", "VARCHAR", "bä"),
    ("text", "VARCHAR", "😀"),
    ("json", "VARCHAR", '{"a": 1.10}'),
    ("enum('a','b')", "VARCHAR", "b"),
    ("set('x','y')", "VARCHAR", "x,y"),
    ("uuid", "VARCHAR", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
    ("inet6", "VARCHAR", "::1"),
    ("varbinary(9)", "BLOB", "a\\x00"),
    ("date", "DATE", "2024-01-02"),
    ("time(6)", "VARCHAR", "-100:59:59.123456"),
    ("datetime(6)", "TIMESTAMP", "2024-01-02 03:04:05.678901"),
    ("timestamp(6)", "TIMESTAMP", "2024-01-02 03:04:05.678901"),
    ("year", "INTEGER", "2024"),
]


def test_types_are_kept_or_land_as_the_text_that_the_server_writes(mariadb, tmp_path):
    columns = ", ".join(f"c{n} {kind} null" for n, (kind, *_) in enumerate(KEPT))
    values = ", ".join(f"'{value}'" for *_, value in KEPT).replace("\\x00", "\\0")
    mariadb.run(f"create table t ({columns})", "set time_zone = '+00:00'")
    mariadb.run(f"insert into t values ({values})")
    (landed,) = CONNECTORS["mysql"].fetch(
        asked("mysql", **mariadb.server.options(table="t")), tmp_path
    )

    assert described(landed.path, KEPT) == KEPT


@pytest.mark.parametrize(
    ("kind", "value", "told"),
    [
        ("date", "0000-00-00", "a date without a month or day in column c; which no DATE holds"),
        ("datetime", "2024-00-10", "Date out of range: 2024-0-10; which no DATE holds"),
        ("decimal(60,0)", "9" * 60, None),
    ],
)
def test_a_value_that_no_type_holds_is_refused_with_what_to_do(mariadb, fetch, kind, value, told):
    mariadb.run(
        f"create table t (c {kind})", "set sql_mode = ''", f"insert into t value ('{value}')"
    )

    if told:
        assert told in refused(lambda: fetch(table="t"), Refused)
    else:
        assert "more digits than a DOUBLE holds in column c" in refused(
            lambda: fetch(query="select c from t"), Refused
        )


# What goes wrong -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "kind", "told"),
    [
        ({"table": "gone"}, ConfigError, "Table 'shop.gone' doesn't exist; was it renamed"),
        ({"table": "orders", "where": "nil > 1"}, ConfigError, "Unknown column 'nil'"),
        ({"query": "select id frm orders o"}, ConfigError, "error in your SQL syntax"),
        ({"query": "delete from orders"}, ConfigError, "error in your SQL syntax"),
        ({"query": "select id, 1 as ID from orders"}, ConfigError, "name the columns apart"),
        ({"table": "orders", "password": "not it at all"}, Unreachable, "Access denied for user"),
        ({"table": "orders", "database": "none"}, Unreachable, "Unknown database 'none'"),
        ({"table": "orders", "port": 1}, Unreachable, "Can't connect to server"),
        ({"table": "orders", "user": "guest", "password": "p@ss w/%\"'x"}, Unreachable,
         "command denied to user 'guest'@'127.0.0.1' for table `shop`.`orders`; have SELECT"),
        ({"table": "orders", "dsn": "host=a pass word=hidden1"}, ConfigError, "can't be read"),
    ],
)  # fmt: skip
def test_each_fault_says_what_and_what_to_do_and_no_password(mariadb, fetch, options, kind, told):
    mariadb.run(
        *ORDERS,
        "create or replace user guest@'127.0.0.1' identified by 'p@ss w/%\"''x'",
        "grant create on shop.* to guest@'127.0.0.1'",
    )

    parts = dict.fromkeys(mariadb.server.options()) if "dsn" in options else {}
    answer = refused(lambda: fetch(**{**parts, **options}), kind)

    assert told in answer
    for secret in (mariadb.server.password, "not it at all", "p@ss", "hidden1"):
        assert secret not in answer


def test_rows_land_whole_and_are_read_as_raw(mariadb, empty):
    mariadb.run(*ORDERS)
    dsn = "mysql://nomad:${MYSQL_PWD}@127.0.0.1:${MYSQL_TCP_PORT}/shop"
    source = f'  s: {{connector: mysql, dsn: "{dsn}", table: orders, select: [id, at]}}\n'
    empty.write("nomad.yaml", f"layers: [ods]\ntimezone: UTC\nsources:\n{source}")

    answer = empty("extract", env=mariadb.server.environ)

    assert answer.code == 0, answer.err
    query = 'select max(id) as id, max_by("at", id) as "at" from raw.s'
    answer = empty("sql", query, "--output", "json", env=mariadb.server.environ)
    assert answer.json["rows"] == [{"id": LARGE, "at": "2024-01-02T10:00:00"}]
