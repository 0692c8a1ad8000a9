"""Connector `rest`: every kind of paging and of who asks, what is resumed, and what is refused."""

from __future__ import annotations

import json
import re
from datetime import UTC, date, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conftest import ROOT
from nomad.config.sources import SourceConfig
from nomad.errors import ConfigError, NoRoom, Refused, SourceMissing, Unreachable
from nomad.extract.base import Request
from nomad.extract.connectors.rest import CONNECTOR
from nomad.extract.jsontext import Document, Odd
from nomad.extract.patience import OPTIONS
from web import Clock, Reply, serving

DAY = date(2024, 1, 2)
ROWS = [{"id": n} for n in range(1, 6)]


@pytest.fixture(autouse=True)
def hosts(tmp_path, monkeypatch):
    """Nothing is known of any host."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def web():
    with serving() as made:
        yield made


class Api:
    """A source over `rest`, and a clock."""

    def __init__(self, web, folder):
        self.web, self.folder, self.clock = web, folder, Clock()
        self.fetches = 0

    def request(self, *, window=DAY, cursor=None, watermark=None, limit=None, **options):
        source = SourceConfig("s", "rest", {"url": f"{self.web.url}/x", **options}, "nomad.yaml:1")
        return Request(
            source,
            window,
            self.folder,
            clock=lambda: datetime.fromtimestamp(self.clock.now, UTC),
            cursor=cursor,
            watermark=watermark,
            limit=limit,
            sleep=self.clock.sleep,
        )

    def pages(self, **how):
        """Fetch, and give what landed with the lines of each file."""
        self.fetches += 1
        into = self.folder / f"into-{self.fetches}"
        into.mkdir()
        for landed in CONNECTOR.fetch(self.request(**how), into):
            assert landed.path.parent == into
            assert landed.window == how.get("window", DAY)
            yield landed, landed.path.read_text("utf-8").splitlines()

    def lines(self, **how):
        return [line for _, lines in self.pages(**how) for line in lines]

    def rows(self, **how):
        return [json.loads(line) for line in self.lines(**how)]

    def fault(self, kind, **how):
        with pytest.raises(kind) as caught:
            self.rows(**how)
        assert caught.value.where
        assert caught.value.hint
        return caught.value.what


@pytest.fixture
def api(web, tmp_path):
    return Api(web, tmp_path)


def part(rows, begin, size=2):
    return rows[begin : begin + size]


# Rows --------------------------------------------------------------------------------------------


def test_rows_land_as_they_are_spelled(api):
    text = '{"data": {"items": [ {"a": 1.10, "b": 12345678901234567890.5},\n{"a": 1e2, "b": "ü"}]}}'
    api.web.replies(Reply(text))

    assert api.lines(records="data.items") == [
        '{"a": 1.10, "b": 12345678901234567890.5}',
        '{"a": 1e2, "b": "ü"}',
    ]


def test_rows_that_are_lists_get_their_names(api):
    api.web.replies(Reply('{"data": {"fields": ["a", "b"], "items": [[1.50, null], ["x", [2]]]}}'))
    expected = ['{"a": 1.50, "b": null}', '{"a": "x", "b": [2]}']

    assert api.lines(records="data.items", fields="data.fields") == expected
    assert api.lines(records="data.items", fields=["a", "b"]) == expected


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ('[{"a": 1}]', ['{"a": 1}']),
        ('\ufeff {"a":\n 1} ', ['{"a":  1}']),
        ("[ ]", []),
        ('[{"a": "]}\\n"}, {}]', ['{"a": "]}\\n"}', "{}"]),
        ("null", []),
    ],
)
def test_the_top_of_an_answer_may_be_its_rows(text, lines):
    assert Document.of(text.encode()).rows("$") == lines


@pytest.mark.parametrize("text", ["", "{", "[1,]", "NaN", "[] []", '{"a": Infinity}', "[" * 99999])
def test_what_is_no_json_is_odd(text):
    with pytest.raises(Odd, match=r"is no JSON|is empty"):
        Document.of(text.encode())


def test_an_answer_may_be_in_the_encoding_that_it_names(api):
    kind = (("Content-Type", "application/json; charset=gbk"),)
    api.web.replies(Reply('[{"名": "平安"}]'.encode("gbk"), headers=kind))

    assert api.rows() == [{"名": "平安"}]


def test_an_answer_without_rows_is_missing_unless_a_watermark_was_asked_for(api):
    api.web.replies(Reply([]))

    assert "has nothing for 2024-01-02: an answer without rows" in api.fault(SourceMissing)
    assert api.rows(watermark="5") == []


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text()
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.dictionaries(st.text(), JSON, max_size=4)), st.sampled_from([None, 0, 3]))
def test_whatever_its_layout_an_answer_gives_its_rows_each_on_one_line(rows, indent):
    text = json.dumps({"x": [{}], "data": {"rows": rows}}, indent=indent, ensure_ascii=bool(indent))

    lines = Document.of(text.encode()).rows("data.rows")

    assert [json.loads(line) for line in lines] == rows
    assert not any("\n" in line or "\r" in line for line in lines)


def test_a_full_disk_is_told(api):
    into = api.folder / "into"
    into.mkdir()
    (into / "page-00001.json").symlink_to("/dev/full")
    api.web.replies(Reply([{"a": 1}]))

    with pytest.raises(NoRoom, match="No space left"):
        list(CONNECTOR.fetch(api.request(), into))


# What is asked -----------------------------------------------------------------------------------


def test_parameters_headers_and_body_are_sent(api):
    api.web.replies(Reply([{"a": 1}]))

    api.rows(
        method="POST",
        params={"day": "2024-01-02", "all": True, "n": 3, "code": ["a", "b"], "none": None},
        headers={"X-Kind": 1, "X-Many": ["a", True]},
        body={"name": "daily", "params": {"day": "x"}},
    )

    (call,) = api.web.calls
    assert call.query == {"day": "2024-01-02", "all": "true", "n": "3", "code": "b"}
    assert (call.headers["X-Kind"], call.headers["X-Many"]) == ("1", "a, true")
    assert call.headers["Content-Type"] == "application/json"
    assert call.json == {"name": "daily", "params": {"day": "x"}}


def test_the_watermark_is_filled_in_and_left_out_before_there_is_one(api):
    api.web.replies(Reply([{"a": 1}]))
    told = {"params": {"since": "$<WATERMARK>", "x": "1"}, "body": {"q": {"from": ">$<watermark>"}}}

    for mark, more in (("2024-01-01", {}), (None, {}), (None, {"watermark_default": "1970"})):
        api.rows(watermark=mark, method="POST", **told, **more)

    assert [c.query for c in api.web.calls] == [
        {"since": "2024-01-01", "x": "1"},
        {"x": "1"},
        {"since": "1970", "x": "1"},
    ]
    assert [c.json["q"] for c in api.web.calls] == [{"from": ">2024-01-01"}, {}, {"from": ">1970"}]


def test_an_address_can_not_do_without_its_watermark(api):
    assert "holds $<WATERMARK>" in api.fault(ConfigError, url="http://h/$<WATERMARK>")


# Paging ------------------------------------------------------------------------------------------


def by_page(asked):
    return Reply({"rows": part(ROWS, 2 * int(asked.query["page"]) - 2)})


def by_offset(asked):
    return Reply({"rows": part(ROWS, int(asked.query["from"]), int(asked.query["limit"]))})


def by_cursor(asked):
    at = int(asked.query.get("cursor", "0"))
    more = {"next": f"{at + 2}"} if at + 2 < len(ROWS) else {}
    return Reply({"rows": part(ROWS, at), **more})


def by_header(asked):
    at = int(asked.query.get("at", "0"))
    url = f"http://{asked.headers['Host']}/x?at={at + 2}&key={asked.query.get('key', '')}"
    links = (("Link", f'<http://h/>; rel="first", <{url}>; rel="next"'),) if at < 4 else ()
    return Reply({"rows": part(ROWS, at)}, headers=links)


def by_link(asked):
    at = int(asked.query.get("at", "0"))
    return Reply({"rows": part(ROWS, at), "links": {"next": f"?at={at + 2}" if at < 4 else None}})


def by_body(asked):
    return Reply({"rows": part(ROWS, asked.json["params"]["offset"])})


def has_more(asked):
    page = int(asked.query["page"])
    return Reply({"rows": part(ROWS, 2 * page - 2), "more": page < 3})


def total(asked):
    return Reply({"rows": part(ROWS, int(asked.query["offset"])), "count": len(ROWS)})


PAGINGS = {
    "page": (by_page, {"type": "page"}, 4),
    "offset": (by_offset, {"type": "offset", "param": "from", "size": 2, "size_param": "limit"}, 4),
    "cursor": (by_cursor, {"type": "cursor", "next": "next"}, 3),
    "header": (by_header, {"type": "link"}, 3),
    "link": (by_link, {"type": "link", "next": "links.next"}, 3),
    "has_more": (has_more, {"type": "page", "has_more": "more"}, 3),
    "total": (total, {"type": "offset", "total": "count"}, 3),
}


@pytest.mark.parametrize("kind", PAGINGS)
def test_all_rows_come_page_by_page(api, kind):
    api.web.answer, paging, calls = PAGINGS[kind]

    pages = list(api.pages(records="rows", paging=paging))

    assert [[json.loads(r)["id"] for r in lines] for _, lines in pages] == [[1, 2], [3, 4], [5]]
    assert len(api.web.calls) == calls


@pytest.mark.parametrize("kind", PAGINGS)
def test_a_fetch_goes_on_where_the_last_kept_page_left_it(api, kind):
    """Whatever page was the last, no request but the one in flight is made again."""
    api.web.answer, paging, calls = PAGINGS[kind]
    how = {"records": "rows", "paging": paging}
    cursors = [landed.cursor for landed, _ in api.pages(**how)]
    for kept, cursor in enumerate(cursors, 1):
        api.web.calls.clear()

        rows = api.rows(cursor=cursor, **how)

        assert [r["id"] for r in rows] == [1, 2, 3, 4, 5][2 * kept :]
        assert len(api.web.calls) == calls - kept


def test_pages_may_be_asked_for_in_the_body(api):
    def answer(asked):
        return Reply({"rows": part(ROWS, int(asked.json["params"]["offset"]))})

    api.web.answer = answer
    paging = {"type": "offset", "param": "params.offset", "in": "body"}
    body = {"name": "daily", "params": {"day": "x"}}

    assert len(api.rows(method="POST", body=body, records="rows", paging=paging)) == 5
    assert api.web.calls[1].json == {"name": "daily", "params": {"day": "x", "offset": 2}}


def test_a_page_without_rows_is_not_the_end_where_a_cursor_follows(api):
    api.web.replies(
        Reply({"rows": [{"id": 1}], "next": "a"}),
        Reply({"rows": [], "next": "b"}),
        Reply({"rows": [{"id": 2}], "next": ""}),
    )

    assert len(api.rows(records="rows", paging={"type": "cursor", "next": "next"})) == 2


def test_no_secret_is_in_the_cursor_of_a_link(api):
    api.web.answer = by_header
    auth = {"type": "query", "name": "key", "value": "k1-long-and-secret"}

    pages = list(api.pages(records="rows", paging={"type": "link"}, auth=auth))

    assert [c.query["key"] for c in api.web.calls] == ["k1-long-and-secret"] * 3
    assert all("k1-long-and-secret" not in landed.cursor for landed, _ in pages)


def test_a_sample_takes_no_more_pages_than_it_needs(api):
    api.web.answer = by_page

    assert len(api.rows(records="rows", paging={"type": "page"}, limit=3)) == 4
    assert len(api.web.calls) == 2


# Who asks ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("auth", "header", "query"),
    [
        ({"type": "bearer", "token": "t1"}, ("Authorization", "Bearer t1"), {}),
        ({"type": "header", "name": "X-Key", "value": 7}, ("X-Key", "7"), {}),
        ({"type": "query", "name": "key", "value": "k"}, ("Authorization", None), {"key": "k"}),
        (
            {"type": "basic", "user": "me", "password": "pw"},
            ("Authorization", "Basic bWU6cHc="),
            {},
        ),
    ],
)
def test_who_asks_is_told(api, auth, header, query):
    api.web.replies(Reply([{"a": 1}]))

    api.rows(auth=auth)

    (call,) = api.web.calls
    assert call.headers[header[0]] == header[1]
    assert call.query == query


class Tokens:
    """Gives tokens, and refuses all but the last one; after some answers that one runs out."""

    def __init__(self, *, lasts=3600, answers=99):
        self.given, self.lasts, self.answers, self.left = 0, lasts, answers, answers
        self.asked = []

    def __call__(self, asked):
        if asked.path == "/token":
            self.asked.append(asked)
            self.given, self.left = self.given + 1, self.answers
            return Reply({"access_token": f"token-{self.given}", "expires_in": self.lasts})
        if asked.headers["Authorization"] != f"Bearer token-{self.given}" or not self.left:
            return Reply(b"expired", 401)
        self.left -= 1
        return by_page(asked)


def oauth(api, **more):
    told = {"type": "oauth2", "token_url": f"{api.web.url}/token", "client_id": "me"}
    return {**told, "client_secret": "long-secret", **more}


PAGES = {"records": "rows", "paging": {"type": "page"}}


def test_a_token_is_had_once_and_sent(api):
    api.web.answer = tokens = Tokens()

    rows = api.rows(auth=oauth(api, scope="read"), **PAGES)

    assert rows == ROWS
    assert len(api.web.calls) == 1 + 4
    assert tokens.asked[0].form == {
        "grant_type": "client_credentials",
        "client_id": "me",
        "client_secret": "long-secret",
        "scope": "read",
    }


def test_client_and_secret_may_go_in_a_header(api):
    api.web.answer = tokens = Tokens()

    api.rows(auth=oauth(api, send="header"), **PAGES)

    assert tokens.asked[0].form == {"grant_type": "client_credentials"}
    assert tokens.asked[0].headers["Authorization"] == "Basic bWU6bG9uZy1zZWNyZXQ="


def test_a_token_that_is_refused_is_fetched_anew_and_the_request_made_again(api):
    api.web.answer = tokens = Tokens(answers=2)

    assert api.rows(auth=oauth(api), **PAGES) == ROWS
    assert tokens.given == 2
    assert len(api.web.calls) == 2 + 4 + 1


def test_a_token_is_fetched_anew_before_it_runs_out(api):
    api.web.answer = tokens = Tokens(lasts=20)
    how = {"auth": oauth(api), "rate": "12/minute", **PAGES}

    assert api.rows(**how) == ROWS
    assert tokens.given == 2
    assert [c.path for c in api.web.calls].count("/x") == 4


def test_a_new_token_that_is_refused_as_well_is_the_last(api):
    api.web.answer = tokens = Tokens(answers=0)

    assert "it refuses who asks: HTTP 401 Unauthorized" in api.fault(
        Unreachable, auth=oauth(api), **PAGES
    )
    assert tokens.given == 2
    assert len(api.web.calls) == 4


def test_a_token_is_in_no_message(api):
    def answer(asked):
        if asked.path == "/token":
            return Reply({"access_token": "a-token-of-this-run"})
        return Reply(f"not you: {asked.headers['Authorization']}", 403)

    api.web.answer = answer
    told = api.fault(Unreachable, auth=oauth(api))

    assert "it refuses who asks: HTTP 403 Forbidden" in told
    assert "a-token-of-this-run" not in told


@pytest.mark.parametrize(
    "reply", [Reply(b'{"error": "invalid_client"}', 401), Reply({"a": 1}), Reply(b"x", 400)]
)
def test_a_token_that_is_not_given_is_told(api, reply):
    api.web.replies(reply)

    assert "no `access_token` came: HTTP" in api.fault(Unreachable, auth=oauth(api))
    assert len(api.web.calls) == 1


# Patience ----------------------------------------------------------------------------------------


def test_a_server_that_stumbles_gives_the_right_rows_all_the_same(api):
    """429 with `Retry-After`, then 500 twice, then half a body: each is asked again."""
    first = Reply({"rows": part(ROWS, 0), "next": "2"})
    last = Reply({"rows": part(ROWS, 2)})
    api.web.replies(
        Reply(status=429, headers=(("Retry-After", "9"),)),
        first,
        Reply(status=500),
        Reply(status=500),
        last._replace(cut=True),
        last,
    )

    rows = api.rows(records="rows", paging={"type": "cursor", "next": "next"})

    assert rows == ROWS[:4]
    assert len(api.web.calls) == 6
    assert 9 <= api.clock.slept[0] <= 10


def test_options_say_how_fast_and_how_often(api):
    api.web.answer = by_page
    api.rows(rate="1/second", **PAGES)

    assert api.clock.slept == [pytest.approx(1.05)] * 3

    api.web.replies(Reply(status=503))
    assert "HTTP 503 Service Unavailable (2 attempts)" in api.fault(Unreachable, retries=1)


def test_more_patience_than_there_is_ends_with_the_date(api):
    api.web.replies(Reply(status=429, headers=(("Retry-After", "3600"),)))

    told = api.fault(Unreachable, patience=60)

    assert "HTTP 429 Too Many Requests, and it is not to be asked before" in told


# Faults ------------------------------------------------------------------------------------------

ODD = [
    ("<html><title>Log in</title>", {}, Refused, "HTML came where JSON was due: `<html><title>Log"),
    ('{"a": [', {}, Refused, "page 1 is no JSON: Expecting value: line 1 column 8"),
    (b"\xff[]", {}, Refused, "page 1 is no JSON: 'utf-8' codec can't decode byte 0xff"),
    ("", {}, Refused, "page 1 is empty"),
    ('{"code": 7, "msg": "too fast"}', {"records": "data.items"}, Refused,
     'page 1 has no `data.items`: the answer has code, msg: `{"code": 7, "msg": "too fast"}`'),
    ('{"data": null}', {"records": "data.items"}, Refused, "has no `data.items`: `data` is null"),
    ('{"data": {"items": 3}}', {"records": "data"}, Refused,
     "has no list of rows at `data`: it has items"),
    ("[[1, 2]]", {}, Refused, "odd row, number 1 at `$`: it is a list of 2: name its columns by"),
    ("[1]", {}, Refused, "odd row, number 1 at `$`: it is `1`"),
    ("[[1], [1, 2]]", {"fields": ["a"]}, Refused, "number 2 at `$`: it has 2 values for 1 names"),
    ('[{"a": 1}]', {"fields": ["a"]}, Refused, "`fields` name the values of lists"),
    ('{"i": [[1]]}', {"records": "i", "fields": "f"}, Refused, "has no `f`"),
]  # fmt: skip


@pytest.mark.parametrize(("body", "options", "kind", "told"), ODD)
def test_an_odd_answer_is_refused_with_what_came(api, body, options, kind, told):
    api.web.replies(Reply(body))

    assert told in api.fault(kind, **options)
    assert len(api.web.calls) == 1


@pytest.mark.parametrize(
    ("status", "kind", "told"),
    [
        (401, Unreachable, "it refuses who asks: HTTP 401 Unauthorized: `why`"),
        (403, Unreachable, "it refuses who asks: HTTP 403 Forbidden: `why`"),
        (404, SourceMissing, "has nothing for 2024-01-02: HTTP 404 Not Found"),
        (410, SourceMissing, "has nothing for 2024-01-02: HTTP 410 Gone"),
        (422, Unreachable, "HTTP 422"),
    ],
)
def test_a_status_is_told(api, status, kind, told):
    api.web.replies(Reply(b"why", status))

    assert told in api.fault(kind)


def test_half_a_body_is_told_once_it_stays_so(api):
    api.web.replies(Reply([{"id": 1}], cut=True))

    assert "5 of 11 bytes came (2 attempts)" in api.fault(Unreachable, retries=1)


def test_a_page_that_is_gone_in_the_middle_is_an_error_and_what_came_before_stays(api):
    api.web.replies(Reply([{"id": 1}]), Reply(b"gone", 404))
    came = api.pages(paging={"type": "page"})

    assert next(came)[1] == ['{"id": 1}']
    with pytest.raises(Unreachable, match="HTTP 404 Not Found for page 2"):
        next(came)


REPEATS = [
    ({"type": "page"}, [[{"id": 1}]], "page 2 has the same rows as the one before: does the server"
     " heed `page=2`?"),
    ({"type": "cursor", "next": "n"}, [{"r": [{"a": 1}], "n": "x"}, {"r": [{"a": 2}], "n": "x"}],
     "page 2 leads back to one before, `x`"),
    ({"type": "cursor", "next": "n"}, [{"r": [], "n": "x"}], "page 2 leads back to one before"),
    ({"type": "offset", "total": "t"}, [{"r": [{"a": 1}], "t": 3}, {"r": [], "t": 3}],
     "page 2 is the last, and 1 of 3 rows came"),
    ({"type": "offset", "total": "t"}, [{"r": [{"a": 1}], "t": 3}, {"r": [], "error": "quota"}],
     "page 2 is the last, and 1 of 3 rows came"),
    ({"type": "page", "total": "t", "has_more": "m"},
     [{"r": [{"a": 1}], "t": 3}, {"r": [{"a": 2}], "m": False}],
     "page 2 is the last, and 2 of 3 rows came"),
    ({"type": "offset", "total": "t"}, [{"r": [{"a": 1}], "t": "x"}], "no whole number at `t`"),
    ({"type": "page", "has_more": "m"}, [{"r": [{"a": 1}], "m": True}, {"r": [], "m": True}],
     "page 2 has no rows, and `m` says that there are more"),
    ({"type": "link", "next": "n"}, [{"r": [{"a": 1}], "n": "http://evil.invalid/x"}],
     "page 1 links to another host, `evil.invalid`"),
]  # fmt: skip


@pytest.mark.parametrize(("paging", "answers", "told"), REPEATS)
def test_pages_that_lead_nowhere_are_refused(api, paging, answers, told):
    api.web.replies(*map(Reply, answers))
    records = "$" if isinstance(answers[0], list) else "r"

    assert told in api.fault(Refused, records=records, paging=paging)


def test_a_page_that_repeats_is_seen_also_after_a_new_start(api):
    api.web.replies(Reply([{"id": 1}]))
    first, _ = next(api.pages(paging={"type": "page"}))

    told = api.fault(Refused, cursor=first.cursor, paging={"type": "page"})

    assert "page 2 has the same rows" in told


def test_a_total_that_was_told_before_a_new_start_is_held_to(api):
    paging = {"type": "offset", "total": "t"}
    api.web.replies(Reply({"r": [{"id": 1}], "t": 3}), Reply({"r": []}))
    first, _ = next(api.pages(records="r", paging=paging))

    told = api.fault(Refused, cursor=first.cursor, records="r", paging=paging)

    assert "page 2 is the last, and 1 of 3 rows came" in told


def test_a_cursor_that_never_ends_is_refused(api):
    def answer(asked):
        at = int(asked.query.get("cursor", 0))
        return Reply({"r": [{"id": at}], "n": at + 1})

    api.web.answer = answer
    paging = {"type": "cursor", "next": "n", "max_pages": 5}

    assert "page 5 is not the last, and `max_pages` of `paging:` is 5" in api.fault(
        Refused, records="r", paging=paging
    )
    assert len(api.web.calls) == 5


# A command ---------------------------------------------------------------------------------------


def test_rows_of_an_api_are_read_as_a_table(empty, web, monkeypatch):
    monkeypatch.setenv("TOKEN", "t-0123456789")

    def answer(asked):
        day = asked.query["day"]
        rows = [{"day": day, "close": 1.25}, {"day": day, "close": 2}] if day < "20240104" else []
        return Reply({"data": rows})

    web.answer = answer
    empty.write(
        "nomad.yaml",
        f"""\
