"""Requests: what is asked again and when, in turn with others, and when a host is left alone."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections import deque
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest

from nomad.errors import Busy, NoRoom, Refused, Unreachable
from nomad.extract.calls import Call
from nomad.extract.hosts import Host
from nomad.extract.http import Session
from nomad.extract.patience import Patience
from web import Clock, Reply, serving


@pytest.fixture(autouse=True)
def hosts(tmp_path, monkeypatch):
    """Nothing is known of any host."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "nomad" / "hosts"


@pytest.fixture
def web():
    with serving() as made:
        yield made


@pytest.fixture
def clock():
    return Clock()


def asked(web, clock, *, to=None, source="s", spend=lambda: None, patience=None, **call):
    """Make one request of a session of its own."""
    how = {"clock": clock, "sleep": clock.sleep, "spend": spend, "jitter": lambda: 1.0}
    with Session(source, patience or Patience(), **how) as session:
        return session.ask(Call(f"{web.url}/x", **call), to)


def refused(web, clock, kind=Unreachable, **how):
    with pytest.raises(kind) as caught:
        asked(web, clock, **how)
    return caught.value


# Again -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 599])
def test_what_can_heal_is_asked_again(web, clock, status):
    web.replies(Reply(status=status), Reply(status=status), Reply(b"fine"))

    answer = asked(web, clock)

    assert (answer.status, answer.data) == (200, b"fine")
    assert len(web.calls) == 3
    assert clock.slept == [1.0, 2.0]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 422])
def test_what_does_not_heal_is_given_at_once(web, clock, status):
    web.replies(Reply(b"why", status))

    assert asked(web, clock).status == status
    assert (len(web.calls), clock.slept) == (1, [])


@pytest.mark.parametrize("broken", [Reply(b"whole", cut=True), Reply(reset=True)])
def test_half_an_answer_is_asked_for_again(web, clock, tmp_path, broken):
    web.replies(broken, Reply(b"whole"))

    asked(web, clock, to=tmp_path / "x")

    assert (tmp_path / "x").read_bytes() == b"whole"
    assert len(web.calls) == 2


def test_a_full_disk_is_no_fault_of_the_server(web, clock):
    web.replies(Reply(b"more than nothing"))

    with pytest.raises(NoRoom, match="No space left"):
        asked(web, clock, to=Path("/dev/full"))
    assert len(web.calls) == 1


def test_attempts_come_to_an_end(web, clock):
    web.replies(Reply(status=503))

    error = refused(web, clock, patience=Patience(retries=3))

    assert error.what == "source `s` can't be reached: HTTP 503 Service Unavailable (4 attempts)"
    assert len(web.calls) == 4
    assert clock.slept == [1.0, 2.0, 4.0]


def test_no_request_waits_longer_than_the_patience_of_its_source(web, clock):
    web.replies(Reply(status=500))

    refused(web, clock, patience=Patience(retries=100, total=100.0))

    assert sum(clock.slept) <= 100
    assert max(clock.slept) == 32.0
    assert len(web.calls) == 7


def test_a_wait_is_at_least_half_its_step():
    assert [Patience().wait(n, None, 0.0) for n in range(1, 9)] == [0.5, 1, 2, 4, 8, 16, 30, 30]


@pytest.mark.parametrize(
    ("told", "waited"),
    [("7", 8.0), ("0", 1.0), (None, 1.0), ("soon", 1.0), ("-5", 1.0), ("0.001", 1.001)],
)
def test_a_server_may_say_when_to_ask_again_but_no_storm_comes_of_it(web, clock, told, waited):
    headers = (("Retry-After", told),) if told else ()
    web.replies(Reply(status=429, headers=headers), Reply(b"fine"))

    asked(web, clock)

    assert clock.slept == [pytest.approx(waited)]


def test_a_server_may_say_the_date_when_to_ask_again(web, clock):
    at = format_datetime(datetime.now(UTC) + timedelta(seconds=40), usegmt=True)
    web.replies(Reply(status=503, headers=(("Retry-After", at),)), Reply(b"fine"))

    asked(web, clock)

    assert 37 < clock.slept[0] < 43


def test_a_body_is_sent_again_with_its_request(web, clock):
    web.replies(Reply(status=500), Reply(b"fine"))

    asked(web, clock, method="POST", body=b"{}", headers={"Content-Type": "application/json"})

    assert [(c.method, c.body) for c in web.calls] == [("POST", b"{}")] * 2


def test_each_request_is_counted_before_it_is_made(web, clock):
    left = deque([1, 1])

    def spend():
        if not left:
            raise Busy("no more requests")
        left.pop()

    web.replies(Reply(status=500))

    with pytest.raises(Busy):
        asked(web, clock, spend=spend)
    assert len(web.calls) == 2


# The request -------------------------------------------------------------------------------------


def test_parameters_are_added_to_those_of_the_address(web, clock):
    with Session("s", Patience(), clock=clock, sleep=clock.sleep) as session:
        session.ask(Call(f"{web.url}/a b?x=1#end", params=[("name", "A&B ü"), ("x", "2")]))

    assert web.calls[0].path == "/a%20b"
    assert web.calls[0].query == {"x": "2", "name": "A&B ü"}
    assert web.calls[0].headers["User-Agent"].startswith("nomad/")


