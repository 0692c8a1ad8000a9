"""Remember what is dear to compute, in files one may delete at any time.

A cache that can't be read or is damaged is empty, one that can't be written is forgotten: nothing
depends on it.
"""

from __future__ import annotations

import json
import os
import zlib
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any

_MOST = 20_000


class Cache:
    """A map from digests to plain JSON values, kept in one file between commands.

    `path` None keeps it in memory only.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._changed = False
        self._passing: dict[str, Any] = {}

    @cached_property
    def _kept(self) -> dict[str, Any]:
        return _load(self._path) if self._path else {}

    def get(self, key: str) -> Any:
        """Give the value kept under a key, or None."""
        return self._passing[key] if key in self._passing else self._kept.get(key)

    def put(self, key: str, value: Any, *, passing: bool = False) -> None:
        """Keep a value; it must survive JSON. One that is `passing` goes into no file."""
        if passing:
            self._passing[key] = value
            return
        self._kept[key] = value
        self._changed = True

    def save(self) -> None:
        """Write the newest entries beside the file and rename them in."""
        if not (self._path and self._changed):
            return
        newest = dict(list(self._kept.items())[-_MOST:])
        beside = self._path.with_name(f"{self._path.name}.{os.getpid()}")
        try:
            self._path.parent.mkdir(exist_ok=True)
            beside.write_bytes(sealed(json.dumps(newest, separators=(",", ":")).encode()))
            beside.replace(self._path)
            self._changed = False
        except OSError:
            with suppress(OSError):
                beside.unlink(missing_ok=True)


def _load(path: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(bytes(unsealed(path.read_bytes()))))
    except (OSError, ValueError):
        return {}


def sealed(data: bytes) -> bytes:
    """Put a line with a checksum before bytes."""
    return _seal(data) + data


def unsealed(data: bytes) -> memoryview:
    """Take it off again, without a copy.

    Raises:
        ValueError: they are not those it was made for.
    """
    seal, body = data[:_LENGTH], memoryview(data)[_LENGTH:]
    if seal != _seal(body):
        raise ValueError("damaged")
    return body


def _seal(data: bytes | memoryview) -> bytes:
    return b"%08x\n" % zlib.crc32(data)


_LENGTH = len(_seal(b""))
