"""Connector `postgres`, against a real PostgreSQL."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal
from threading import Thread

import pytest

from databases import asked, described, fetched, ids, refused
from nomad.dates import LAST, Span
from nomad.errors import ConfigError, Refused, SourceMissing, Unreachable
from nomad.extract.registry import CONNECTORS

DAY = date(2024, 1, 2)
ORDERS = (
    "create table orders (id bigint primary key, amount numeric(12,2), at timestamptz, note text)",
    """insert into orders values
       (1, 1.10, '2024-01-01 23:30+00', 'a'), (2, 2.20, '2024-01-02 00:00+00', 'b'),
       (3, 3.30, '2024-01-02 10:00+00', 'B'), (4, null, '2024-01-03 00:00+00', null)""",
)


@pytest.fixture
def fetch(postgres, tmp_path):
    """Fetch by some options; give the rows, in the order of their first column."""
    options = postgres.server.options()
    return lambda *window, **more: fetched("postgres", tmp_path, *window, **{**options, **more})


# What is asked ---------------------------------------------------------------------------------


def test_a_table_lands_with_the_chosen_columns_and_rows_that_the_server_picks(postgres, fetch):
    postgres.run(*ORDERS)

    rows = fetch(table="public.orders", select=["id", "amount"], where="amount > 1.5 -- cheap")

    assert rows == [(2, Decimal("2.20")), (3, Decimal("3.30"))]
    assert moved(postgres) == 2
    assert '"note"' not in "".join(re.findall("COPY .*", postgres.asked()))


def moved(client) -> int:
    """How many rows the server was asked to hand over, by its own log."""
    return sum(client.rows(f"select count(*) from ({t}) as t")[0][0] for t in copies(client))


def copies(client) -> list[str]:
    found = re.findall(r"statement: COPY \(((?:.|\n)*?)\) TO STDOUT", client.asked())
    return [t for t in found if "pg_typeof" not in t]


def test_a_query_lands_in_the_words_of_the_server(postgres, fetch):
    postgres.run(*ORDERS)

    rows = fetch(query="select id, note ~* '^b$' as is_b from orders where id > 1; ")

    assert rows == [(2, True), (3, True), (4, None)]


def test_a_schema_of_its_own_and_names_that_need_quotes(postgres, fetch):
    postgres.run(
        'drop schema if exists "My.Shop" cascade',
        'create schema "My.Shop"',
        """create table "My.Shop"."or""ders" ("Id" int, "select" text)""",
        """insert into "My.Shop"."or""ders" values (1, 'x')""",
    )

    assert fetch(schema="My.Shop", table='or"ders', select=["Id", "SELECT"]) == [(1, "x")]


@pytest.mark.parametrize(
    ("column", "mark", "expected"),
    [
        ("at", "2024-01-02 11:00:00+01", [3, 4]),
        ("id", "3", [3, 4]),
        ("amount", "2.2", [2, 3]),
        ("note", "B", [1, 2, 3]),
        ("note", "a", [1, 2]),
    ],
)
def test_the_server_hands_over_only_what_lies_above_the_watermark(
    postgres, fetch, column, mark, expected
):
    postgres.run(*ORDERS)

    rows = fetch(table="orders", mark=mark, watermark=column)

    assert ids(rows) == expected
    assert moved(postgres) == len(expected)


def test_nothing_comes_where_nothing_is_above_the_watermark(postgres, fetch):
    postgres.run(*ORDERS)

    assert fetch(table="orders", mark="5", watermark="id") is None


def test_a_range_of_days_ends_before_the_day_after(postgres, fetch):
    postgres.run(*ORDERS)

    assert ids(fetch(Span(DAY, DAY), table="orders", watermark="at")) == [2, 3]
    assert ids(fetch(Span(DAY, LAST), table="orders", watermark="at")) == [2, 3, 4]
    assert ids(fetch(Span(last=DAY), table="orders", dt="at")) == [1, 2, 3]


def test_of_a_sample_the_server_hands_over_no_more(postgres, fetch):
    postgres.run(*ORDERS)

    assert len(fetch(table="orders", limit=2)) == 2
    assert moved(postgres) == 2


def test_a_date_without_a_row_is_missing_and_an_empty_table_is_not(postgres, fetch):
    postgres.run(*ORDERS)

    assert fetch(query="select * from orders where false") == []
    with pytest.raises(SourceMissing, match="source `s` has no row for 2024-01-02"):
        fetch(DAY, query="select * from orders where false")


def test_a_probe_tells_what_it_sees_and_reads_no_row(postgres):
    postgres.run(*ORDERS)
    version = postgres.rows("show server_version")[0][0].split()[0]

    told = CONNECTORS["postgres"].probe(
        asked("postgres", **postgres.server.options(table="orders"))
    )

    assert told == f"PostgreSQL {version}, table orders, 4 columns"
    assert moved(postgres) == 1  # the version


# One moment ------------------------------------------------------------------------------------


def halted(postgres, query, meanwhile):
    """Fetch, and do something while the server is in the middle of the rows."""
    with postgres.server.connect() as holder:
        holder.execute("select pg_advisory_lock(18)")
        helper = Thread(target=lambda: (wait(postgres), meanwhile(), holder.execute(UNLOCK)))
        helper.start()
        try:
            return query()
        finally:
            helper.join()


UNLOCK = "select pg_advisory_unlock(18)"
WAITS = "select pid from pg_locks where locktype = 'advisory' and not granted"
HALFWAY = (
    "select id, case when id = 2 then pg_advisory_xact_lock_shared(18) is null end as halt"
    " from orders order by id"
)


def wait(postgres):
    for _ in range(10_000):
        if postgres.rows(WAITS):
            return
    raise AssertionError("nobody waits")


def test_what_is_committed_while_it_reads_does_not_show(postgres, fetch):
    postgres.run(*ORDERS)

    def change():
        postgres.run("insert into orders values (9)", "delete from orders where id = 4")

    rows = halted(postgres, lambda: fetch(query=HALFWAY), change)

    assert ids(rows) == [1, 2, 3, 4]
    assert ids(fetch(table="orders")) == [1, 2, 3, 9]


def test_a_connection_that_is_cut_lands_nothing(postgres, fetch):
    postgres.run(*ORDERS)

    def cut():
        postgres.run(f"select pg_terminate_backend(pid) from ({WAITS}) as w")

    told = refused(lambda: halted(postgres, lambda: fetch(query=HALFWAY), cut), Unreachable)

    assert "source `s`: PostgreSQL: terminating connection due to administrator command" in told


# Types -----------------------------------------------------------------------------------------

KEPT = [
    ("true", "BOOLEAN", True),
    ("9223372036854775807::bigint", "BIGINT", 2**63 - 1),
    ("(-32768)::smallint", "SMALLINT", -32768),
    ("'NaN'::float8", "DOUBLE", "nan"),
    ("1234567890123456789012345678.0123456789::numeric(38,10)", "DECIMAL(38,10)",
     Decimal("1234567890123456789012345678.0123456789")),
    ("123456789012345678901234567890.1::numeric", "VARCHAR", "123456789012345678901234567890.1"),
    ("'NaN'::numeric", "VARCHAR", "NaN"),
    ("1234.5::numeric(45,3)", "VARCHAR", "1234.500"),
    ("1234::numeric(3,-2)", "VARCHAR", "1200"),
    ("'{1.25,NaN}'::numeric(5,2)[]", "VARCHAR[]", ["1.25", "NaN"]),
    ("'2024-01-02 03:04:05.678901+02'::timestamptz", "TIMESTAMP WITH TIME ZONE",
     "2024-01-02 01:04:05.678901+00"),
    ("'2024-01-02 03:04:05.678901'::timestamp", "TIMESTAMP", "2024-01-02 03:04:05.678901"),
    ("'infinity'::timestamptz", "TIMESTAMP WITH TIME ZONE", "infinity"),
    ("'infinity'::date", "DATE", "infinity"),
    ("'4000-01-01 BC'::date", "DATE", "4000-01-01 (BC)"),
    ("'24:00'::time", "TIME", "24:00:00"),
    ("'12:00:00.5+02:30'::timetz", "VARCHAR", "12:00:00.5+02:30"),
    ("'1 year 2 mons 3 days 04:05:06.000001'::interval", "VARCHAR",
     "1 year 2 mons 3 days 04:05:06.000001"),
    ("'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid", "UUID",
     "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
    ("""'{"a": 1.10}'::jsonb""", "VARCHAR", '{"a": 1.10}'),
    ("'{1,null,3}'::int[]", "INTEGER[]", [1, None, 3]),
    ("'{a,\"b c\",null}'::text[]", "VARCHAR[]", ["a", "b c", None]),
    ("'ok'::mood", "VARCHAR", "ok"),
    ("'{ok,sad}'::mood[]", "VARCHAR[]", ["ok", "sad"]),
    ("1.5::cents", "DECIMAL(12,2)", Decimal("1.50")),
    ("'\\x00ff'::bytea", "BLOB", b"\x00\xff"),
    ("row(1, 'x')::pair", "VARCHAR", "(1,x)"),
    ("'12.34'::money", "VARCHAR", "$12.34"),
    ("'10.0.0.1'::inet", "VARCHAR", "10.0.0.1/32"),
    ("'[1,5)'::int4range", "VARCHAR", "[1,5)"),
    ("B'101'", "VARCHAR", "101"),
    ("'tä'::varchar(9)", "VARCHAR", "tä"),
]  # fmt: skip


def test_types_are_kept_or_land_as_the_text_that_the_server_writes(postgres, tmp_path):
    postgres.run(
        "create type mood as enum ('sad', 'ok')",
        "create domain cents as numeric(12,2)",
        "create type pair as (a int, b text)",
    )
    query = "select " + ", ".join(f"{value} as c{n}" for n, (value, *_) in enumerate(KEPT))
    (landed,) = CONNECTORS["postgres"].fetch(
        asked("postgres", **postgres.server.options(query=query)), tmp_path
    )

    assert described(landed.path, KEPT) == KEPT


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("'NaN'::numeric(12,2)", "PostgreSQL: NaN in column c; which no DECIMAL holds"),
        ("'{{1},{2}}'::int[]", "this array has 2 dimensions"),
    ],
)
def test_a_value_that_no_type_holds_is_refused_with_what_to_do(fetch, value, told):
    answer = refused(lambda: fetch(query=f"select 1 as a, {value} as c"), Refused)

    assert told in answer
    assert "to text in a `query`" in answer


@pytest.mark.parametrize("mark", [None, "1"])
@pytest.mark.parametrize("kind", ["numeric", "interval", "time", "uuid"])
def test_no_watermark_is_taken_of_what_has_another_order_here(postgres, fetch, kind, mark):
    postgres.run(f"create table t (c {kind})")

    told = refused(lambda: fetch(table="t", mark=mark, watermark="c"), ConfigError)

    assert "`watermark`: `c` has no order that holds here as well" in told


# What goes wrong -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "kind", "told"),
    [
        ({"table": "gone"}, ConfigError, 'relation "gone" does not exist; was it renamed'),
        ({"table": "none.orders"}, ConfigError, 'relation "none.orders" does not exist'),
        ({"table": "orders", "select": ["amout"]}, ConfigError,
         "`select`: there is no column `amout`; did you mean `amount`?"),
        ({"table": "orders", "where": "nil > 1"}, ConfigError, 'column "nil" does not exist'),
        ({"query": "select id frm orders"}, ConfigError, "syntax error"),
        ({"query": "delete from orders returning *"}, ConfigError, "syntax error"),
        ({"query": "select id, id + 1 as ID from orders"}, ConfigError, "name the columns apart"),
        ({"query": "select 1 / (id - 2) from orders"}, Refused, "division by zero"),
        ({"table": "orders", "password": "not it at all"}, Unreachable,
         'password authentication failed for user "nomad"; check `user` and `password`'),
        ({"table": "orders", "database": "none"}, Unreachable, 'database "none" does not exist'),
        ({"table": "orders", "port": 1}, Unreachable, "port 1 failed: Connection refused"),
        ({"table": "secret", "user": "guest", "password": "guest's pw"}, Unreachable,
         "permission denied for table secret; have SELECT granted"),
        ({"table": "orders", "dsn": "password=s3cret words"}, ConfigError, "can't be read"),
        ({}, ConfigError, "source `s` needs a `table` or a `query`"),
    ],
)  # fmt: skip
def test_each_fault_says_what_and_what_to_do_and_no_password(postgres, fetch, options, kind, told):
    postgres.run(
        *ORDERS,
        "create table secret (id int)",
        "drop role if exists guest",
        "create role guest login password 'guest''s pw'",
        "grant usage on schema public to guest",
    )

    parts = dict.fromkeys(postgres.server.options()) if "dsn" in options else {}
    answer = refused(lambda: fetch(**{**parts, **options}), kind)

    assert told in answer
    for secret in (postgres.server.password, "not it at all", "guest's pw", "words"):
        assert secret not in answer


def test_without_its_extension_it_says_what_to_install(fetch, monkeypatch):
    monkeypatch.setattr("nomad.engine.external.packaged", lambda _: None)

    with pytest.raises(ConfigError) as caught:
        fetch(table="orders")

    assert caught.value.hint == "pip install 'nomad-warehouse[postgres]'"


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ("host: a, table: b, query: select 1", "`table` can't stand beside `query`"),
        ("host: a", "`host` needs a `table` or a `query` beside it"),
        ("host: a, dsn: b, table: c", "`dsn` can't stand beside `host`"),
        ("host: a, query: select 1, schema: s", "`schema` needs a `table` beside it"),
        (
            "host: a, tabel: b, query: select 1",
            "no option `tabel`: did you mean `table`",
        ),
        ("host: a, table: b, port: x", "`port` must be a number"),
    ],
)
def test_a_wrong_option_is_refused_by_every_command(empty, options, told):
    empty.write("nomad.yaml", f"layers: [ods]\nsources:\n  s: {{connector: postgres, {options}}}\n")

    answer = empty("ls")

    assert answer.code == 2
    assert f"nomad.yaml:3: source `s`: {told}" in answer.err.replace(
        "connector `postgres` has ", ""
    )


# All the way -----------------------------------------------------------------------------------


def test_a_second_landing_moves_only_what_is_new_and_changed(postgres, empty):
    """A row that changed within the overlap replaces the one that had its key."""
    postgres.run(*ORDERS)
    empty.write(
        "nomad.yaml",
        """\
