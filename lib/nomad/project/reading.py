"""Reads SQL files: a file whose text and parsers are known is not parsed again."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from nomad.cache import Cache
from nomad.engine.duck import VERSION
from nomad.errors import SqlFileError
from nomad.manifest import digest
from nomad.project.apart import Text, parse_all
from nomad.sqlfile import Opinion, SqlFile, from_body, render, to_body

_FORMAT = "5"
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
    processes: int = 0

    def read(self, paths: Sequence[Path]) -> list[SqlFile]:
        """Give files, parsed; those that are new in so many processes of their own.

        Raises:
            SqlFileError: one can't be read, or can't be understood.
        """
        texts = [self._rendered(path) for path in paths]
        keys = [digest("sql", _FORMAT, *_versions(), t.path, t.rendered) for t in texts]
        new = {key: t for key, t in zip(keys, texts, strict=True) if self.cache.get(key) is None}
        faults = self._learn(new) if new else []
        if faults:
            raise faults[0]
        return [from_body(self.cache.get(key)) for key in keys]

    def _rendered(self, path: Path) -> Text:
        where = shown(path, self.root)
        try:
            text = path.read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as e:
            raise SqlFileError(f"can't be read: {e}", where=where, hint="save it as UTF-8") from e
        return Text(render(text, self.variables, path=where), where, path.stem)

    def _learn(self, texts: Mapping[str, Text]) -> list[SqlFileError]:
        found = parse_all(list(texts.values()), self.opinion, processes=self.processes)
        for key, parsed in zip(texts, found, strict=True):
            if isinstance(parsed, SqlFile):
                self.cache.put(key, to_body(parsed))
        return [p for p in found if isinstance(p, SqlFileError)]
