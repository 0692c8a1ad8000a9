"""What an S3 server is like, found out by asking it: what `nomad doctor` says of it."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from statistics import median
from typing import Protocol

from nomad.errors import NomadError
from nomad.store.address import Address
from nomad.store.base import Store
from nomad.store.capabilities import BAD, DOUBTFUL, GOOD, Verdict
from nomad.store.client import date_of
from nomad.store.probe import Probed

_ROUNDS = 5
_SKEW = 60.0
"""Seconds by which clocks may differ before ages of files mean little; S3 refuses from 900 on."""


class Server(Store, Protocol):
    """A store behind a server that can be asked what it makes of conditions."""

    @property
    def address(self) -> Address:
        """Where it is."""

    @property
    def accepted(self) -> bool:
        """Whether a server that ignores conditions is written all the same."""

    def head(self) -> str | None:
        """Ask whether it is there; give the date as the server has it."""

    def probe(self) -> Probed:
        """Ask the server what it makes of conditions."""


def diagnose(store: Server) -> Iterator[Verdict]:
    """Ask whether the server is there, how far its clock is off, and whether a lake is safe in it.

    Nothing else is asked where it can't be reached. Small objects are written below `_probe` and
    removed again.
    """
    at = store.address.endpoint or "AWS"
    try:
        seconds, skew = _round_trips(store)
    except NomadError as e:
        yield Verdict("reachable", f"{at}: {e.what}{f'; {e.hint}' if e.hint else ''}", BAD)
        return
    yield Verdict("reachable", f"{store.address.url} at {at}", GOOD)
    yield Verdict("round trip", f"{seconds * 1000:.1f} ms, the median of {_ROUNDS}", GOOD)
    word = "ahead of" if skew > 0 else "behind"
    told = f"the server's clock is {abs(skew):.0f} s {word} this machine's"
    yield Verdict("clock", told, DOUBTFUL if abs(skew) > _SKEW else GOOD)
    yield from _guarded("conditional writes", store, _conditions)
    yield from _guarded("listing", store, _listing)


def _round_trips(store: Server) -> tuple[float, float]:
    """Give the median time of a small request, and how far the server's clock is ahead."""
    times, skew = [], 0.0
    for _ in range(_ROUNDS):
        began = time.monotonic()
        told = store.head()
        times.append(time.monotonic() - began)
        if at := date_of(told):
            skew = (at - datetime.now(UTC)).total_seconds()
    return median(times), skew if abs(skew) > 1 else 0.0


def _guarded(
    check: str, store: Server, ask: Callable[[Server], Iterator[Verdict]]
) -> Iterator[Verdict]:
    try:
        yield from ask(store)
    except NomadError as e:
        yield Verdict(check, e.what, BAD)


def _conditions(store: Server) -> Iterator[Verdict]:
    found: Probed = store.probe()
    if found.safe:
        form = "in quotes" if found.form == '"' else "without quotes"
        told = f"If-None-Match and If-Match are kept to (the ETag {form})"
        yield Verdict("conditional writes", told, GOOD)
        return
    told = f"{'; '.join(found.faults)}: two publishers of one partition could both win"
    if store.accepted:
        told += " (accepted by `lake.allow_unsafe_commit`)"
    yield Verdict("conditional writes", told, DOUBTFUL if store.accepted else BAD)


def _listing(store: Server) -> Iterator[Verdict]:
    """Look for an object as soon as it is written, and again as soon as it is gone."""
    key = f"_probe/{uuid.uuid4().hex}"
    store.write(key, b"")
    there = key in {e.key for e in store.list("_probe")}
    told = "a new object is listed at once" if there else "a new object is not listed at once"
    yield Verdict("listing", told, GOOD if there else DOUBTFUL)
    store.delete(key)
    gone = store.read(key) is None
    told = "objects can be deleted" if gone else "a deleted object is still there"
    yield Verdict("deleting", told, GOOD if gone else BAD)
