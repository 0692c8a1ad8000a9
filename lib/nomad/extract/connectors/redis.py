"""Connector `redis`: the entries of a stream, from where it was left to its present end."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from nomad.config.options import TEXT, Held, Option, holds_variable, one_of
from nomad.errors import ConfigError, NomadError, Refused, SourceMissing, Unreachable, hide_in
from nomad.extract import lines, messages
from nomad.extract.base import Landed, Request
from nomad.extract.extras import Extra, needing
from nomad.files import translated

if TYPE_CHECKING:
    from redis import Redis

_SECONDS = 30
"""So long a server may take for an answer."""

_AT_ONCE = 1000
"""Entries asked for in one request."""


def _url(value: Held, _given: Mapping[str, Held]) -> str | None:
    good = holds_variable(value) or str(value).startswith(("redis://", "rediss://", "unix://"))
    return None if good else "must be like redis://user:${PASSWORD}@host:6379/0"


class RedisConnector:
    """Lands the entries of a stream that came since the last landing."""

    options = (
        Option("url", "redis://host:6379/0, or rediss:// for TLS.", TEXT, True, _url),
        Option("stream", "The key of the stream.", TEXT, True, messages.adds_up("time")),
        Option("format", "Of names and values: text, or base64 where they are other bytes.",
               one_of(messages.TEXT, messages.BASE64)),
        messages.LOST,
    )  # fmt: skip
    extras = (Extra("redis", modules=("redis",)),)

    def fetch(self, request: Request, into: Path) -> Iterator[Landed]:
        """Write what lies behind the cursor, up to the last entry that is there now."""
        stream = str(request.source.options["stream"])
        begin = Place.of(request.cursor, stream)
        path = into / "entries.json"
        with _opened(request) as client:
            state = _state(client, request)
            if state is None:
                return
            if _is_anew(begin, state):
                messages.refuse_lost(request, _anew(request, begin, state))
                begin = START
            reader = _Reader(client, request, begin)
            with translated(str(path)):
                count = lines.write(path, islice(reader.rows(state.last), request.limit))
            whole = request.limit is None or count < request.limit
            if whole and begin != START:
                _refuse_gap(request, begin, state, count, first=_state(client, request))
        if count:
            end = Place(reader.last, state.added if whole else None)
            yield Landed(path, request.window, cursor=end.cursor(stream))
        elif begin == START:
            raise _missing(request, "it has no entry")

    def probe(self, request: Request) -> str:
        """Reach the server and look at the stream."""
        with _opened(request) as client:
            version = cast("Mapping[str, Any]", client.info("server"))["redis_version"]
            state = _state(client, request)
        if state is None:
            raise _missing(request, "it is gone")
        stream = request.source.options["stream"]
        return f"Redis {version}, stream {stream}, {_entries(state.length)}, the last {state.last}"


CONNECTOR = RedisConnector()


class Place(NamedTuple):
    """The last entry that was landed, and how many had been added to the stream up to it."""

    id: str
    added: int | None = None

    @classmethod
    def of(cls, cursor: str | None, stream: str) -> Place:
        """Read it; none is the beginning, as is a place in another stream."""
        told = json.loads(cursor) if cursor else {}
        return cls(told["id"], told.get("added")) if told.get("stream") == stream else START

    def cursor(self, stream: str) -> str:
        """Write it as a cursor."""
        told = {"stream": stream, **self._asdict()}
        return json.dumps({k: v for k, v in told.items() if v is not None})


START = Place("0-0", 0)


class State(NamedTuple):
    """What a server says of a stream; `first` is its oldest entry, if there is one."""

    length: int
    first: str | None
    last: str
    added: int | None


def order(entry: str) -> tuple[int, int]:
    """Tell which of two entries came first by their ids.

    Example:
        >>> order("9-2") < order("10-1"), order("5-2") < order("5-10")
        (True, True)
    """
    milliseconds, _, number = entry.partition("-")
    return int(milliseconds), int(number or 0)


# Reading ---------------------------------------------------------------------------------------


def _state(client: Redis, request: Request) -> State | None:
    """Ask for the state of the stream; None where it is gone, and may be.

    Raises:
        SourceMissing: it is not there, and never was.
        Refused: it is not there any more.
    """
    from redis.exceptions import ResponseError

    stream = str(request.source.options["stream"])
    try:
        found = cast("Mapping[str, Any]", client.xinfo_stream(stream))
    except ResponseError as e:
        if "no such key" not in str(e):
            raise
        if Place.of(request.cursor, stream) == START:
            raise _missing(request, "there is no such key") from e
        messages.refuse_lost(request, f"the stream `{stream}` is gone, and what was not landed")
        return None
    first = found["first-entry"]
    return State(
        int(found["length"]),
        _text(first[0]) if first else None,
        _text(found["last-generated-id"]),
        int(found["entries-added"]) if "entries-added" in found else None,
    )


def _text(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


class _Reader:
    """Reads entries in their order, and knows the last one."""

    def __init__(self, client: Redis, request: Request, begin: Place) -> None:
        self.client = client
        self.options = request.source.options
        self.last = begin.id

    def rows(self, until: str) -> Iterator[Mapping[str, object]]:
        stream = str(self.options["stream"])
        while order(self.last) < order(until):
            entries = cast(
                "Sequence[Any]", self.client.xrange(stream, f"({self.last}", until, _AT_ONCE)
            )
            for entry, values in entries:
                self.last = _text(entry)
                yield self._row(values or ())
            if len(entries) < _AT_ONCE:
                return

    def _row(self, values: Sequence[bytes]) -> dict[str, object]:
        form = str(self.options.get("format", messages.TEXT))
        texts = [messages.as_text(v, form, f"a value of entry {self.last}") for v in values]
        fields = dict(zip(texts[::2], texts[1::2], strict=True))
        if len(fields) < len(texts) // 2:
            names = texts[::2]
            twice = next(n for n in names if names.count(n) > 1)
            raise lines.Odd(f"entry {self.last} has two values called `{twice}`")
        milliseconds, _ = order(self.last)
        return {"id": self.last, "time": _moment(milliseconds), "fields": fields}


def _moment(milliseconds: int) -> str | None:
    """Give the moment that an id tells; None where it is none, as ids may be chosen freely."""
    try:
        moment = datetime.fromtimestamp(milliseconds // 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return moment.replace(microsecond=milliseconds % 1000 * 1000).isoformat(timespec="milliseconds")


# What was lost ---------------------------------------------------------------------------------


def _is_anew(begin: Place, state: State) -> bool:
    """Tell whether it is another stream than the one that was left."""
    fewer = state.added is not None and begin.added is not None and state.added < begin.added
    return fewer or order(state.last) < order(begin.id)


def _anew(request: Request, begin: Place, state: State) -> str:
    stream = request.source.options["stream"]
    return (
        f"the stream `{stream}` was made anew since {begin.id} was landed: it ends at {state.last}"
    )


def _refuse_gap(
    request: Request, begin: Place, state: State, count: int, *, first: State | None
) -> None:
    """Refuse where the stream was cut off behind the last entry that was landed.

    Entries that were landed may be cut off; the numbers of those added since and of those that came
    tell what was not. A server before 7.0 doesn't count, and what is cut off counts as lost.
    """
    oldest = first.first if first else None
    if oldest is not None and order(oldest) <= order(begin.id):
        return
    if state.added is None or begin.added is None:
        lost = "entries" if order(state.last) > order(begin.id) else ""
    else:
        number = state.added - begin.added - count
        lost = _entries(number) if number > 0 else ""
    if lost:
        now = f"its oldest is {oldest}" if oldest else "it has no entry now"
        messages.refuse_lost(
            request,
            f"the stream `{request.source.options['stream']}` lost {lost} behind {begin.id}, which"
            f" was landed last: {now}",
        )


def _entries(number: int) -> str:
    return "1 entry" if number == 1 else f"{number} entries"


def _missing(request: Request, why: str) -> SourceMissing:
    return SourceMissing(
        f"source `{request.source.name}` has nothing in the stream"
        f" `{request.source.options['stream']}`: {why}",
        where=request.source.origin,
        hint="check `url:` (its database) and `stream:`",
    )


# The server ------------------------------------------------------------------------------------


@contextmanager
def _opened(request: Request) -> Iterator[Redis]:
    """Have a connection, and its errors in our words.

    Raises:
        ConfigError: the library is not installed, or an option is wrong.
        Unreachable: the server can't be reached, or refuses who asks.
        Refused: an entry is not what it should be.
    """
    with needing("connector `redis` needs the library redis", "redis"):
        import redis
    url = str(request.source.options["url"])
    hide_in(url)
    try:
        client = redis.Redis.from_url(
            url, socket_timeout=_SECONDS, socket_connect_timeout=_SECONDS, client_name="nomad"
        )
        client.set_response_callback("XRANGE", _pairs)
        with client:
            yield client
    except (redis.RedisError, OSError, ValueError) as e:
        raise _translated(e, request) from e


def _pairs(answer: object, **_options: object) -> object:
    """Take entries as they come: a dict would lose the first of two values of a name."""
    return answer


def _translated(e: Exception, request: Request) -> NomadError:
    import redis

    kind: type[NomadError] = Unreachable
    hint = "is the server up, and is `url:` its address?"
    if isinstance(e, lines.Odd):
        kind, hint = Refused, "nothing was landed; `format: base64` lands any bytes"
    elif isinstance(e, (redis.AuthenticationError, redis.exceptions.NoPermissionError)):
        hint = "check user and password in `url:`, and that the user may use XRANGE and XINFO"
    elif "WRONGTYPE" in str(e):
        kind, hint = ConfigError, "`stream:` is to be the key of a stream"
    elif isinstance(e, ValueError):
        kind, hint = ConfigError, "write `url:` like redis://user:password@host:6379/0"
    return kind(
        f"source `{request.source.name}`: Redis: {e}", where=request.source.origin, hint=hint
    )
