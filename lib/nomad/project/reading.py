"""Reads SQL files: a file whose text and parsers are known is not parsed again."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from nomad.cache import Cache
from nomad.engine.version import VERSION, installed
from nomad.errors import SqlFileError, masked
from nomad.hashing import digest
from nomad.project.parse_pool import Parsed, Text, parse_all
from nomad.sqlfile.file import (
    DATE,
    CatalogMacro,
    Opinion,
    SqlFile,
    from_body,
    render,
    to_body,
    used,
)

_FORMAT = "6"
"""Part of every key of the parse cache: raise it when parsing changes."""


@functools.cache
def _versions() -> tuple[str, ...]:
    """Name the versions of both parsers, without loading the one."""
    return installed("sqlglot"), VERSION


def shown(path: Path, root: Path) -> str:
    """Name a file as messages do: from the project's folder on."""
    return path.as_posix().removeprefix(f"{root.as_posix().rstrip('/')}/")


def unread(path: Path, root: Path) -> SqlFile:
    """Stand in for a file that can't be understood; whether it is by date its text still tells."""
    mark = DATE.encode()
    try:
        text = path.read_bytes().upper()
    except OSError:
        text = mark
    return SqlFile(shown(path, root), "", (), "SELECT", 1, (), mark in text, None, False, "")


@dataclass(frozen=True)
class Reader:
    """Reads SQL files, by way of the cache."""

    root: Path
    variables: Mapping[str, str]
    cache: Cache
    opinion: Opinion
    processes: int = 0
    macros: Sequence[CatalogMacro] = ()

    def read(self, paths: Sequence[Path]) -> list[Parsed]:
        """Give each file, parsed, or what is wrong with it; new ones in `processes` of their own.

        A fault stays with its file: what others hold is known all the same.
        """
        return self._read([self._rendered(path) for path in paths])

    def query(self, text: str, path: str) -> Parsed:
        """Give a query that stands in another file, which `path` names, as a file by itself."""
        try:
            rendered = render(text, self.variables, path=path)
        except SqlFileError as e:
            return e
        macros = (s for m in used(rendered, self.macros) for s in m.statements)
        (found,) = self._read([Text(rendered, path, "calendar", tuple(macros))])
        return found

    def _read(self, texts: Sequence[Text | SqlFileError]) -> list[Parsed]:
        keys = [self._key(t) if isinstance(t, Text) else "" for t in texts]
        new = {
            key: t
            for key, t in zip(keys, texts, strict=True)
            if isinstance(t, Text) and self.cache.get(key) is None
        }
        faults = self._learn(new) if new else {}
        return [
            t if isinstance(t, SqlFileError) else faults.get(key) or from_body(self.cache.get(key))
            for key, t in zip(keys, texts, strict=True)
        ]

    def _key(self, text: Text) -> str:
        return digest("sql", _FORMAT, *_versions(), text.path, text.rendered, *text.macros)

    def _rendered(self, path: Path) -> Text | SqlFileError:
        where = shown(path, self.root)
        try:
            text = path.read_text(encoding="utf-8-sig")
            rendered = render(text, self.variables, path=where)
            macros = (s for m in used(rendered, self.macros) for s in m.statements)
            return Text(rendered, where, path.stem, tuple(macros))
        except UnicodeDecodeError as e:
            return SqlFileError(
                f"can't be read: not UTF-8, byte 0x{e.object[e.start]:02x} at {e.start}",
                where=where,
                hint="save it as UTF-8",
            )
        except OSError as e:
            return SqlFileError(f"can't be read: {e.strerror or e}", where=where)
        except SqlFileError as e:
            return e

    def _learn(self, texts: Mapping[str, Text]) -> dict[str, SqlFileError]:
        """Parse files and keep what they hold; give the faults, by the files' keys.

        What has a secret in it, by way of a variable, is kept in no file.
        """
        found = parse_all(list(texts.values()), self.opinion, processes=self.processes)
        for (key, text), parsed in zip(texts.items(), found, strict=True):
            if isinstance(parsed, SqlFile):
                secret = masked(text.rendered) != text.rendered
                self.cache.put(key, to_body(parsed), passing=secret)
        return {k: p for k, p in zip(texts, found, strict=True) if isinstance(p, SqlFileError)}


def sound(found: Iterable[Parsed]) -> list[SqlFile]:
    """Give the files, if nothing is wrong with any.

    Raises:
        SqlFileError: all faults at once; one alone as it is.
    """
    files = list(found)
    faults = [f for f in files if isinstance(f, SqlFileError)]
    if len(faults) == 1:
        raise faults[0]
    if faults:
        raise SqlFileError("\n".join(f"{f}\n  try: {f.hint}" if f.hint else str(f) for f in faults))
    return [f for f in files if isinstance(f, SqlFile)]
