"""What ran, as JSON lines in the lake: one file a run, under `_runs/dt=<day it began>/`."""

from __future__ import annotations

import hashlib
import json
import secrets
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from threading import Lock
from typing import Any

from nomad.mirror import Mirror
from nomad.store.base import Blob, Store

FOLDER = "_runs"
_EVERY = 1.0
"""Seconds between two writes of the file while a run goes on."""


def new_run_id(now: datetime) -> str:
    """Make an id that sorts by time and is unique.

    Six hex digits follow the second: four for its fraction, two drawn by chance.
    """
    fraction = now.microsecond * 0x10000 // 1_000_000
    return f"{now.astimezone(UTC):%Y%m%dT%H%M%SZ}-{fraction:04x}{secrets.token_hex(1)}"


def run_of(key: str) -> str:
    """Give the run's id of a journal, by its key."""
    return key.rpartition("/")[2].removesuffix(".jsonl")


def steps(data: bytes) -> Iterator[dict[str, Any]]:
    """Give the steps of a journal; a line cut short by a crash is passed over."""
    for line in data.splitlines():
        try:
            event = json.loads(line)
        except ValueError:
            continue
        if event.get("event") == "step":
            yield event


class Journal:
    """The lines of one run. Written whole about once a second, and at the end."""

    def __init__(self, store: Store, run_id: str, now: datetime) -> None:
        self._store, self._lines, self._written = store, list[str](), 0.0
        self._lock = Lock()
        self.key = f"{FOLDER}/dt={now.astimezone(UTC).date()}/{run_id}.jsonl"

    def add(self, event: Mapping[str, Any]) -> None:
        """Add one line."""
        self._lines.append(json.dumps(event, ensure_ascii=False))
        if time.monotonic() - self._written > _EVERY:
            self.flush()

    def flush(self, mirror: Mirror | None = None) -> None:
        """Write what there is so far; `mirror` is told of it."""
        with self._lock:
            data = ("\n".join(self._lines) + "\n").encode()
            self._store.write(self.key, data)
            self._written = time.monotonic()
            if mirror:
                mirror.learn(self.key, Blob(data, hashlib.sha256(data).hexdigest()))
