"""Connector `kafka`: the messages of a topic, from where it was left to its present end.

Where it was left is in the cursor alone: no consumer group is joined, and nothing is committed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from nomad.config.options import MAP, NUMBER, TEXT, TEXTS, Held, Option, one_of
from nomad.errors import SourceMissing, hide
from nomad.extract import messages
from nomad.extract.base import Landed, Request
from nomad.extract.extras import Extra, needing
from nomad.extract.topics import LATEST, SECONDS, Reader, translated
from nomad.files import translated as on_disk
from nomad.names import counted

if TYPE_CHECKING:
    from confluent_kafka import Consumer, KafkaError

_ROWS = 1_000_000
"""Messages in a file: a fetch that was broken off goes on behind the last one."""

EARLIEST = "earliest"

# Options ---------------------------------------------------------------------------------------

_OURS = (
    "bootstrap.servers", "metadata.broker.list", "group.id", "auto.offset.reset",
    "enable.auto.commit", "enable.auto.offset.store", "enable.partition.eof",
)  # fmt: skip


def _others(value: Held, _given: Mapping[str, Held]) -> str | None:
    """Refuse what this connector says itself."""
    names = cast("Mapping[str, object]", value)
    own = next((n for n in names if n in _OURS), None)
    deep = next((n for n, v in names.items() if isinstance(v, (dict, list))), None)
    if own:
        return f"can't hold `{own}`, which the connector sets"
    return f"must hold texts, numbers or switches: `{deep}` is none" if deep else None


class KafkaConnector:
    """Lands the messages of all partitions that came since the last landing."""

    options = (
        Option("brokers", "Where to begin: host:port, or a list of them.", TEXTS, True),
        Option("topic", "Whose messages are landed.", TEXT, True, messages.adds_up("timestamp")),
        Option("start", "Where the first landing begins: earliest, the default, or latest.",
               one_of(EARLIEST, LATEST)),
        Option("format", "Of values: text, base64, or json, whose fields are columns.",
               one_of(messages.TEXT, messages.BASE64, messages.JSON)),
        Option("keys", "Of keys and headers: text or base64.",
               one_of(messages.TEXT, messages.BASE64)),
        Option("librdkafka", "Options of librdkafka: security.protocol, sasl.username.", MAP,
               rule=_others),
        Option("timeout", f"Seconds a broker may say nothing; default {SECONDS}.", NUMBER,
               asks=False),
        messages.LOST,
    )  # fmt: skip
    extras = (Extra("kafka", modules=("confluent_kafka",)),)

    def fetch(self, request: Request, into: Path) -> Iterator[Landed]:
        """Write what lies between the cursor and the end that each partition has now."""
        with _opened(request) as consumer:
            reader = Reader(consumer, request)
            rows = reader.rows()
            count = number = 0
            while True:
                path = into / f"messages-{number}.json"
                with on_disk(str(path)), path.open("w", encoding="utf-8") as f:
                    written = sum(1 for row in islice(rows, _ROWS) if f.write(row))
                if not (written or reader.begins_here):
                    break
                count, number = count + written, number + 1
                yield Landed(path, request.window, cursor=reader.cursor)
                if written < _ROWS:
                    return
            if not (count or reader.left):
                raise SourceMissing(
                    f"source `{request.source.name}` has no message in the topic"
                    f" `{request.source.options['topic']}`",
                    where=request.source.origin,
                )

    def probe(self, request: Request) -> str:
        """Reach the brokers and look at the topic."""
        with _opened(request) as consumer:
            spans = Reader(consumer, request).spans().values()
        count = sum(s.end - s.low for s in spans)
        topic = request.source.options["topic"]
        return (
            f"Kafka, topic {topic}, {counted(len(spans), 'partition')}, {counted(count, 'message')}"
        )


CONNECTOR = KafkaConnector()


_SECRET = re.compile(r"password|secret|\.key|\.pem|token", re.IGNORECASE)


@contextmanager
def _opened(request: Request) -> Iterator[Consumer]:
    """Have a consumer, and its errors in our words.

    Raises:
        ConfigError: the library is not installed, or an option is wrong.
        Unreachable: no broker can be reached, or it refuses who asks.
    """
    with needing("connector `kafka` needs the library confluent-kafka", "kafka"):
        from confluent_kafka import Consumer, KafkaException
    said: list[KafkaError] = []
    try:
        consumer = Consumer({**_config(request), "error_cb": said.append})
    except KafkaException as e:
        raise translated(e.args[0], request) from e
    try:
        yield consumer
    except KafkaException as e:
        consumer.poll(0.1)  # has what was said meanwhile handed over
        raise translated(e.args[0], request, said) from e
    finally:
        consumer.close()


def _config(request: Request) -> dict[str, Any]:
    options = request.source.options
    brokers = options["brokers"]
    more = cast("Mapping[str, object]", options.get("librdkafka") or {})
    for name, value in more.items():
        if _SECRET.search(name):
            hide(value)
    return {
        "client.id": "nomad",
        "log_level": 0,
        **more,
        "bootstrap.servers": ",".join(
            map(str, brokers if isinstance(brokers, list) else [brokers])
        ),
        "group.id": "nomad",
        "auto.offset.reset": "error",
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "enable.partition.eof": True,
    }
