"""A topic of Kafka, read from some offsets to where its partitions end now, as lines of JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from nomad.errors import ConfigError, NomadError, Refused, SourceMissing, Unreachable
from nomad.extract import lines, messages
from nomad.extract.base import Request
from nomad.extract.jsontext import Document
from nomad.extract.jsontext import Odd as NoJson
from nomad.names import counted

if TYPE_CHECKING:
    from confluent_kafka import Consumer, KafkaError, Message

SECONDS = 60
"""So long a broker may say nothing."""

_AT_ONCE, _WAIT = 1000, 0.1
"""Messages handed over at once, and how many seconds they are waited for."""

LATEST = "latest"


class Span(NamedTuple):
    """The offsets of a partition: the oldest that is there, and the next one to be written."""

    low: int
    end: int


# Reading ---------------------------------------------------------------------------------------


class Reader:
    """Reads the partitions of a topic up to where they end now; knows how far it came."""

    def __init__(self, consumer: Consumer, request: Request) -> None:
        self.consumer = consumer
        self.request = request
        self.topic = str(request.source.options["topic"])
        self.left = _left_at(request.cursor, self.topic)
        self.offsets: dict[int, int] = {}
        self.ends: dict[int, int] = {}

    @property
    def cursor(self) -> str:
        """Tell which offset each partition goes on at."""
        offsets = {str(p): o for p, o in sorted(self.offsets.items())}
        return json.dumps({"topic": self.topic, "offsets": offsets})

    @property
    def begins_here(self) -> bool:
        """Tell whether the end that there is now is where the first landing begins."""
        start = self.request.source.options.get("start")
        return start == LATEST and not self.left and self.offsets == self.ends

    def rows(self) -> Iterator[str]:
        """Give lines of JSON, of a sample no more than are enough."""
        self._begin()
        return islice((self._line(m) for m in self._messages()), self.request.limit)

    def spans(self) -> dict[int, Span]:
        """Ask what each partition has.

        Raises:
            SourceMissing: there is no such topic.
        """
        found = self.consumer.list_topics(self.topic, timeout=_timeout(self.request))
        topic = found.topics[self.topic]
        if topic.error is not None or not topic.partitions:
            raise SourceMissing(
                f"source `{self.request.source.name}`: Kafka has no topic `{self.topic}`:"
                f" {topic.error.str() if topic.error else 'it has no partition'}",
                where=self.request.source.origin,
                hint="check `topic:`, and that the user may read it",
            )
        return {partition: self._span(partition) for partition in topic.partitions}

    def _span(self, partition: int) -> Span:
        low, end = self.consumer.get_watermark_offsets(
            self._at(partition), timeout=_timeout(self.request), cached=False
        )
        return Span(low, end)

    def _begin(self) -> None:
        """Choose where each partition begins, and have it read from there."""
        from_end = not self.left and self.request.source.options.get("start") == LATEST
        for partition, span in self.spans().items():
            begin = self.left.get(str(partition), span.end if from_end else span.low)
            self.offsets[partition] = self._there(partition, begin, span)
            self.ends[partition] = span.end
        for gone in (p for p in self.left if int(p) not in self.ends):
            messages.refuse_lost(
                self.request, f"the topic `{self.topic}` has no partition {gone} any more"
            )
        self._assign()

    def _assign(self) -> None:
        """Have the partitions read that are not at their end."""
        self.consumer.assign([self._at(p, self.offsets[p]) for p in self._unread()])

    def _there(self, partition: int, begin: int, span: Span) -> int:
        """Begin at an offset that is there; refuse where what was not landed is gone."""
        if span.low <= begin <= span.end:
            return begin
        if not self.left:
            return span.low
        where = f"partition {partition} of the topic `{self.topic}`"
        if begin < span.low:
            number = span.low - begin
            what = f"{where} lost {counted(number, 'message')}, {begin} to {span.low - 1}"
            messages.refuse_lost(self.request, f"{what}: they were removed before they were landed")
        else:
            what = f"{where} ends at {span.end}, but was landed up to {begin}: it was made anew"
            messages.refuse_lost(self.request, what)
        return span.low

    def _at(self, partition: int, offset: int | None = None) -> Any:
        from confluent_kafka import TopicPartition

        at = () if offset is None else (offset,)
        return TopicPartition(self.topic, partition, *at)

    def _unread(self) -> list[int]:
        return [p for p, end in self.ends.items() if self.offsets[p] < end]

    def _messages(self) -> Iterator[Message]:
        """Have messages handed over until each partition is at its end."""
        heard = self.request.clock()
        while self._unread():
            found = self.consumer.consume(_AT_ONCE, timeout=_WAIT)
            if found:
                heard = self.request.clock()
            elif self.request.clock() - heard > timedelta(seconds=_timeout(self.request)):
                raise _silent(self.request, self._unread())
            for message in found:
                error = message.error()
                if error is not None:
                    self._note(message, error)
                elif self._is_new(message):
                    yield message

    def _is_new(self, message: Message) -> bool:
        """Go on behind a message; one beyond the end is for the next time."""
        partition, offset = _whence(message)
        end = self.ends[partition]
        is_new = self.offsets[partition] <= offset < end
        self.offsets[partition] = max(self.offsets[partition], min(offset + 1, end))
        if self.offsets[partition] == end:
            self.consumer.pause([self._at(partition)])
        return is_new

    def _note(self, message: Message, error: KafkaError) -> None:
        """Take note of an end; behind the last message may be marks of transactions.

        Raises:
            NomadError: it is an error that doesn't heal.
        """
        from confluent_kafka import KafkaError

        if error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - its public name
            partition, offset = _whence(message)
            self.ends[partition] = min(self.ends[partition], max(offset, self.offsets[partition]))
            self.offsets[partition] = self.ends[partition]
        elif error.code() == KafkaError._AUTO_OFFSET_RESET:  # noqa: SLF001
            partition, _ = _whence(message)
            span = self._span(partition)
            self.offsets[partition] = self._there(partition, self.offsets[partition], span)
            self.ends[partition] = span.end
            self._assign()
        elif not error.retriable() and error.code() not in _PASSING:
            raise translated(error, self.request)

    # Lines -------------------------------------------------------------------------------------

    def _line(self, message: Message) -> str:
        """Write a message as a line of JSON; a value that is JSON stays as it is spelled."""
        partition, offset = _whence(message)
        told = f"partition {partition}, offset {offset}"
        try:
            row = {
                "partition": partition,
                "offset": offset,
                "timestamp": _moment(message),
                "key": self._text("keys", message.key(), f"the key of {told}"),
                "headers": [
                    {"key": name, "value": self._text("keys", value, f"a header of {told}")}
                    for name, value in cast("list[tuple[str, Any]]", message.headers() or [])
                ],
            }
            value = self._value(message, f"the value of {told}")
        except lines.Odd as e:
            raise Refused(
                f"source `{self.request.source.name}`: {e}",
                where=self.request.source.origin,
                hint="`format: base64` lands any values, `keys: base64` any keys and headers",
            ) from e
        return f'{lines.line(row, offset)[:-2]}, "value": {value}}}\n'

    def _value(self, message: Message, told: str) -> str:
        value = message.value()
        if value is None or self.request.source.options.get("format") != messages.JSON:
            return json.dumps(self._text("format", value, told), ensure_ascii=False)
        try:
            text = Document.of(value).text
        except NoJson as e:
            raise lines.Odd(f"{told} {e}") from e
        return re.sub(r"[\r\n]+", " ", text)

    def _text(self, option: str, value: object, told: str) -> str | None:
        if value is None:
            return None
        data = value if isinstance(value, bytes) else str(value).encode()
        form = str(self.request.source.options.get(option, messages.TEXT))
        return messages.as_text(data, form, told)


def _left_at(cursor: str | None, topic: str) -> dict[str, int]:
    """Read where the partitions of a topic were left; those of another one are no place in it."""
    told = json.loads(cursor) if cursor else {}
    return dict(told["offsets"]) if told.get("topic") == topic else {}


def _whence(message: Message) -> tuple[int, int]:
    partition, offset = message.partition(), message.offset()
    assert partition is not None
    assert offset is not None
    return partition, offset


def _moment(message: Message) -> str | None:
    kind, milliseconds = message.timestamp()
    if not kind or milliseconds < 0:
        return None
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=milliseconds)
    return moment.isoformat(timespec="milliseconds")


# What goes wrong -------------------------------------------------------------------------------


def _timeout(request: Request) -> float:
    return float(str(request.source.options.get("timeout", SECONDS)))


_PASSING = (-195, -187, -185)
"""Codes of librdkafka for what it mends itself, or the wait shows: a broker is down, or all."""


def _silent(request: Request, partitions: list[int]) -> Unreachable:
    which = ", ".join(map(str, partitions))
    return Unreachable(
        f"source `{request.source.name}`: Kafka: nothing came for {_timeout(request):g} seconds,"
        f" and partition {which} is not at its end",
        where=request.source.origin,
        hint="are its brokers up? `timeout:` waits longer",
    )


def translated(
    error: KafkaError, request: Request, said: list[KafkaError] | None = None
) -> NomadError:
    """Say what went wrong, by what the brokers said before, where they did."""
    from confluent_kafka import KafkaError

    last = next((e for e in said or [] if e.code() == KafkaError._AUTHENTICATION), None)  # noqa: SLF001
    error = last or next((e for e in said or [] if "failed" in e.str()), error)
    kind: type[NomadError] = Unreachable
    hint = "are the brokers up, and is `brokers:` their address?"
    if error.code() == KafkaError._INVALID_ARG:  # noqa: SLF001
        kind, hint = ConfigError, "see the names in `librdkafka:`"
    elif last or "uthoriz" in error.str():
        hint = "check user and password in `librdkafka:`, and that the user may read the topic"
    return kind(
        f"source `{request.source.name}`: Kafka: {error.str()}",
        where=request.source.origin,
        hint=hint,
    )
