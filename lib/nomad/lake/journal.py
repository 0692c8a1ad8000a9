"""What ran, as JSON lines in the lake: one file a run, under `_runs/dt=<day it began>/`."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from threading import Lock
from typing import Any

from nomad.dates import Span
from nomad.errors import LakeError
from nomad.lake.layout import JOURNAL, JOURNALS, journal_day, journal_folder, journal_key
from nomad.lake.listing import Listing
from nomad.partitions import parse
from nomad.store.base import Blob, Store

_END = b'"event": "end"'
_MANY_DAYS = 31
"""Over more days than that, the journals of all time are listed."""
_EVERY = 1.0
"""Seconds between two writes of the file while a run goes on."""


def new_run_id(now: datetime) -> str:
    """Make an id that sorts by time and is unique.

    Six hex digits follow the second: four for its fraction, two drawn by chance.
    """
    fraction = now.microsecond * 0x10000 // 1_000_000
    return f"{now.astimezone(UTC):%Y%m%dT%H%M%SZ}-{fraction:04x}{os.urandom(1).hex()}"


def event(line: bytes) -> dict[str, Any] | None:
    """Read one line; None where it is no event of a run: cut short, damaged, or not nomad's."""
    try:
        found = json.loads(line)
        sound = isinstance(found, dict) and {"event", "run_id"} <= found.keys()
        return found if sound and (found["event"] != "step" or _is_step(found)) else None
    except (ValueError, TypeError, RecursionError):
        return None


def _is_step(found: Mapping[str, Any]) -> bool:
    day = found.get("partition_date")
    named = isinstance(found.get("table"), str) and "." in found["table"]
    return named and "status" in found and (day is None or bool(parse(day)))


def steps(data: bytes) -> Iterator[dict[str, Any]]:
    """Give the steps of a journal; a line that is no event is passed over."""
    return (e for line in data.splitlines() if (e := event(line)) and e["event"] == "step")


def command(data: bytes) -> str | None:
    """Give the command whose journal this is; None where its beginning can't be read."""
    first = event(data.partition(b"\n")[0])
    return str(first["command"]) if first and first["event"] == "begin" else None


def ended(data: bytes) -> bool:
    """Tell of a journal whether its run came to its end; it may be going on, or have died."""
    return _END in data


def complete(data: bytes) -> bool:
    """Tell of a journal whether it is known to name all that its run published.

    That of a run that died or was broken off isn't, nor one that an older nomad wrote.
    """
    last = data.splitlines()[-1:]
    with suppress(ValueError, AttributeError):
        return any(json.loads(line).get("complete") is True for line in last)
    return False


def others_ran(listing: Listing, before: Iterable[str], today: date) -> bool:
    """Tell whether runs that this machine did not take note of have written to their journals.

    `before` are the keys of the journals known at the last look. A run that began a day before that
    may have been going on.
    """
    found = [k for f in _since(before, today) for k in listing.stamps(f, suffix=JOURNAL)]
    known = listing.kept(found)
    going = [k for k in found if k not in known or not ended(known[k].data)]
    now = {k: b.version for k, b in listing.store.read_all(going) if b is not None}
    return any(k not in known or known[k].version != version for k, version in now.items())


def _since(before: Iterable[str], today: date) -> list[str]:
    """Name the folders of the journals written since some were."""
    days = [day for key in before if (day := journal_day(key))]
    span = Span(max(days) - timedelta(days=1), max(today, *days)) if days else Span()
    few = span.bounded and span.days <= _MANY_DAYS
    return [journal_folder(day) for day in span] if few else [JOURNALS]


class Journal:
    """The lines of one run. Written whole at its begin, about once a second, and at the end."""

    def __init__(self, store: Store, run_id: str) -> None:
        self._store, self._lines, self._written = store, list[str](), time.monotonic()
        self._lock = Lock()
        self.key = journal_key(run_id)

    def add(self, event: Mapping[str, Any]) -> None:
        """Add one line. A write that fails is made up for by the next: the disk may be full now."""
        self._lines.append(json.dumps(event, ensure_ascii=False))
        if time.monotonic() - self._written > _EVERY:
            with suppress(LakeError):
                self.flush()

    def flush(self, listing: Listing | None = None) -> None:
        """Write what there is so far; `listing` is told of it."""
        with self._lock:
            data = ("\n".join(self._lines) + "\n").encode()
            self._written = time.monotonic()
            self._store.write(self.key, data)
            if listing:
                listing.learn(self.key, Blob(data, hashlib.sha256(data).hexdigest()))
