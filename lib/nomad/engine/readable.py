"""Which folders and files of a project a query may read: all but those that begin with a dot.

`.env`, `.git` and the like hold what belongs in no table. Of a folder in which such a thing lies,
what is in it is allowed one by one; a new folder is not yet known to a session that is open.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from nomad.config.config import Config

_HARMLESS = {".gitkeep", ".gitignore", ".gitattributes", ".keep", ".DS_Store", ".editorconfig"}
"""Hidden files that hold nothing; a checksum beside a file (`.x.crc`, `._x`) is none either."""

_PACKAGES = "node_modules"
_ENVIRONMENT = "pyvenv.cfg"
"""What marks a folder of Python packages; as in `node_modules`, no data is looked for there."""

_COMPILED = "__pycache__"
_SINGLE = 1000
"""So many files, and so many folders, are allowed one by one: each session is told of each."""
_LOOKED_AT = 100_000
"""After so many entries no further folder is looked into, nor allowed."""


@dataclass(eq=False)
class _Folder:
    """A folder as it was seen; `mixed` if not all that lies below it may be read."""

    path: Path
    above: _Folder | None = None
    mixed: bool = False
    files: list[str] = field(default_factory=list)
    below: list[_Folder] = field(default_factory=list)

    def mix(self) -> None:
        """Note that it, and each folder above, is not allowed as a whole."""
        at: _Folder | None = self
        while at and not at.mixed:
            at.mixed, at = True, at.above


def readable(config: Config) -> tuple[Path, ...]:
    """Name what a query may read: folders, whole, and single files; a lake in it as a whole."""
    given = config.lake
    lake = None if given.address else (config.root / given.url).resolve()
    found = _walked(config.root, lake)
    folders = (f.path for m in found if m.mixed for f in m.below if not f.mixed)
    files = (Path(f) for m in found if m.mixed for f in m.files)
    return (*([lake] if lake else []), *islice(folders, _SINGLE), *islice(files, _SINGLE))


def _walked(root: Path, lake: Path | None) -> list[_Folder]:
    """Look at a folder and what is below, the nearest first, up to a bound."""
    found, left = [_Folder(root)], _LOOKED_AT
    found[0].mix()
    for folder in found:
        entries = _entries(folder.path) if left > 0 else []
        if left <= 0 or _is_environment(folder, entries):
            folder.mix()
            continue
        left -= len(entries)
        found += _look(folder, entries, lake)
    return found


def _look(folder: _Folder, entries: list[os.DirEntry[str]], lake: Path | None) -> Iterator[_Folder]:
    """Note what is in a folder; give those in it that are to be looked at. Links are passed over.

    What a link leads to counts by itself.
    """
    for entry in entries:
        name = entry.name
        if name == _PACKAGES or (name.startswith(".") and not _harmless(name)):
            folder.mix()
        elif name.startswith(".") or entry.is_symlink():
            continue
        elif not entry.is_dir():
            folder.files.append(entry.path)
        elif (path := Path(entry.path)) != lake:
            folder.below.append(_Folder(path, folder))
            if name != _COMPILED:
                yield folder.below[-1]


def _is_environment(folder: _Folder, entries: list[os.DirEntry[str]]) -> bool:
    return folder.above is not None and any(e.name == _ENVIRONMENT for e in entries)


def _harmless(name: str) -> bool:
    return name in _HARMLESS or name.startswith("._") or name.endswith(".crc")


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as found:
            return list(found)
    except OSError:
        return []
