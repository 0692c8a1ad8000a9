"""A folder of files of one kind, one for each entity: those that changed since they were landed.

A file that only grew is known by its beginning: then what was added is landed alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from nomad.extract.base import Known, Landed, Request

Copy = Callable[[Path, Path], None]
"""Copies a file as it is to land, or refuses it."""

_CHUNK = 1 << 20


class _Seen(NamedTuple):
    """A file as it is now: its key, where it lies, and what tells that it changed."""

    key: str
    path: Path
    stamp: str
    size: int


def changed(
    request: Request, paths: Iterable[Path], into: Path, *, copy: Copy, growing: bool
) -> Iterator[Landed]:
    """Bring the files that are not as they were, each under its path from the project's folder.

    `growing` says that a file is lines, of which the first is the header, and lands as it is.
    """
    for number, path in enumerate(paths):
        seen = _seen(request.root, path)
        known = request.known.get(seen.key)
        if known and known.stamp == seen.stamp:
            continue
        target = into / f"{number}{path.suffix}"
        added = _added(seen, known, target) if known and growing else None
        if added:
            yield Landed(target, part=seen.key, state=added, appended=True)
            continue
        copy(path, target)
        state = Known(seen.stamp, seen.size, _digest(path))
        yield Landed(target, part=seen.key, state=state)


def _seen(root: Path, path: Path) -> _Seen:
    found = path.stat()
    key = path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)
    return _Seen(key, path, f"{found.st_size}-{found.st_mtime_ns}", found.st_size)


def _digest(path: Path) -> str:
    with path.open("rb") as f:
        return hashlib.file_digest(f, "sha256").hexdigest()


def _added(seen: _Seen, known: Known, target: Path) -> Known | None:
    """Write the header and the lines that were added; None where the file did not just grow."""
    if not 0 < known.size < seen.size:
        return None
    with seen.path.open("rb") as f:
        digest, header = hashlib.sha256(), f.readline()
        f.seek(0)
        last = _take(f, known.size, digest.update)
        if digest.hexdigest() != known.sha256 or last != b"\n" or header.count(b'"') % 2:
            return None
        with target.open("wb") as out:
            out.write(header)
            _take(f, seen.size - known.size, digest.update, out.write)
    return Known(seen.stamp, seen.size, digest.hexdigest())


def _take(f: BinaryIO, size: int, *uses: Callable[[bytes], object]) -> bytes:
    """Read so many bytes, and give the last one."""
    data = b""
    while size and (data := f.read(min(size, _CHUNK))):
        for use in uses:
            use(data)
        size -= len(data)
    return data[-1:]