def test_what_says_who_asks_goes_to_no_other_host(web, clock):
    with serving() as other:
        away = Reply(
            status=302, headers=(("Location", other.url.replace("127.0.0.1", "localhost")),)
        )
        web.replies(away)
        asked(web, clock, headers={"X-Api-Key": "k1"})

    assert web.calls[0].headers["X-Api-Key"] == "k1"
    assert other.calls[0].headers["X-Api-Key"] is None


def test_redirects_that_lead_nowhere_end(web, clock):
    web.replies(Reply(status=302, headers=(("Location", f"{web.url}/x"),)))

    assert "too many redirects" in refused(web, clock).what
    assert len(web.calls) == 11


def test_the_proxy_of_the_environment_is_asked(web, clock, monkeypatch):
    monkeypatch.setenv("http_proxy", web.url)
    monkeypatch.delenv("no_proxy", raising=False)
    web.replies(Reply(b"by proxy"))

    with Session("s", Patience(), clock=clock, sleep=clock.sleep) as session:
        answer = session.ask(Call("http://nowhere.invalid/x"))

    assert answer.data == b"by proxy"
    assert web.calls[0].headers["Host"] == "nowhere.invalid"


@pytest.mark.parametrize("url", ["http://[", "http://a:b/", "http://127.0.0.1:99999/"])
def test_an_address_that_is_none_is_told(clock, url):
    session = Session("s", Patience(), clock=clock, sleep=clock.sleep)

    with session, pytest.raises(Unreachable, match="source `s` can't be reached"):
        session.ask(Call(url))
    assert clock.slept == []


# In turn -----------------------------------------------------------------------------------------


def test_requests_keep_the_rate_of_their_source(web, clock):
    for _ in range(4):
        asked(web, clock, patience=Patience(spacing=10.0))

    assert clock.slept == [10.0] * 3


def test_all_sources_of_a_host_take_turns(clock):
    one, other, third = (Host("h:80", name, clock) for name in ("a", "b", "c"))

    waits = [one.take(10.0), other.take(4.0), one.take(10.0), third.take(None), other.take(4.0)]

    assert waits == [0.0, 10.0, 14.0, 24.0, 34.0]


def test_a_rate_is_forgotten_an_hour_after_it_was_named(clock):
    Host("h:80", "a", clock).take(10.0)
    clock.now += 3700
    other = Host("h:80", "b", clock)

    assert [other.take(None) for _ in range(3)] == [0.0] * 3


def test_a_host_that_asks_to_wait_is_left_alone_by_all(web, clock):
    web.replies(Reply(status=429, headers=(("Retry-After", "30"),)), Reply(b"fine"))
    other, waits = Host(web.url.removeprefix("http://"), "other", clock), []

    def sleep(seconds):
        waits.append(other.take(None))
        clock.sleep(seconds)

    with Session("s", Patience(), clock=clock, sleep=sleep, jitter=lambda: 1.0) as session:
        session.ask(Call(web.url))

    assert waits == clock.slept == [31.0]


DAMAGED = [
    b"", b"{", b"\xff\xfe", b"[]", b"null", b'{"more": 1}', b'{"free": "soon"}', b'{"shut": NaN}',
    b'{"shut": Infinity}', b'{"answered": 3}', b'{"answered": {"s": "x"}}', b'{"free": null}',
]  # fmt: skip


@pytest.mark.parametrize("held", DAMAGED)
def test_a_damaged_file_is_made_anew(hosts, clock, held):
    host = Host("h:80", "s", clock)
    host.take(5.0)
    (file,) = hosts.glob("*/state.json")
    file.write_bytes(held)

    assert [host.take(5.0), host.take(5.0)] == [0.0, 5.0]
    assert json.loads(file.read_text())["free"] == clock.now + 10.0


def test_a_clock_set_back_makes_nobody_wait_for_it(clock):
    host = Host("h:80", "s", clock)
    host.take(5.0)
    host.close(60, "it said so")
    clock.now -= 86400

    with pytest.raises(Unreachable):
        host.take(5.0)
    clock.now += 61
    assert host.take(5.0) == 0.0


def test_a_process_killed_in_its_turn_holds_up_nobody(clock):
    code = (
        "import os, sys, time\n"
        "from nomad.extract.hosts import Host\n"
        "def clock():\n"
        "    print('in', flush=True)\n"
        "    time.sleep(60)\n"
        "Host('h:80', 's', clock).take(5.0)\n"
    )
    held = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert held.stdout.readline() == b"in\n"
    held.kill()
    held.communicate()

    assert Host("h:80", "s", clock).take(5.0) == 0.0


def test_what_can_not_be_kept_is_told(hosts, clock):
    hosts.mkdir(parents=True)
    (hosts / "h%3A80").write_text("in the way")

    with pytest.raises(Unreachable, match="what is known of h:80 can't be kept"):
        Host("h:80", "s", clock).take(None)


