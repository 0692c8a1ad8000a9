"""Small objects of the lake as this machine last saw them, in one file one may delete at any time.

It saves reading again what has not changed; nothing is decided by it. A cache that can't be used is
an empty one.
"""

from __future__ import annotations

import marshal
import zlib
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from secrets import token_hex
from threading import Lock
from typing import TYPE_CHECKING, Any, NamedTuple

from nomad.cache import sealed, unsealed

if TYPE_CHECKING:
    from sqlite3 import Connection

_TABLES = """
CREATE TABLE IF NOT EXISTS objects (key TEXT PRIMARY KEY, stamp TEXT, version TEXT, data BLOB);
CREATE TABLE IF NOT EXISTS complete (prefix TEXT PRIMARY KEY);
CREATE TABLE IF NOT EXISTS marks (prefix TEXT PRIMARY KEY, token TEXT);
CREATE TABLE IF NOT EXISTS notes (prefix TEXT PRIMARY KEY, data BLOB);
"""
_EMPTY = "BEGIN; DELETE FROM objects; DELETE FROM complete; DELETE FROM marks; COMMIT"
_MARK = "INSERT OR REPLACE INTO marks VALUES (?, ?)"
_PUT = """
INSERT INTO objects VALUES (?, ?, ?, ?)
ON CONFLICT DO UPDATE SET stamp = excluded.stamp, version = excluded.version, data = excluded.data
WHERE version = coalesce(?, version)
"""
_NONE = ""
"""No object's version: what has come meanwhile stays."""
_PATIENCE = 5.0
"""Seconds to wait for another process that writes."""


Versions = Mapping[str, str]
"""Versions of objects, by address or key."""


class CachedObject(NamedTuple):
    """An object's bytes, its version, and its stamp in the listing that showed it."""

    stamp: str
    version: str
    data: bytes


