"""`nomad sample`: rows as they would land, without a landing."""

from __future__ import annotations

import sqlite3
import tempfile
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from web import Reply, serving


@pytest.fixture(autouse=True)
def hosts(tmp_path, monkeypatch):
    """What is known of hosts lies with the test, and what is only for a while, too."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()


@pytest.fixture
def web():
    with serving() as found:
        yield found


def files(folder: Path) -> list[str]:
    """All that lies there, but for what may be forgotten."""
    every = (str(p.relative_to(folder)) for p in folder.rglob("*"))
    return sorted(f for f in every if not f.startswith((".nomad", "cache", "__pycache__")))


def configured(project, options: str, more: str = "") -> None:
    project.write("nomad.yaml", f"layers: [ods]\n{more}sources:\n  s: {{{options}}}\n")


def test_the_rows_of_a_date_and_nothing_is_left(empty):
    empty.write("in/2024-01-02.csv", "code;price\nA;1\nB;2\nC;3\n")
    configured(
        empty,
        "connector: file, path: in/$<PARTITION_DATE>.csv, delimiter: ';', rename: {code: symbol}",
    )
    before = files(empty.root)

    answer = empty("sample", "s", "--dt", "2024-01-02", "--limit", "2", "-o", "csv")

    assert (answer.code, answer.out) == (0, "symbol,price\nA,1\nB,2\n")
    assert answer.err == "2 rows of s, 2024-01-02: symbol VARCHAR, price VARCHAR\n"
    assert files(empty.root) == before


def test_without_a_date_it_is_the_newest_file(empty):
    day = datetime.now(UTC).date() - timedelta(days=5)
    empty.write(f"in/{day}.csv", "a\n1\n")
    configured(empty, "connector: file, path: in/$<PARTITION_DATE>.csv", "timezone: UTC\n")

    assert empty("sample", "raw.s").err == f"1 row of s, {day}: a VARCHAR\n"


def page(asked) -> Reply:
    at = int(asked.query["page"])
    return Reply([{"id": at * 10 + n, "price": None if n else at / 2} for n in range(5)])


@pytest.mark.parametrize(("limit", "calls"), [("3", 1), ("5", 1), ("8", 2)])
def test_of_an_api_only_the_pages_that_it_takes_are_asked_for(empty, web, limit, calls):
    web.answer = page
    configured(
        empty,
        f"connector: rest, url: '{web.url}', paging: {{type: page}},"
        " params: {day: $<PARTITION_DATE>}",
    )

    answer = empty("sample", "s", "--dt", "2024-01-02", "--limit", limit, "-o", "json")

    assert answer.code == 0, answer.err
    assert len(web.calls) == calls
    assert {c.query["day"] for c in web.calls} == {"2024-01-02"}
    ids = [*range(10, 15), *range(20, 25)]
    assert [r["id"] for r in answer.json["rows"]] == ids[: int(limit)]
    assert answer.json["columns"] == [
        {"name": "id", "type": "BIGINT"},
        {"name": "price", "type": "DOUBLE"},
    ]
    assert (answer.json["source"], answer.json["of"]) == ("s", "2024-01-02")


def test_of_parts_it_is_the_first_also_where_it_is_landed(empty, web):
    web.answer = lambda asked: Reply([{"code": asked.query["code"], "day": "2024-01-02"}])
    configured(
        empty,
        f"connector: rest, url: '{web.url}', params: {{code: $<EACH>}}, each: [A, B], once: true,"
        " dt: day",
    )
    assert empty("extract").code == 0
    before = files(empty.root)

    answer = empty("sample", "s", "-o", "csv")

    assert answer.out == "code,day\nA,2024-01-02\n"
    assert answer.err == "1 row of s, A: code VARCHAR, day DATE\n"
    assert [c.query["code"] for c in web.calls] == ["A", "B", "A"]
    assert files(empty.root) == before


def test_by_watermark_it_is_as_if_nothing_had_been_landed(empty):
    with closing(sqlite3.connect(empty.root / "shop.db")) as shop:
        shop.executescript(
            "create table t (id integer, at text); insert into t values (1, '2024-01-02')"
        )
    configured(empty, "connector: sqlite, path: shop.db, table: t, watermark: at, key: id, dt: at")
    assert empty("extract").code == 0

    answer = empty("sample", "s", "-o", "csv")

    assert (answer.out, answer.err) == (
        "id,at\n1,2024-01-02\n",
        "1 row of s: id BIGINT, at VARCHAR\n",
    )


@pytest.mark.parametrize("limit", ["3", "8"])
def test_columns_that_change_their_names_do_so_once(empty, web, limit):
    """Of one page, and of several that are put together."""
    web.answer = page
    configured(
        empty,
        f"connector: rest, url: '{web.url}', paging: {{type: page}},"
        " params: {day: $<PARTITION_DATE>}, rename: {id: price, price: id}",
    )

    answer = empty("sample", "s", "--dt", "2024-01-02", "--limit", limit, "-o", "json")

    assert answer.code == 0, answer.err
    assert [c["name"] for c in answer.json["columns"]] == ["price", "id"]
    assert answer.json["rows"][0] == {"price": 10, "id": 0.5}


def test_in_chunks_it_is_from_the_beginning_of_the_first_one(empty, web):
    web.answer = lambda _: Reply([{"id": 1, "at": "2020-01-02T00:00:00"}])
    configured(
        empty,
        f"connector: rest, url: '{web.url}', params: {{from: $<WATERMARK>, to: $<UNTIL>}},"
        " watermark: at, chunk: 1 month, since: 2020-01-01, dt: at, key: id",
    )

    assert empty("sample", "s").code == 0
    assert [c.query["from"] for c in web.calls] == ["2020-01-01"]
    assert web.calls[0].query["to"] > "2024"


def test_of_parts_by_a_query_it_is_the_first_row(built, web):
    web.answer = lambda asked: Reply([{"code": asked.query["code"]}])
    text = (built.root / "nomad.yaml").read_text()
    each = "each: {query: select distinct symbol from dwd.dwd_price order by 1 desc}"
    built.write(
        "nomad.yaml",
        text.replace(
            "sources:\n",
            f"sources:\n  s: {{connector: rest, url: '{web.url}', params: {{code: $<EACH>}},"
            f" {each}}}\n",
        ),
    )

    answer = built("sample", "s", "-o", "csv")

    assert (answer.code, answer.out) == (0, "code\nB\n"), answer.err


def test_where_there_is_no_part_that_is_said(empty):
    empty.write("a.csv", "a\n1\n")
    configured(empty, "connector: file, path: a.csv, each: []")

    answer = empty("sample", "s")

    assert (answer.code, answer.out) == (3, "")
    assert "source `s` has no part: its `each` is empty" in answer.err


def test_the_types_are_those_of_a_landing(empty):
    empty.write(
        "in/2024-01-02.json",
        '{"id": 12345678901234567890, "at": "2024-01-02T10:00:00", "mixed": 1}\n'
        '{"id": 1, "at": "2024-01-02T11:00:00", "mixed": "x"}\n',
    )
    configured(empty, "connector: file, path: in/$<PARTITION_DATE>.json")
    day = ("--dt", "2024-01-02")

    sampled = empty("sample", "s", *day, "-o", "json").json["columns"]
    assert empty("extract", *day).code == 0

    landed = empty.manifest("raw.s", "2024-01-02")["schema"]
    assert sampled == [{"name": c["name"], "type": c["type"]} for c in landed]


def test_a_function_is_not_run_to_its_end(empty):
    empty.write(
        "feed.py",
        "def rows(context):\n"
        "    for n in range(1, 3):\n"
        "        yield [{'id': n}]\n"
        "    raise SystemExit('too far')\n",
    )
    configured(empty, "connector: python, call: 'feed:rows'")

    answer = empty("sample", "s", "--limit", "1", "-o", "csv")

    assert (answer.code, answer.out) == (0, "id\n1\n")


def test_postgres_sends_no_more_than_is_shown(empty, postgres):
    postgres.run(
        "create table t (id int, price numeric(8,2))",
        "insert into t select n, n from generate_series(1, 1000) n",
    )
    address = f"host=127.0.0.1 port={postgres.server.port} user=nomad dbname=postgres"
    configured(empty, f"connector: postgres, dsn: '{address} password=${{PW}}', table: t")

    answer = empty("sample", "s", "--limit", "2", env={"PW": postgres.server.password})

    assert answer.code == 0, answer.err
    assert answer.err == "2 rows of s: id INTEGER, price DECIMAL(8,2)\n"
    assert "LIMIT 2" in postgres.asked()


@pytest.mark.parametrize(
    ("reply", "code", "told"),
    [
        (Reply("<!doctype html><html>", headers=(("Content-Type", "text/html"),)), 4, "HTML"),
        (Reply([]), 3, "an answer without rows"),
        (Reply("denied: s3cr3t-t0ken", status=401), 3, "401"),
    ],
)
def test_what_is_wrong_is_told_without_the_secret(empty, web, reply, code, told):
    web.replies(reply)
    configured(
        empty,
        f"connector: rest, url: '{web.url}', auth: {{type: bearer, token: '${{TOKEN}}'}},"
        " params: {day: $<PARTITION_DATE>}",
    )

    answer = empty("sample", "s", "--dt", "2024-01-02", env={"TOKEN": "s3cr3t-t0ken"})

    assert (answer.code, answer.out) == (code, "")
    assert told in answer.err
    assert "s3cr3t" not in answer.err
    assert list((empty.root / "tmp").rglob("*.json")) == []


def test_a_malformed_file_is_refused(empty):
    empty.write("a.csv", "a,b\n1\n")
    configured(empty, "connector: file, path: a.csv")

    assert empty("sample", "s").code == 4


def test_an_unknown_source_and_a_date_that_it_has_not_are_misuse(empty):
    empty.write("a.csv", "a\n1\n")
    configured(empty, "connector: file, path: a.csv")

    unknown = empty("sample", "x")
    dated = empty("sample", "s", "--dt", "2024-01-02")

    assert (unknown.code, dated.code) == (2, 2)
    assert "no source `x`" in unknown.err
    assert "source `s` is not fetched by date" in dated.err
