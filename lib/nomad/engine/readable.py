"""Which folders and files of a project a query may read: all but those that begin with a dot.

`.env`, `.git` and the like hold what belongs in no table. Of a folder in which such a thing lies,
what is in it is allowed one by one; a new folder is not yet known to a session that is open.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from nomad.config import Config

_HARMLESS = {".gitkeep", ".gitignore", ".gitattributes", ".keep", ".DS_Store", ".editorconfig"}
"""Hidden files that hold nothing; a checksum beside a file (`.x.crc`, `._x`) is none either."""


def readable(config: Config) -> tuple[Path, ...]:
    """Name what a query may read: folders, whole, and single files; a lake in it as a whole."""
    given = config.lake
    lake = None if given.address else (config.root / given.url).resolve()
    return (*([lake] if lake else []), *_visible(config.root, lake))


def _visible(folder: Path, lake: Path | None) -> Iterator[Path]:
    """Give what is in a folder that has something hidden; links count by what they lead to."""
    for entry in _entries(folder):
        path = Path(entry.path)
        if entry.name.startswith(".") or entry.is_symlink() or path == lake:
            continue
        if entry.is_dir() and _hides(path, lake):
            yield from _visible(path, lake)
        else:
            yield path


def _hides(folder: Path, lake: Path | None) -> bool:
    """Tell whether there is something hidden anywhere below a folder, but for the lake."""
    below: list[Path] = []
    for entry in _entries(folder):
        if entry.name.startswith(".") and not _harmless(entry.name):
            return True
        if entry.is_dir(follow_symlinks=False):
            below.append(Path(entry.path))
    return any(_hides(path, lake) for path in below if path != lake)


def _harmless(name: str) -> bool:
    return name in _HARMLESS or name.startswith("._") or name.endswith(".crc")


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as found:
            return list(found)
    except OSError:
        return []
