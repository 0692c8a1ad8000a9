"""Reads SQL files: a file whose text and parsers are known is not parsed again."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from nomad.cache import Cache
from nomad.engine.duck import VERSION
from nomad.errors import SqlFileError
from nomad.manifest import digest
from nomad.sqlfile import Opinion, SqlFile, from_body, render, to_body

_FORMAT = "4"
"""Part of every key of the parse cache: raise it when parsing changes."""


@functools.cache
def _versions() -> tuple[str, ...]:
    """Name the versions of both parsers, without loading the one."""
    return version("sqlglot"), VERSION


def shown(path: Path, root: Path) -> str:
    """Name a file as messages do: from the project's folder on."""
    return path.relative_to(root).as_posix()


@dataclass(frozen=True)
class Reader:
    """Reads SQL files, by way of the cache."""

    root: Path
    variables: Mapping[str, str]
    cache: Cache
    opinion: Opinion

    def read(self, path: Path) -> SqlFile:
        """Give a file, parsed.

        Raises:
            SqlFileError: it can't be read, or can't be understood.
        """
        where = shown(path, self.root)
        try:
            text = path.read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as e:
            raise SqlFileError(f"can't be read: {e}", where=where, hint="save it as UTF-8") from e
        rendered = render(text, self.variables, path=where)
        key = digest("sql", _FORMAT, *_versions(), where, rendered)
        if (kept := self.cache.get(key)) is not None:
            return from_body(kept)
        from nomad.sqlfile.parsing import parse

        parsed = parse(rendered, path=where, table=path.stem, opinion=self.opinion)
        self.cache.put(key, to_body(parsed))
        return parsed