layers: [ods]
sources:
  price:
    connector: rest
    url: {web.url}/v1/prices
    params: {{day: "$<PARTITION_DATE:%Y%m%d>"}}
    auth: {{type: bearer, token: "${{TOKEN}}"}}
    records: data
""",
    )

    landed = empty("extract", "--dt", "2024-01-02")
    missing = empty("extract", "--dt", "2024-01-04")

    assert landed.code == 0, landed.err
    assert missing.code == 3
    assert "has nothing for 2024-01-04: an answer without rows" in missing.err
    assert empty.rows("select dt::text, sum(close) from raw.price group by dt") == [
        ["2024-01-02", 3.25]
    ]
    assert web.calls[0].headers["Authorization"] == "Bearer t-0123456789"
    manifest = json.dumps(empty.manifest("raw.price", "2024-01-02"))
    assert "t-0123456789" not in landed.out + landed.err + manifest + empty("config").out


WRONG = [
    ("ulr: http://h/", "connector `rest` has no option `ulr`: did you mean `url`?"),
    ("x: 1", "source `s` needs a `url`"),
    ("url: ftp://h/", "`url` must begin with http:// or https:// (got 'ftp://h/')"),
    ("method: PUT", "`method` can't be `PUT`: it can be GET or POST"),
    ("params: {a: {b: 1}}", "`params` must hold texts, or lists of them"),
    ("body: {a: 1}", "`body` needs `method: POST` beside it"),
    ("auth: {type: bearer}", "`auth` `type` bearer needs `token` beside it"),
    ("auth: {type: basic, user: a}", "`auth` `type` basic needs `password` beside it"),
    ("auth: {type: bearer, token: a, user: b}", "`auth` `type` bearer has no use for `user`"),
    ("auth: {type: magic}", "`auth` `type` can't be `magic`"),
    ("paging: {type: cursor}", "`paging` `type` cursor needs `next` beside it"),
    ("paging: {type: link, param: a}", "`paging` `type` link has no use for `param`"),
    ("paging: {type: page, size: 5}", "`paging` `size` needs `size_param` beside it"),
    ("paging: {type: page, max_pages: 0}", "`paging` `max_pages` must be a whole number above 0"),
    ("paging: {tpye: page}", "`paging` has no option `tpye`: did you mean `type`?"),
    ("rate: fast", "`rate` must be a number a time, like 60/minute"),
    ("retries: -1", "`retries` must be a whole number, 0 or more (got -1)"),
    ("retries: 1.5", "`retries` must be a whole number, 0 or more (got 1.5)"),
    ("timeout: 0", "`timeout` must be a number of seconds above 0 (got 0)"),
    ("patience: long", "`patience` must be a number (got 'long')"),
]


def test_wrong_options_are_refused_with_what_is_right(empty):
    """All at once, each with its line."""
    sources = [
        f"  s{n}: {{connector: rest, {'' if 'url' in wrong else 'url: http://h/, '}{wrong}}}\n"
        for n, (wrong, _) in enumerate(WRONG)
        if not wrong.startswith("x:")
    ]
    empty.write("nomad.yaml", "sources:\n" + "".join(sources) + "  s: {connector: rest}\n")

    answer = empty("ls")

    assert answer.code == 2
    assert [told for _, told in WRONG if told not in answer.err] == []


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"auth": {"type": "magic"}}, "`auth` `type` can't be `magic`"),
        ({"auth": {"type": "basic", "user": "me"}}, "`auth` `type` basic needs `password`"),
        ({"paging": {"type": "pages"}}, "`paging` `type` can't be `pages`: did you mean `page`?"),
        ({"rate": "often"}, "`rate` must be a number a time"),
        ({"retries": "some"}, "`retries` must be a whole number"),
    ],
)
def test_what_a_variable_puts_in_an_option_is_checked_as_well(api, options, told):
    with pytest.raises(ConfigError, match=re.escape(f"nomad.yaml:1: source `s`: {told}")):
        api.rows(**options)
    assert api.web.calls == []


def test_the_page_has_all_options_and_no_others():
    page = (ROOT / "docs" / "sources.md").read_text(encoding="utf-8")
    section = page.split("## rest\n")[1].split("\n## ")[0]
    tables = section.split("\n\n| ")[1:]
    named = [re.findall(r"^\| `(\w+)`", table, re.MULTILINE) for table in tables]
    options = {o.name: o for o in CONNECTOR.options}
    inner = [list(options[n].kind.schema["properties"]) for n in ("auth", "paging")]

    assert [n for n in options if n not in {o.name for o in OPTIONS}] == named[0]
    assert sorted(map(sorted, inner)) == sorted(map(sorted, named[1:]))


def test_a_connection_is_tried_without_landing_anything(api):
    api.web.answer = by_cursor
    request = api.request(records="rows", paging={"type": "cursor", "next": "next"})
    host = api.web.url.removeprefix("http://")

    assert CONNECTOR.probe(request) == f"{host}: a page of 2 rows (more follow), with id"

    api.web.replies(Reply(b"no", 401))
    with pytest.raises(Unreachable):
        CONNECTOR.probe(request)