LIMIT, WITHIN = 10, 0.5

ASKING = """
import sys
from nomad.extract.calls import Call
from nomad.extract.http import Session
from nomad.extract.patience import Patience, spacing
with Session("s", Patience(spacing=spacing("15/second"))) as session:
    for n in range(10):
        answer = session.ask(Call(sys.argv[1] + f"/{n}"))
        assert answer.status == 200, answer
"""


def test_two_processes_at_once_are_not_banned(web):
    """The server bans who asks more than ten times in half a second; together they could."""
    times: deque[float] = deque(maxlen=LIMIT + 1)

    def answer(_):
        times.append(time.monotonic())
        crowded = len(times) > LIMIT and times[-1] - times[0] < WITHIN
        return Reply(status=403 if crowded else 200)

    web.answer = answer
    command = [sys.executable, "-c", ASKING, web.url]
    both = [subprocess.Popen(command, stderr=subprocess.PIPE) for _ in range(2)]
    told = [process.communicate()[1] for process in both]

    assert [p.returncode for p in both] == [0, 0], told
    assert len(web.calls) == 20


# A ban -------------------------------------------------------------------------------------------


def test_a_server_that_refuses_after_it_had_answered_is_left_alone(web, clock):
    web.replies(Reply(b"[]"), Reply(b"no", 403))
    asked(web, clock, wants_json=True)

    error = refused(web, clock, wants_json=True)
    later = refused(web, clock, source="another")

    assert len(web.calls) == 2
    assert "is left alone until 2023-11-14 22:14:20 UTC: it said HTTP 403 Forbidden" in error.what
    assert later.what.startswith("source `another`: 127.0.0.1:")
    assert later.exit_code == 3


def test_each_further_sign_of_a_ban_takes_longer_and_an_answer_ends_it(web, clock):
    web.replies(Reply(b"[]"), *[Reply(b"no", 403)] * 3, Reply(b"[]"), Reply(b"no", 403))
    asked(web, clock, wants_json=True)
    left = []
    for _ in range(3):
        error = refused(web, clock, wants_json=True)
        until = datetime.fromisoformat(re.search(r"until (.*) UTC", error.what)[1])
        left.append(until.replace(tzinfo=UTC).timestamp() - clock.now)
        clock.now += left[-1]
    asked(web, clock, wants_json=True)
    error = refused(web, clock, wants_json=True)

    assert left == [60.0, 240.0, 960.0]
    assert len(web.calls) == 6
    assert "left alone" in error.what


def test_a_host_is_asked_at_once_when_the_file_that_is_named_is_deleted(web, clock):
    web.replies(Reply(b"[]"), Reply(b"no", 403), Reply(b"[1]"))
    asked(web, clock, wants_json=True)
    error = refused(web, clock, wants_json=True)

    file = Path(re.search(r"delete (\S+)", error.hint)[1])
    file.unlink()

    assert asked(web, clock, wants_json=True).data == b"[1]"


def test_credentials_refused_at_first_are_no_ban(web, clock):
    web.replies(Reply(b"no", 403))

    assert [asked(web, clock, wants_json=True).status for _ in range(30)] == [403] * 30


def test_files_that_may_not_be_had_are_a_ban_only_in_a_long_row(web, clock):
    web.replies(Reply(b"x"), *[Reply(b"no", 403)] * 19, Reply(b"x"), Reply(b"no", 403))
    for _ in range(21):
        asked(web, clock)

    statuses = [asked(web, clock).status for _ in range(19)]

    assert statuses == [403] * 19
    assert "left alone" in refused(web, clock).what


def test_html_where_json_was_due_is_refused_and_after_answers_a_ban(web, clock):
    page = Reply(b"\n<!doctype html><title>Log in</title>")
    web.replies(page, Reply(b"[]"), page)

    first = refused(web, clock, Refused, wants_json=True)
    asked(web, clock, wants_json=True)
    error = refused(web, clock, wants_json=True)

    assert "HTML came where JSON was due: `<!doctype html><title>Log in</title>`" in first.what
    assert "is left alone until" in error.what
    assert "HTML came where JSON was due" in error.what


def test_connections_reset_in_a_row_are_a_ban(web, clock):
    web.replies(Reply(b"x"), Reply(reset=True))
    asked(web, clock)
    first = refused(web, clock, patience=Patience(retries=2))
    error = refused(web, clock, patience=Patience(retries=9))

    assert "reset" in first.what
    assert "it resets connections" in error.what
    assert len(web.calls) == 6


def test_a_wait_beyond_all_patience_is_kept_for_later_runs(web, clock):
    web.replies(Reply(status=429, headers=(("Retry-After", "3600"),)), Reply(b"fine"))

    error = refused(web, clock)
    later = refused(web, clock)
    clock.now += 3601

    assert (
        "HTTP 429 Too Many Requests, and it is not to be asked before 2023-11-14 23:1" in error.what
    )
    assert "is left alone until 2023-11-14 23:1" in later.what
    assert clock.slept == []
    assert asked(web, clock).data == b"fine"
    assert len(web.calls) == 2
