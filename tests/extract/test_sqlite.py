"""Connector `sqlite`, against files that Python's sqlite3 writes."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import date

import pytest

from conftest import Project
from databases import asked, described, fetched, ids, refused
from nomad.dates import Span
from nomad.errors import ConfigError, Refused, SourceMissing, Unreachable
from nomad.extract.registry import CONNECTORS

DAY = date(2024, 1, 2)
ORDERS = (
    "create table orders (id integer primary key, amount decimal(10,2), at timestamp, note text)",
    """insert into orders values
       (1, 1.1, '2024-01-01 23:30', 'a'), (2, 2, '2024-01-02 00:00', 'b'),
       (9007199254740993, 3.3, '2024-01-02 10:00', 'B'), (4, null, '2024-01-03 00:00', null)""",
)
LARGE = 9007199254740993


@pytest.fixture
def shop(tmp_path):
    """A file, and a connection that writes to it while others read."""
    with closing(sqlite3.connect(tmp_path / "shop's.db", isolation_level=None)) as link:
        link.execute("pragma journal_mode = wal")
        yield link


@pytest.fixture
def fetch(tmp_path):
    options = {"path": "shop's.db", "root": tmp_path}
    return lambda *window, **more: fetched("sqlite", tmp_path, *window, **{**options, **more})


def fill(link, *statements):
    for statement in statements:
        link.execute(statement)


def test_a_table_lands_with_the_chosen_columns_and_rows(shop, fetch):
    fill(shop, *ORDERS)

    assert fetch(table="orders", select=["id", "AMOUNT"], where="amount > 1.5 -- cheap") == [
        (2, 2.0),
        (LARGE, 3.3),
    ]


def test_what_is_null_stays_so_beside_numbers(shop, fetch):
    fill(
        shop,
        "create table t (id integer, price real, qty numeric(10, 2), n)",
        "insert into t values (1, 2.5, 1, 1.5), (2, null, null, null), (3, 0.0, 0, 2)",
    )

    assert fetch(table="t") == [(1, 2.5, 1.0, 1.5), (2, None, None, None), (3, 0.0, 0.0, 2.0)]
    assert fetch(query="select id, price + 1 from t where price is null") == [(2, None)]
    assert fetch(table="t", select=["qty"], where="id = 2") == [(None,)]


@pytest.mark.parametrize("date", ["oops", None, "0001-01-01"])
@pytest.mark.parametrize(("key", "code"), [("id", 0), ("[id, d]", 4)])
def test_a_row_without_a_date_is_refused_until_it_is_corrected(tmp_path, date, key, code):
    project = Project(tmp_path)
    source = f"connector: sqlite, path: t.db, table: t, watermark: u, dt: d, key: {key}"
    project.write("nomad.yaml", f"layers: [ods]\nsources:\n  s: {{{source}}}\n")

    def extracted(*statements: tuple[str, tuple[object, ...]]) -> int:
        with closing(sqlite3.connect(tmp_path / "t.db")) as db, db:
            for statement, values in statements:
                db.execute(statement, values)
        return project("extract").code

    rows, insert = (
        "select id, d, dt::varchar from raw.s order by id",
        "insert into t values (?,?,?)",
    )
    first = (insert, (1, 1, "2024-01-01"))
    assert extracted(("create table t(id int, u int, d text)", ()), first) == 0
    others = (insert, (3, 3, "2024-01-01"))
    assert extracted((insert, (2, 2, date)), others) == 4
    assert project.rows(rows) == [[1, "2024-01-01", "2024-01-01"]]

    correct = ("update t set u = 4, d = '2024-01-02' where id = 2", ())
    assert [extracted(correct), extracted()] == [code, code]
    days = ["2024-01-01", "2024-01-02", "2024-01-01"] if not code else ["2024-01-01"]
    assert project.rows(rows) == [[n, day, day] for n, day in enumerate(days, 1)]
    assert extracted((insert, (4, 5, date))) == 4


def test_a_query_lands_in_the_words_of_sqlite(shop, fetch):
    fill(shop, *ORDERS, 'create table "my ""t" (a)', 'insert into "my ""t" values (1)')

    assert fetch(query="select id, note glob 'b' as is_b from orders where id < 4;") == [
        (1, 0),
        (2, 1),
    ]
    assert fetch(table='my "t') == [(1,)]


@pytest.mark.parametrize(
    ("column", "mark", "expected"),
    [
        ("id", str(LARGE), [LARGE]),
        ("amount", "2.0", [2, LARGE]),
        ("at", "2024-01-02 10:00", [4, LARGE]),
        ("note", "a", [1, 2]),
    ],
)
def test_what_lies_above_the_watermark_lands(shop, fetch, column, mark, expected):
    fill(shop, *ORDERS)

    assert ids(fetch(table="orders", mark=mark, watermark=column)) == expected


@pytest.mark.parametrize("words", [("extract",), ("sample", "s"), ("test-connection",)])
def test_a_watermark_without_an_order_is_refused_from_the_first(tmp_path, shop, words):
    fill(shop, "create table t (id integer, at)", "insert into t values (1, 2.5), (2, 'x')")
    project = Project(tmp_path)
    project.write(
        "nomad.yaml",
        "layers: [ods]\nsources:\n"
        "  s: {connector: sqlite, path: shop's.db, table: t, watermark: at, key: id}\n",
    )

    answer = project(*words)

    assert answer.code == 2
    assert "`watermark`: `at` has no order that holds here as well" in answer.err + answer.out
    assert not (project.lake / "raw").exists()


def test_ranges_samples_and_dates_without_a_row(shop, fetch):
    fill(shop, *ORDERS)

    assert ids(fetch(Span(DAY, DAY), table="orders", watermark="at")) == [2, LARGE]
    assert len(fetch(table="orders", limit=2)) == 2
    with pytest.raises(SourceMissing, match="source `s` has no row for 2024-01-02"):
        fetch(DAY, query="select * from orders where false")


def test_a_probe_tells_what_it_sees(shop, tmp_path):
    fill(shop, *ORDERS)
    request = asked("sqlite", path="shop's.db", root=tmp_path, table="orders")

    told = CONNECTORS["sqlite"].probe(request)

    assert told.startswith("SQLite 3.")
    assert told.endswith(", table orders, 4 columns")


def test_what_is_written_while_it_reads_does_not_show(shop, fetch):
    """The one SELECT reads the rows of one moment: another program may write meanwhile."""
    fill(shop, "create table t (a)", "insert into t values (1)")
    fill(shop, "begin immediate", "insert into t values (2)")

    assert fetch(table="t") == [(1,)]
    fill(shop, "commit")
    assert fetch(table="t") == [(1,), (2,)]


KEPT = [
    ("integer", "BIGINT", 2**63 - 1),
    ("boolean", "BIGINT", 7),
    ("real", "DOUBLE", 0.1 + 0.2),
    ("real", "DOUBLE", 5.0),
    ("decimal(10,2)", "DOUBLE", 12345678.91),
    ("numeric", "BIGINT", 123456789012345678),
    ("numeric", "DOUBLE", 5.0),
    ("text", "VARCHAR", "tä"),
    ("date", "VARCHAR", "2024-01-02 10:00"),
    ("timestamp", "VARCHAR", "2024-01-02T03:04:05+02:00"),
    ("date", "BIGINT", 20240102),
    ("time", "VARCHAR", "10:00"),
    ("", "DOUBLE", 1.5),
    ("blob", "BLOB", b"\x00\xff"),
    ("integer", "BIGINT", None),
    ("varchar(9)", "VARCHAR", None),
]


def test_values_are_kept_as_sqlite_has_them(shop, tmp_path):
    columns = ", ".join(f"c{n} {kind}" for n, (kind, *_) in enumerate(KEPT))
    fill(shop, f"create table t ({columns})")
    shop.execute(f"insert into t values ({', '.join('?' * len(KEPT))})", [k[2] for k in KEPT])
    request = asked("sqlite", path="shop's.db", root=tmp_path, table="t")

    (landed,) = CONNECTORS["sqlite"].fetch(request, tmp_path)

    assert described(landed.path, KEPT) == KEPT


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1, 2.5], [1.0, 2.5]),
        ([2.5, LARGE], ["2.5", str(LARGE)]),
        ([-LARGE, 2.5], ["-9007199254740993", "2.5"]),
        ([1, "a", 0.1 + 0.2], ["0.30000000000000004", "1", "a"]),
    ],
)
def test_a_column_has_the_type_that_holds_all_its_values(shop, fetch, values, expected):
    fill(shop, "create table t (a)")
    shop.executemany("insert into t values (?)", [(v,) for v in values])

    assert ids(fetch(table="t")) == expected


def test_bytes_beside_text_are_refused(shop, fetch):
    fill(shop, "create table t (a)", "insert into t values ('a'), (x'00')")

    told = refused(lambda: fetch(table="t"), Refused)

    assert "SQLite: bytes beside other values in column a; cast it in a `query`" in told


@pytest.mark.parametrize(
    ("options", "kind", "told"),
    [
        ({"table": "gone"}, ConfigError, "no such table: gone; was it renamed or dropped?"),
        ({"table": "orders", "where": "nil > 1"}, ConfigError, "no such column: nil"),
        ({"table": "orders", "select": ["amout"]}, ConfigError, "did you mean `amount`?"),
        ({"query": "select id frm orders o"}, ConfigError, "syntax error"),
        ({"query": "select cast(x'ff' as text) as t"}, Refused, "a text is no UTF-8"),
    ],
)
def test_each_fault_says_what_and_what_to_do(shop, fetch, options, kind, told):
    fill(shop, *ORDERS)

    assert told in refused(lambda: fetch(**options), kind)


def test_a_file_that_is_none_of_sqlite_s_is_refused(fetch, tmp_path):
    (tmp_path / "broken.db").write_text("no database" * 1000)

    told = refused(lambda: fetch(table="orders", path="broken.db"), Refused)

    assert "is it a SQLite file, and whole?" in told


HOLD = """
import sqlite3, sys
link = sqlite3.connect(sys.argv[1], isolation_level=None)
link.execute("begin exclusive")
print("held", flush=True)
sys.stdin.read()
"""


def test_a_file_that_another_program_holds_is_out_of_reach(shop, fetch, tmp_path):
    fill(shop, *ORDERS, "pragma journal_mode = delete")
    command = [sys.executable, "-c", HOLD, tmp_path / "shop's.db"]

    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout.readline() == b"held\n"
        told = refused(lambda: fetch(table="orders"), Unreachable)
        holder.stdin.close()

    assert "SQLite: database is locked; does another program hold it" in told


def test_a_file_that_is_not_there_is_missing(fetch):
    with pytest.raises(SourceMissing, match=r"source `s` has no file none\.db"):
        fetch(path="none.db", table="orders")


def test_rows_land_by_date_and_are_read_as_raw(shop, empty):
    fill(shop, *ORDERS)
    where = "date(at) = '$<PARTITION_DATE>'"
    source = f'{{connector: sqlite, path: "shop\'s.db", table: orders, where: {where}}}'
    empty.write("nomad.yaml", f"layers: [ods]\nsources:\n  s: {source}\n")

    answer = empty("extract", "--from", "2024-01-02", "--to", "2024-01-04")

    assert answer.code == 0, answer.err
    assert empty.rows("select dt, count(*) as n from raw.s group by dt order by dt") == [
        ["2024-01-02", 2],
        ["2024-01-03", 1],
    ]
