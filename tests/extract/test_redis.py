"""Connector `redis`, against Debian's redis-server."""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import replace

import pytest
import redis as library

from conftest import Project
from databases import asked, refused, running
from nomad.errors import ConfigError, Refused, SourceMissing, Unreachable
from nomad.extract.registry import CONNECTORS

REDIS = CONNECTORS["redis"]


@pytest.fixture(scope="session")
def redis_server():
    with running("redis") as server:
        yield server.environ["REDIS_URL"]


@pytest.fixture
def redis(redis_server):
    with closing(library.Redis.from_url(redis_server)) as client:
        client.flushall()
        yield client


@pytest.fixture
def fetch(redis_server, tmp_path):
    """Fetch from a cursor on; give the entries by id, and the cursor after them."""

    def act(cursor=None, **options):
        request = request_of(cursor=cursor, **{"url": redis_server, **options})
        landed = list(REDIS.fetch(request, tmp_path))
        if not landed:
            return None
        (one,) = landed
        rows = [json.loads(line) for line in one.path.read_text().splitlines()]
        return {row["id"]: row["fields"] for row in rows}, one.cursor

    return act


def request_of(url, cursor=None, **options):
    return replace(asked("redis", **{"url": url, "stream": "orders", **options}), cursor=cursor)


def add(redis, *ids, **fields):
    for name in ids:
        redis.xadd("orders", fields or {"n": name}, id=name)


def test_entries_land_from_the_last_one_on(redis, fetch, monkeypatch):
    monkeypatch.setattr("nomad.extract.connectors.redis._AT_ONCE", 2)
    add(redis, "5-1", "5-2", "5-10", "9-0")

    found, cursor = fetch()
    assert found == {i: {"n": i} for i in ("5-1", "5-2", "5-10", "9-0")}
    assert json.loads(cursor) == {"stream": "orders", "id": "9-0", "added": 4}
    assert fetch(cursor) is None

    add(redis, "9-1", "10-0")
    assert list(fetch(cursor)[0]) == ["9-1", "10-0"]


def test_a_cursor_of_another_stream_is_no_place_in_this_one(redis, fetch):
    add(redis, "1-0", "2-0")

    assert list(fetch('{"stream": "other", "id": "1-0", "added": 1}')[0]) == ["1-0", "2-0"]


def test_an_entry_has_its_moment_and_its_texts(redis, redis_server, tmp_path):
    add(redis, "1704164645006-0", side="bÿ", price="1.10", empty="")
    add(redis, f"{2**64 - 1}-0", side="s")

    (landed,) = REDIS.fetch(request_of(redis_server), tmp_path)

    assert landed.path.read_text() == (
        '{"id": "1704164645006-0", "time": "2024-01-02T03:04:05.006+00:00",'
        ' "fields": {"side": "bÿ", "price": "1.10", "empty": ""}}\n'
        '{"id": "18446744073709551615-0", "time": null, "fields": {"side": "s"}}\n'
    )


def test_what_comes_while_it_reads_is_for_the_next_time(redis, fetch, monkeypatch):
    add(redis, "1-0", "2-0")
    state = REDIS.fetch.__globals__["_state"]

    def with_one_more(*given):
        found = state(*given)
        add(redis, "3-0")
        monkeypatch.undo()
        return found

    monkeypatch.setattr("nomad.extract.connectors.redis._state", with_one_more)
    found, cursor = fetch()

    assert list(found) == ["1-0", "2-0"]
    assert list(fetch(cursor)[0]) == ["3-0"]


def test_bytes_land_in_base64_where_told(redis, fetch):
    add(redis, "1-0", a=b"\xff")

    told = refused(fetch, Refused)
    assert "Redis: a value of entry 1-0 is no text in UTF-8; nothing was landed" in told
    assert fetch(format="base64")[0] == {"1-0": {"YQ==": "/w=="}}


def test_two_values_of_one_name_are_refused(redis, fetch):
    redis.execute_command("XADD", "orders", "1-0", "a", "1", "a", "2")

    assert "entry 1-0 has two values called `a`" in refused(fetch, Refused)


def test_a_sample_takes_a_few(redis, redis_server, tmp_path):
    add(redis, "1-0", "2-0", "3-0")

    (landed,) = REDIS.fetch(replace(request_of(redis_server), limit=2), tmp_path)

    assert len(landed.path.read_text().splitlines()) == 2
    assert json.loads(landed.cursor) == {"stream": "orders", "id": "2-0"}


# Lost ------------------------------------------------------------------------------------------


def test_what_was_cut_off_before_it_landed_is_refused(redis, fetch):
    add(redis, "1-0", "2-0")
    _, cursor = fetch()
    add(redis, "3-0", "4-0", "5-0")
    redis.xtrim("orders", maxlen=1, approximate=False)

    told = refused(lambda: fetch(cursor), Refused)

    assert "lost 2 entries behind 2-0, which was landed last: its oldest is 5-0; extract" in told
    assert fetch(cursor, lost="allow") == (
        {"5-0": {"n": "5-0"}}, '{"stream": "orders", "id": "5-0", "added": 5}',
    )  # fmt: skip


@pytest.mark.parametrize("kept", [2, 1, 0])
def test_what_is_cut_off_after_it_landed_is_not_missed(redis, fetch, kept):
    add(redis, "1-0", "2-0")
    _, cursor = fetch()
    add(redis, *["3-0", "4-0"][:kept])
    redis.xtrim("orders", maxlen=kept, approximate=False)

    assert (fetch(cursor) or ({}, ""))[0].keys() == set(["3-0", "4-0"][:kept])