layers: [ods]
timezone: UTC
sources:
  orders:
    connector: postgres
    dsn: "host=127.0.0.1 port=${PGPORT} user=nomad dbname=postgres password=${PGPASSWORD}"
    table: orders
    watermark: at
    overlap: 1 day
    dt: at
    key: id
""",
    )
    environ = postgres.server.environ
    first = empty("extract", env=environ)
    postgres.run(
        "insert into orders values (5, 5, '2024-01-03 12:00+00', 'new')",
        "update orders set note = 'changed' where id = 3",
    )
    before = len(copies(postgres))

    second = empty("extract", env=environ)

    assert (first.code, second.code) == (0, 0), first.err + second.err
    assert "WHERE \"at\" >= '2024-01-02 00:00:00+00'" in "".join(copies(postgres)[before:])
    query = "select dt, id, note from raw.orders order by id"
    rows = empty("sql", query, "--output", "json", env=environ).json["rows"]
    assert [tuple(r.values()) for r in rows] == [
        ("2024-01-01", 1, "a"),
        ("2024-01-02", 2, "b"),
        ("2024-01-02", 3, "changed"),
        ("2024-01-03", 4, None),
        ("2024-01-03", 5, "new"),
    ]


def test_rows_land_by_date_and_are_read_as_raw(postgres, empty):
    postgres.run(*ORDERS)
    empty.write(
        "nomad.yaml",
        """\
layers: [ods]
timezone: UTC
sources:
  orders:
    connector: postgres
    dsn: "host=127.0.0.1 port=${PGPORT} user=nomad dbname=postgres password=${PGPASSWORD}"
    query: select * from orders where at::date = '$<PARTITION_DATE>'
""",
    )
    environ = {"PGPORT": str(postgres.server.port), "PGPASSWORD": postgres.server.password}

    answer = empty("extract", "--dt", "2024-01-02", env=environ)

    assert answer.code == 0, answer.err
    rows = 'select id, amount, cast("at" as varchar), note from raw.orders order by id'
    answer = empty("sql", rows, "--output", "json", env=environ)
    assert answer.code == 0, answer.err
    assert [list(r.values()) for r in answer.json["rows"]] == [
        [2, 2.2, "2024-01-02 00:00:00+00", "b"],
        [3, 3.3, "2024-01-02 10:00:00+00", "B"],
    ]
    assert empty("extract", "--dt", "2024-01-05", env=environ).code == 3
