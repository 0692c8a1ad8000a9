"""Connector `kafka`, against the broker that librdkafka has for tests."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from itertools import count

import pytest
from confluent_kafka import Producer

from conftest import ROOT, Project
from databases import asked, refused
from nomad.errors import ConfigError, Refused, SourceMissing, Unreachable
from nomad.extract.registry import CONNECTORS
from nomad.extract.topics import Reader

KAFKA = CONNECTORS["kafka"]
NUMBERS = count(1)


@pytest.fixture(scope="session")
def broker():
    """Lives within a producer of this process, and is reached over loopback by all others."""
    producer = Producer({"test.mock.num.brokers": 1, "log_level": 0})
    (one,) = producer.list_topics(timeout=10).brokers.values()
    yield f"{one.host}:{one.port}"
    del producer


class Topic:
    """A topic of one test, with four partitions."""

    def __init__(self, broker: str, folder) -> None:
        self.name = f"t{next(NUMBERS)}"
        self.broker = broker
        self.folder = folder
        self.producer = Producer({"bootstrap.servers": broker, "log_level": 0, "linger.ms": 0})

    def write(self, *values, partition=0, **more) -> None:
        for value in values:
            self.producer.produce(self.name, value=value, partition=partition, **more)
        assert self.producer.flush(10) == 0

    def request(self, cursor=None, limit=None, **options):
        if isinstance(cursor, dict):
            cursor = json.dumps({"topic": self.name, "offsets": cursor})
        given = {"brokers": self.broker, "topic": self.name, **options}
        return replace(asked("kafka", limit=limit, **given), cursor=cursor)

    def landed(self, cursor=None, **options):
        into = self.folder / f"into{next(NUMBERS)}"
        into.mkdir()
        for file in KAFKA.fetch(self.request(cursor, **options), into):
            rows = [json.loads(line) for line in file.path.read_text("utf-8").splitlines()]
            yield rows, file.cursor

    def values(self, cursor=None, **options):
        """The values by partition and offset, and the cursor behind the last one."""
        files = list(self.landed(cursor, **options))
        rows = [row for rows, _ in files for row in rows]
        return {(r["partition"], r["offset"]): r["value"] for r in rows}, (
            json.loads(files[-1][1])["offsets"] if files else None
        )


@pytest.fixture
def topic(broker, tmp_path):
    return Topic(broker, tmp_path)


ENDS = {"0": 2, "1": 1, "2": 0, "3": 0}


def test_messages_of_all_partitions_land_from_the_last_offsets_on(topic):
    topic.write("a", "b")
    topic.write("c", partition=1)

    found, cursor = topic.values()
    assert found == {(0, 0): "a", (0, 1): "b", (1, 0): "c"}
    assert cursor == ENDS
    assert topic.values(cursor) == ({}, None)

    topic.write("d", partition=2)
    assert topic.values(cursor) == ({(2, 0): "d"}, {**ENDS, "2": 1})


def test_a_message_is_a_line_with_all_that_it_has(topic):
    topic.write("ä", key="k", headers=[("h", b"1"), ("h", None)], timestamp=1704164645006)
    topic.write(None)

    ((rows, _),) = topic.landed()

    assert rows[0] == {
        "partition": 0, "offset": 0, "timestamp": "2024-01-02T03:04:05.006+00:00", "key": "k",
        "headers": [{"key": "h", "value": "1"}, {"key": "h", "value": None}], "value": "ä",
    }  # fmt: skip
    assert (rows[1]["key"], rows[1]["value"], rows[1]["headers"]) == (None, None, [])


def test_a_value_of_json_stays_as_it_is_spelled(topic):
    topic.write('{"close": 1.10,\n "n": 12345678901234567890123}', None)
    (landed,) = KAFKA.fetch(topic.request(format="json"), topic.folder)

    first, second = landed.path.read_text().splitlines()

    assert first.endswith('"headers": [], "value": {"close": 1.10,  "n": 12345678901234567890123}}')
    assert second.endswith('"value": null}')


@pytest.mark.parametrize(
    ("message", "options", "told"),
    [
        ({"value": b"\xff"}, {}, "the value of partition 0, offset 0 is no text in UTF-8"),
        ({"value": b"{"}, {"format": "json"}, "the value of partition 0, offset 0 is no JSON: "),
        ({"key": b"\xff"}, {}, "the key of partition 0, offset 0 is no text in UTF-8"),
        ({"headers": [("h", b"\xff")]}, {}, "a header of partition 0, offset 0 is no text"),
    ],
)
def test_bytes_that_are_no_text_are_refused_or_land_in_base64(topic, message, options, told):
    topic.write(message.pop("value", b"v"), **message)

    assert told in refused(lambda: topic.values(**options), Refused)
    ((rows, _),) = topic.landed(format="base64", keys="base64")
    assert "/w==" in json.dumps(rows) or rows[0]["value"] == "ew=="


def test_from_the_latest_on_the_first_landing_only_tells_the_place(topic):
    topic.write("before")

    found, cursor = topic.values(start="latest")
    assert (found, cursor) == ({}, {"0": 1, "1": 0, "2": 0, "3": 0})

    topic.write("after")
    topic.write("other", partition=3)
    found, _ = topic.values(cursor, start="latest")
    assert found == {(0, 1): "after", (3, 0): "other"}


def test_a_partition_that_is_new_lands_from_its_beginning(topic):
    topic.write("a")
    topic.write("b", partition=3)

    found, cursor = topic.values({"0": 1, "1": 0, "2": 0}, start="latest")

    assert (found, cursor) == ({(3, 0): "b"}, {"0": 1, "1": 0, "2": 0, "3": 1})


def test_a_cursor_of_another_topic_is_no_place_in_this_one(topic):
    topic.write("a", "b")

    other = json.dumps({"topic": "other", "offsets": {"0": 1}})

    assert topic.values(other)[0] == {(0, 0): "a", (0, 1): "b"}


def test_what_comes_while_it_reads_is_for_the_next_time(topic, monkeypatch):
    topic.write("a")
    spans = Reader.spans

    def then_one_more(reader):
        found = spans(reader)
        topic.write("b")
        return found

    monkeypatch.setattr(Reader, "spans", then_one_more)
    found, cursor = topic.values()
    monkeypatch.undo()

    assert found == {(0, 0): "a"}
    assert topic.values(cursor)[0] == {(0, 1): "b"}


def test_a_fetch_that_was_broken_off_goes_on_behind_its_last_file(topic, monkeypatch):
    """Whatever crashes: files that landed and those of the next fetch hold each message once."""
    monkeypatch.setattr("nomad.extract.connectors.kafka._ROWS", 2)
    topic.write(*"abc")
    topic.write(*"de", partition=1)

    whole = list(topic.landed())
    before, cursor = next(topic.landed())
    after, _ = topic.values(cursor)

    assert [len(rows) for rows, _ in whole] == [2, 2, 1]
    assert len(before) == 2
    assert sorted([*(r["value"] for r in before), *after.values()]) == [*"abcde"]


def test_files_that_are_full_at_the_end_are_not_followed_by_an_empty_one(topic, monkeypatch):
    monkeypatch.setattr("nomad.extract.connectors.kafka._ROWS", 2)
    topic.write(*"ab")

    assert [len(rows) for rows, _ in topic.landed()] == [2]


def test_a_sample_takes_a_few(topic):
    topic.write(*"abc")

    assert topic.values(limit=2) == (
        {(0, 0): "a", (0, 1): "b"}, {"0": 2, "1": 0, "2": 0, "3": 0},
    )  # fmt: skip


# Lost ------------------------------------------------------------------------------------------


def test_what_was_removed_before_it_landed_is_refused(topic):
    """The broker keeps 5 MB of a partition."""
    for _ in range(8):
        topic.write(b"x" * 900_000)
    low = min(offset for _, offset in topic.values()[0])

    told = refused(lambda: topic.values({"0": 1}), Refused)

    assert low > 1
    assert f"partition 0 of the topic `{topic.name}` lost {low - 1} message" in told
    assert (
        f", 1 to {low - 1}: they were removed before they were landed; extract more often" in told
    )
    found, _ = topic.values({"0": 1}, lost="allow")
    assert sorted(found) == [(0, n) for n in range(low, 8)]
    assert topic.values({"0": low})[0] == found


def test_what_is_removed_while_it_is_read_is_refused_too(topic, monkeypatch):
    spans = Reader.spans

    def then_too_late(reader):
        found = spans(reader)
        for _ in range(8):
            topic.write(b"x" * 900_000)
        return found

    monkeypatch.setattr(Reader, "spans", then_too_late)
    topic.write("a", "b")

    assert " messages, 0 to " in refused(lambda: topic.values({"0": 0}), Refused)
    topic.write("a", "b")
    assert min(topic.values({"0": 10}, lost="allow")[0]) > (0, 10)
    first, cursor = topic.values()
    assert max(first) == (0, cursor["0"] - 1)


def test_a_topic_that_was_made_anew_is_refused_or_read_from_its_beginning(topic):
    topic.write("a")

    told = refused(lambda: topic.values({"0": 99}), Refused)

    assert "ends at 1, but was landed up to 99: it was made anew" in told
    assert topic.values({"0": 99}, lost="allow")[0] == {(0, 0): "a"}
    told = refused(lambda: topic.values({"7": 0}), Refused)
    assert f"the topic `{topic.name}` has no partition 7 any more" in told


# Faults ----------------------------------------------------------------------------------------


def test_faults_are_told(topic):
    with pytest.raises(SourceMissing, match=r"Kafka has no topic `t.*`: Broker: Unknown topic"):
        topic.values()
    topic.write("a")
    refused_at = refused(lambda: topic.values(brokers="127.0.0.1:1", timeout=1), Unreachable)
    assert "are the brokers up, and is `brokers:` their address?" in refused_at
    odd = refused(lambda: topic.values(librdkafka={"nosuch.option": 1}), ConfigError)
    assert 'Kafka: No such configuration property: "nosuch.option"' in odd


def test_a_topic_without_a_message_has_nothing(topic):
    topic.write("a")
    name, topic.name = topic.name, f"{topic.name}-empty"
    topic.producer.list_topics(topic.name, timeout=10)

    with pytest.raises(SourceMissing, match=f"no .*topic `{name}-empty`"):
        topic.values()


def test_a_probe_tells_what_it_sees(topic):
    topic.write("a", "b")

    assert KAFKA.probe(topic.request()) == (
        f"Kafka, topic {topic.name}, 4 partitions, 2 messages"
    )  # fmt: skip


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ("brokers: 'h:1'", "needs a `topic`"),
        ("brokers: {a: 1}, topic: t", "`brokers` must be a text, or a list of texts"),
        ("brokers: h, topic: t, start: newest", "`start` can't be `newest`"),
        ("brokers: h, topic: t, format: avro", "`format` can't be `avro`"),
        ("brokers: h, topic: t, keys: json", "`keys` can't be `json`"),
        ("brokers: h, topic: t, timeout: soon", "`timeout` must be a number"),
        ("brokers: h, topic: t, librdkafka: {group.id: x}", "`librdkafka` can't hold `group.id`"),
        ("brokers: h, topic: t, librdkafka: {a: [1]}", "must hold texts, numbers or switches"),
        (
            "brokers: h, topic: t",
            "`topic` needs `dt: timestamp` beside it, so that landings add up",
        ),
    ],
)
def test_a_wrong_option_is_refused(empty: Project, options, told):
    empty.write("nomad.yaml", f"layers: [ods]\nsources:\n  s: {{connector: kafka, {options}}}\n")

    answer = empty("plan", "--dt", "2024-01-02")

    assert answer.code == 2
    assert told in answer.err


def test_a_topic_lands_and_is_read_back(empty: Project, topic):
    empty.write(
        "nomad.yaml",
        "layers: [ods]\ntimezone: UTC\nsources:\n"
        f"  bids: {{connector: kafka, brokers: '{topic.broker}', topic: {topic.name},"
        " format: json, dt: timestamp}\n",
    )
    day = 1704164645006
    topic.write('{"n": 1}', timestamp=day)
    topic.write('{"n": 2}', timestamp=day + 86_400_000, partition=2)

    first = empty("extract")
    topic.write('{"n": 3}', timestamp=day)
    second = empty("extract")
    third = empty("extract")

    assert (first.code, second.code, third.code) == (0, 0, 0), first.err + second.err + third.err
    assert empty.rows('select dt::text, "offset", value.n from raw.bids order by 3') == [
        ["2024-01-02", 0, 1], ["2024-01-03", 0, 2], ["2024-01-02", 1, 3],
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("function", "nth"),
    [
        ("nomad.extract.topics.Reader._line", 2),
        ("nomad.lake.pieces.commit", 1),
        ("nomad.lake.pieces.commit", 2),
        ("nomad.run.publisher.Publisher.publish", 1),
    ],
)
def test_each_message_lands_once_whatever_is_killed(empty: Project, topic, function, nth):
    """Half-way through, before and after what came is committed, before it is in a partition."""
    source = f"{{connector: kafka, brokers: '{topic.broker}', topic: {topic.name}, dt: timestamp}}"
    empty.write("nomad.yaml", f"layers: [ods]\ntimezone: UTC\nsources:\n  bids: {source}\n")
    topic.write(*"abc", timestamp=1704164645006)
    command = [sys.executable, ROOT / "tests/at_call.py", function, str(nth), "kill", "extract"]

    killed = subprocess.run(
        command, cwd=empty.root, env={**os.environ, "PYTHONPATH": str(ROOT / "lib")}, check=False
    )
    topic.write("d", timestamp=1704164645006)
    answer = empty("extract")

    assert killed.returncode == -signal.SIGKILL
    assert answer.code == 0, answer.err
    assert empty.rows("select value from raw.bids order by 1") == [[v] for v in "abcd"]