class ObjectCache:
    """A map from addresses of objects to what was seen there. `path` None keeps it in memory.

    `news` tells whether this process found something there that had not been seen so.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._left = path and path.with_name(f"{path.name}-left")
        self._apart = False
        self._number = 0
        self.news = False
        self._held: Connection | None = None
        self._lock = Lock()

    def below(self, prefix: str) -> dict[str, CachedObject]:
        """Give all that was seen below a folder's address, by its own address."""
        query = "SELECT key, stamp, version, data FROM objects WHERE key >= ? AND key < ?"
        return self._seen(self._rows(query, (f"{prefix}/", f"{prefix}0")))

    def of(self, keys: Iterable[str]) -> dict[str, CachedObject]:
        """Give what was seen at some addresses."""
        query = "SELECT key, stamp, version, data FROM objects WHERE key = ?"
        return self._seen([row for k in keys for row in self._rows(query, (k,))])

    def _seen(self, rows: Iterable[tuple[Any, ...]]) -> dict[str, CachedObject]:
        """Unpack rows; where one is damaged, no other is believed either."""
        try:
            return {k: CachedObject(s, v, zlib.decompress(data)) for k, s, v, data in rows}
        except (zlib.error, TypeError, ValueError) as e:
            with self._lock:
                self._give_up(e)
            return {}

    def versions(self, prefix: str) -> dict[str, str]:
        """Give the version of all that was seen below a folder's address."""
        query = "SELECT key, version FROM objects WHERE key >= ? AND key < ?"
        return dict(self._rows(query, (f"{prefix}/", f"{prefix}0")))

    def put(
        self, seen: Mapping[str, CachedObject], folders: Iterable[str], over: Versions | None = None
    ) -> None:
        """Keep what was seen, all of it below the folders named.

        With `over`, only in the place of these versions, or where there was none.
        """
        expected = {} if over is None else {k: over.get(k, _NONE) for k in seen}
        rows = [
            (k, s.stamp, s.version, zlib.compress(s.data, 1), expected.get(k))
            for k, s in seen.items()
        ]
        self._change(_PUT, rows, folders)

    def forget(self, versions: Versions, folder: str) -> None:
        """Drop what is no longer there, where it is still in the cache in this version."""
        gone = list(versions.items())
        self._change("DELETE FROM objects WHERE key = ? AND version = ?", gone, [folder])

    def mark(self, folder: str) -> str:
        """Give a token that changes with whatever is kept or dropped below a folder; or ''."""
        rows = self._rows("SELECT token FROM marks WHERE prefix = ?", (folder,))
        return str(rows[0][0]) if rows else ""

    def notes(self, prefix: str) -> dict[str, Any]:
        """Give what was noted of a folder: plain values by name."""
        rows = self._rows("SELECT data FROM notes WHERE prefix = ?", (prefix,))
        if not rows:
            return {}
        try:
            return dict(marshal.loads(unsealed(rows[0][0])))  # noqa: S302  our own file
        except (ValueError, EOFError, TypeError) as e:
            with self._lock:
                self._give_up(e)
            return {}

    def note(self, prefix: str, values: dict[str, Any]) -> None:
        """Note plain values of a folder, in the place of those before.

        They are marshalled: a plan loads them by the hundred thousand.
        """
        data = sealed(marshal.dumps(values))
        self._change("INSERT OR REPLACE INTO notes VALUES (?, ?)", [(prefix, data)])

    def mark_complete(self, places: Mapping[str, str]) -> None:
        """Note that all there is at or below addresses has been seen; each one's folder is marked.

        `places` are folders by address.
        """
        marks = [(folder, token_hex(8)) for folder in places.values()]
        self._change("INSERT OR REPLACE INTO complete VALUES (?)", [(p,) for p in places])
        self._change("INSERT OR IGNORE INTO marks VALUES (?, ?)", marks)

    def is_complete(self, prefix: str) -> bool:
        """Tell whether all at or below an address was seen once; others may have added to it."""
        return bool(self._rows("SELECT 1 FROM complete WHERE prefix = ?", (prefix,)))

    def close(self) -> None:
        """Let go of the file."""
        with self._lock, suppress(Exception):
            if self._held is not None:
                self._held.close()
            self._held = None

    def _rows(self, query: str, words: tuple[str, ...]) -> list[tuple[Any, ...]]:
        with self._lock:
            try:
                return self._open().execute(query, words).fetchall()
            except self._errors() as e:
                self._give_up(e)
                return []

    def _change(
        self, statement: str, rows: list[tuple[Any, ...]], folders: Iterable[str] = ()
    ) -> None:
        """Change rows, and with them the marks of the folders they lie below."""
        if not rows:
            return
        self._leave_word()
        with self._lock:
            try:
                with self._open() as con:
                    con.executemany(statement, rows)
                    con.executemany(_MARK, [(f, token_hex(8)) for f in folders])
            except self._errors() as e:
                self._give_up(e)

    def _open(self) -> Connection:
        import sqlite3

        if self._held is None:
            if self._path:
                self._path.parent.mkdir(exist_ok=True)
            self._held = sqlite3.connect(
                self._path or ":memory:", timeout=_PATIENCE, check_same_thread=False
            )
            self._number = self._path.stat().st_ino if self._path else 0
            self._held.execute("PRAGMA synchronous = off")
            self._held.executescript(_TABLES)
            if self._path and self._left and self._left.exists():
                self._held.executescript(_EMPTY)
                self._left.unlink(missing_ok=True)
        return self._held

    def _errors(self) -> tuple[type[Exception], ...]:
        import sqlite3

        return (sqlite3.Error, OSError)

    def _give_up(self, error: Exception) -> None:
        """Go on with an empty cache in memory, and leave word of it.

        A file that is damaged, not just held, goes, unless another process has made it anew.
        """
        import sqlite3

        if self._held is not None:
            with suppress(Exception):
                self._held.close()
        held = getattr(error, "sqlite_errorcode", None) in (
            sqlite3.SQLITE_BUSY,
            sqlite3.SQLITE_LOCKED,
        )
        if self._path and not held:
            with suppress(OSError):
                if self._number in (0, self._path.stat().st_ino):
                    self._path.unlink()
        self._apart |= self._path is not None
        self._leave_word()
        self._path, self._held = None, None

    def _leave_word(self) -> None:
        """Note beside the file that it lacks what this process does: the next one empties it."""
        if self._apart and self._left:
            with suppress(OSError):
                self._left.touch()