def test_all_that_is_cut_off_is_told_too(redis, fetch):
    add(redis, "1-0")
    _, cursor = fetch()
    add(redis, "2-0")
    redis.xtrim("orders", maxlen=0, approximate=False)

    told = refused(lambda: fetch(cursor), Refused)

    assert "lost 1 entry behind 1-0, which was landed last: it has no entry now" in told
    assert fetch(cursor, lost="allow") is None


def test_a_stream_that_was_made_anew_is_refused_or_read_from_its_beginning(redis, fetch):
    add(redis, "5-0", "6-0")
    _, cursor = fetch()
    redis.delete("orders")
    assert "the stream `orders` is gone" in refused(lambda: fetch(cursor), Refused)
    assert fetch(cursor, lost="allow") is None

    add(redis, "1-0")
    assert "was made anew since 6-0 was landed: it ends at 1-0" in refused(
        lambda: fetch(cursor), Refused
    )
    assert list(fetch(cursor, lost="allow")[0]) == ["1-0"]


def test_without_a_count_what_is_cut_off_counts_as_lost(redis, fetch):
    """A sample's cursor has no count, nor has that of a server before 7.0."""
    add(redis, "1-0", "2-0", "3-0")
    redis.xtrim("orders", maxlen=1, approximate=False)

    assert "lost entries behind 1-0" in refused(
        lambda: fetch('{"stream": "orders", "id": "1-0"}'), Refused
    )
    assert list(fetch('{"stream": "orders", "id": "2-0"}', lost="allow")[0]) == ["3-0"]


# Faults ----------------------------------------------------------------------------------------


def test_faults_are_told(redis, redis_server, fetch):
    redis.set("text", "x")
    port = redis_server.rpartition(":")[2]

    with pytest.raises(SourceMissing, match="has nothing in the stream `orders`: there is no such"):
        fetch()
    assert refused(lambda: fetch(stream="text"), ConfigError).endswith(
        "Operation against a key holding the wrong kind of value; `stream:` is to be the key of a"
        " stream"
    )
    wrong = refused(lambda: fetch(url=f"redis://:not-the-password@127.0.0.1:{port}"), Unreachable)
    assert "check user and password in `url:`" in wrong
    assert "not-the-password" not in wrong
    assert "is the server up" in refused(lambda: fetch(url="redis://127.0.0.1:1"), Unreachable)
    assert "write `url:` like" in refused(lambda: fetch(url="redis://host:port"), ConfigError)


def test_a_stream_without_an_entry_has_nothing(redis, fetch):
    add(redis, "1-0")
    redis.xtrim("orders", maxlen=0, approximate=False)

    with pytest.raises(SourceMissing, match="it has no entry"):
        fetch()


def test_a_probe_tells_what_it_sees(redis, redis_server):
    add(redis, "1-0", "2-0")

    told = REDIS.probe(request_of(redis_server))

    assert told.startswith("Redis ")
    assert told.endswith(", stream orders, 2 entries, the last 2-0")


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ("url: 'redis://h'", "needs a `stream`"),
        ("stream: s, url: h", "`url` must be like redis://"),
        ("stream: s, url: 'redis://h', format: json", "`format` can't be `json`"),
        ("stream: s, url: 'redis://h', lost: yes", "`lost` can't be `yes`"),
        (
            "stream: s, url: 'redis://h'",
            "`stream` needs `dt: time` beside it, so that landings add up",
        ),
    ],
)
def test_a_wrong_option_is_refused(empty: Project, options, told):
    empty.write("nomad.yaml", f"layers: [ods]\nsources:\n  s: {{connector: redis, {options}}}\n")

    answer = empty("plan", "--dt", "2024-01-02")

    assert answer.code == 2
    assert told in answer.err


def test_fields_that_differ_only_in_case_land_as_a_map(empty: Project, redis, redis_server):
    empty.write(
        "nomad.yaml",
        "layers: [ods]\ntimezone: UTC\nsources:\n"
        f"  orders: {{connector: redis, url: '{redis_server}', stream: orders, dt: time}}\n",
    )
    for moment, fields in enumerate(({"a": "1"}, {"A": "2", "a": "3", "n": "4"}, {"A": "5"})):
        redis.xadd("orders", fields, id=f"{1704164645006 + moment}-0")
        assert empty("extract").code == 0

    assert empty.rows("select id, fields['a'], fields['A'] from raw.orders order by id") == [
        ["1704164645006-0", "1", None],
        ["1704164645007-0", "3", "2"],
        ["1704164645008-0", None, "5"],
    ]


def test_a_stream_lands_and_is_read_back(empty: Project, redis, redis_server, monkeypatch):
    monkeypatch.setenv("REDIS_URL", redis_server)
    empty.write(
        "nomad.yaml",
        "layers: [ods]\ntimezone: UTC\nsources:\n"
        "  orders: {connector: redis, url: '${REDIS_URL}', stream: orders, dt: time}\n",
    )
    day = 1704164645006
    add(redis, f"{day}-0", f"{day + 86_400_000}-0")

    first = empty("extract")
    add(redis, f"{day + 86_400_001}-7")
    second = empty("extract")

    assert (first.code, second.code) == (0, 0), first.err + second.err
    assert empty.rows("select dt::text, id, fields.n from raw.orders order by id") == [
        ["2024-01-02", f"{day}-0", f"{day}-0"],
        ["2024-01-03", f"{day + 86_400_000}-0", f"{day + 86_400_000}-0"],
        ["2024-01-03", f"{day + 86_400_001}-7", f"{day + 86_400_001}-7"],
    ]
