"""A folder of files of one kind, one for each entity: those that changed since they were landed.

A file that only grew is known by its beginning: then what was added is landed alone.
"""

from __future__ import annotations

import codecs
import hashlib
import logging
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from nomad.errors import SourceMissing
from nomad.extract.base import Known, Landed, Request
from nomad.extract.delivered import delivered, dialect_of
from nomad.extract.places import Found, Place, key
from nomad.files import translated

_log = logging.getLogger(__name__)

_CHUNK = 1 << 20


def changed(
    place: Place, request: Request, files: Sequence[Found], into: Path, *, growing: bool
) -> Iterator[Landed]:
    """Bring the files that are not as they were, each under its address as the part's key.

    `growing` says that a file is lines, of which the first is the header, and lands as it is.

    Raises:
        SourceMissing: all of them have gone since they were found.
    """
    gone: list[SourceMissing] = []
    for number, found in enumerate(files):
        if _is_known(request, found):
            continue
        try:
            added = _grown(request, found, into / f"{number}.csv") if growing else None
            if added:
                yield added
            else:
                yield from _anew(place, request, found, into / str(number), growing=growing)
        except SourceMissing as e:
            gone.append(e)
            continue
        if request.limit is not None:
            return
    if gone and len(gone) == len(files):
        raise gone[0]
    for error in gone:
        _log.warning(
            "%s: gone, or without a line, since it was found: left for next time", error.where
        )


def _is_known(request: Request, found: Found) -> bool:
    """Tell whether a file is as it was; of one with several in it, it stands for them all."""
    known = request.known.get(key(found.address))
    if known is None and found.address.lower().endswith(".zip"):
        within = f"{key(found.address)}/"
        known = next((k for part, k in request.known.items() if part.startswith(within)), None)
    return bool(known and found.stamp and known.stamp == found.stamp)


def _anew(
    place: Place, request: Request, found: Found, base: Path, *, growing: bool
) -> Iterator[Landed]:
    beginning = _Beginning(place) if growing else None
    state = Known(found.stamp, found.size or 0, "")
    for file in delivered(beginning or place, request, found, base.parent, base.name):
        part, known = key(file.told), beginning.known if beginning else state
        yield Landed(file.path, None, file.dialect, part=part, state=known, detected=file.detected)


class _Beginning:
    """A place whose files come as long as they were when they were found.

    What is added meanwhile comes the next time. Of what came, and of nothing else, is `known`.
    """

    known = Known("", 0, "")

    def __init__(self, place: Place) -> None:
        self._place = place
        self.find, self.size = place.find, place.size

    def bring(self, found: Found, to: Path) -> bool:
        """Copy a file; of one that grew since it was found, whole lines."""
        if not self._place.bring(found, to):
            return False
        with translated(str(to)), to.open("r+b") as f:
            size = _end(f, found.size or 0)
            if not size and f.seek(0, os.SEEK_END):
                return False
            f.truncate(size)
            f.seek(0)
            self.known = Known(found.stamp, size, hashlib.file_digest(f, "sha256").hexdigest())
        return True


def _end(f: BinaryIO, size: int) -> int:
    """Tell where what is landed of a file ends, that was so long when it was found.

    Where it grew since, its last line may have been one that was only begun: it is left out.
    """
    there = f.seek(0, os.SEEK_END)
    if there <= size:
        return there
    end = size
    while end:
        begin = max(0, end - _CHUNK)
        f.seek(begin)
        if (last := f.read(end - begin).rfind(b"\n")) >= 0:
            return begin + last + 1
        end = begin
    return 0


def _grown(request: Request, found: Found, target: Path) -> Landed | None:
    """Bring what was added to a file; None where it did not just grow, or can't be told."""
    known = request.known.get(found.address)
    if known is None or not known.sha256:
        return None
    try:
        state = _added(request.root / found.address, found, known, target)
    except (FileNotFoundError, PermissionError, UnicodeDecodeError):
        return None  # landed anew, it is told what is wrong
    dialect = dialect_of(request.source, found.address)
    return state and Landed(target, dialect=dialect, part=found.address, state=state, appended=True)


def _added(path: Path, found: Found, known: Known, target: Path) -> Known | None:
    """Write the header, without a mark before it, and the lines that were added.

    None where the file did not just grow.
    """
    if not 0 < known.size < (found.size or 0):
        return None
    with path.open("rb") as f:
        size = _end(f, found.size or 0)
        f.seek(0)
        digest, header = hashlib.sha256(), f.readline()
        f.seek(0)
        last = _take(f, known.size, digest.update)
        is_same = digest.hexdigest() == known.sha256 and last == b"\n" and size > known.size
        if not is_same or header.count(b'"') % 2:
            return None
        with target.open("wb") as out:
            out.write(header.removeprefix(codecs.BOM_UTF8))
            decoder = codecs.getincrementaldecoder("utf-8")()
            _take(f, size - known.size, digest.update, out.write, decoder.decode)
            decoder.decode(b"", final=True)
    return Known(found.stamp, size, digest.hexdigest())


def _take(f: BinaryIO, size: int, *uses: Callable[[bytes], object]) -> bytes:
    """Read so many bytes, and give the last one."""
    data = b""
    while size and (data := f.read(min(size, _CHUNK))):
        for use in uses:
            use(data)
        size -= len(data)
    return data[-1:]
