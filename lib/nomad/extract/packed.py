"""Files that come packed, unpacked as far as a source allows: gzip, bzip2, zstd and zip."""

from __future__ import annotations

import bz2
import gzip
import lzma
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import IO, NamedTuple, Protocol, cast

from nomad.config.options import TEXT, Held, Option, holds_variable, one_of
from nomad.config.sources import SourceConfig
from nomad.errors import ConfigError, Refused
from nomad.extract.extras import needing
from nomad.extract.formats import PACKINGS, suffix, unpacked
from nomad.extract.patterns import matcher
from nomad.files import translated

_UNITS = {"MB": 10**6, "GB": 10**9, "TB": 10**12}
_SIZE = rf"(\d+(?:\.\d+)?) ?({'|'.join(_UNITS)})"
_MOST = "10 GB"
"""So much is unpacked of one file: above what sources deliver, below what fills a disk."""

_CHUNK = 1 << 20
_SHOWN = 5


class Reader(Protocol):
    """What is in a packed file, as it is read."""

    def read(self, size: int, /) -> bytes:
        """Give as many bytes, or what is left."""

    def close(self) -> None:
        """End it."""


class Unpacked(NamedTuple):
    """A file that came packed: where it lies now, and what it was called."""

    path: Path
    name: str


# Options -----------------------------------------------------------------------------------------


def _size(value: Held, _given: object) -> str | None:
    good = holds_variable(value) or re.fullmatch(_SIZE, str(value))
    return None if good else f"must be a size in MB, GB or TB, like `{_MOST}` (got {value!r})"


OPTIONS = (
    Option(
        "compression",
        "How it is packed, where the ending doesn't tell.",
        one_of(*PACKINGS.values(), "none"),
    ),
    Option("member", "Of a zip with several files: which; a name or a pattern.", TEXT),
    Option(
        "max_unpacked",
        f"The most to unpack of a file; default {_MOST}.",
        TEXT,
        rule=_size,
        asks=False,
    ),
)


def packing(source: SourceConfig, name: str) -> str | None:
    """Tell how a file is packed; None where it is not."""
    told = source.options.get("compression") or PACKINGS.get(suffix(name))
    if told in (None, "none"):
        return None
    if told not in PACKINGS.values():
        raise ConfigError(
            f"source `{source.name}`: `compression` can't be `{told}`",
            where=source.origin,
            hint=f"it can be {', '.join(PACKINGS.values())} or none",
        )
    return str(told)


# Unpacking ---------------------------------------------------------------------------------------


def unpack(original: Path, name: str, source: SourceConfig) -> Iterator[Unpacked]:
    """Unpack a file beside itself, and take it away; of a zip, each file that the source means.

    One that is not packed is given as it is.

    Raises:
        Refused: it is damaged, or half of one, or more comes out than the source allows.
        ConfigError: what unpacks it isn't installed.
    """
    how = packing(source, name)
    if how is None:
        yield Unpacked(original, name)
        return
    unpacking = _Unpacking(how, source, name, _room(source))
    if how == "zip":
        yield from unpacking.members(original)
    else:
        target = original.with_name(f"{original.name}-unpacked")
        bare = unpacked(name) if PACKINGS.get(suffix(name)) == how else name
        with original.open("rb") as f:
            unpacking.copy(lambda: opened(f, how, source), target)
        yield Unpacked(target, bare)
    original.unlink(missing_ok=True)


def beginning(path: Path, source: SourceConfig, size: int) -> bytes:
    """Give what a file begins with, once it is unpacked.

    Raises:
        Refused, ConfigError: as above.
    """
    how = packing(source, path.name)
    unpacking = _Unpacking(how or "", source, str(path), 0)
    with path.open("rb") as f:
        if how != "zip":
            return unpacking.read(opened(f, how, source) if how else f, size)
        with unpacking.archive(f) as archive, archive.open(unpacking.meant(archive)[0]) as member:
            return unpacking.read(member, size)


def opened(file: IO[bytes], how: str, source: SourceConfig) -> Reader:
    """Read a packed file as what is in it."""
    if how == "gzip":
        return gzip.GzipFile(fileobj=file)
    if how == "bz2":
        return bz2.BZ2File(file)
    with needing("unpacking zstd needs backports.zstd", "zstd", source):
        from backports import zstd
    return zstd.ZstdFile(file)


def _room(source: SourceConfig) -> int:
    match = re.fullmatch(_SIZE, str(source.options.get("max_unpacked", _MOST)))
    if not match:
        what = f"source `{source.name}`: `max_unpacked` must be a size like `{_MOST}`"
        raise ConfigError(what, where=source.origin)
    return int(float(match[1]) * _UNITS[match[2]])


class _Unpacking(NamedTuple):
    """One packed file of a source, and how much may come out of it."""

    how: str
    source: SourceConfig
    told: str
    room: int

    def refused(self, what: object, hint: str) -> Refused:
        return Refused(f"source `{self.source.name}`: {what}", where=self.told, hint=hint)

    def damaged(self, e: Exception, packed: Reader | None = None) -> Refused:
        name = f"{self.how} file"
        if isinstance(packed, gzip.GzipFile) and _begins_as_gzip(packed):
            if _OTHER[0] in str(e):
                return self.refused(f"the {name} has something else behind its end", _AGAIN)
        elif any(mark in str(e) for mark in _OTHER):
            return self.refused(f"it is no {name}", "set `compression:` to what it is, or to none")
        if "is encrypted" in str(e):
            return self.refused(f"the {name} has a password", "have it delivered without one")
        return self.refused(f"the {name} is damaged, or half of one: {e}", _AGAIN)

    def copy(self, reader: Callable[[], Reader], to: Path, done: int = 0) -> int:
        """Write what a file unpacks to; give the bytes so far."""
        try:
            packed = reader()
            with closing(packed), translated(str(to)), to.open("wb") as f:
                while data := self.read(packed, _CHUNK):
                    done += len(data)
                    if done > self.room:
                        most = self.source.options.get("max_unpacked", _MOST)
                        raise self.refused(
                            f"it unpacks to more than {most}",
                            "if it is to be that large, set `max_unpacked:` of the source",
                        )
                    f.write(data)
        except _FAULTS as e:
            raise self.damaged(e) from e
        return done

    def read(self, packed: Reader, size: int) -> bytes:
        try:
            return packed.read(size)
        except (OSError, *_FAULTS) as e:
            if isinstance(e, OSError) and e.errno:
                raise
            raise self.damaged(e, packed) from e
        except Exception as e:
            if type(e).__name__ == "ZstdError":
                raise self.damaged(e) from e
            raise

    def archive(self, zipped: Path | IO[bytes]) -> zipfile.ZipFile:
        try:
            return zipfile.ZipFile(zipped)
        except zipfile.BadZipFile as e:
            raise self.damaged(e) from e

    def members(self, original: Path) -> Iterator[Unpacked]:
        """Unpack the files of a zip that are meant, in order of name."""
        with self.archive(original) as archive:
            done = 0
            for number, name in enumerate(self.meant(archive)):
                target = original.with_name(f"{original.name}-{number}")
                one = self._replace(told=f"{self.told}/{name}")
                done = one.copy(partial(archive.open, name), target, done)
                yield Unpacked(target, name)

    def meant(self, archive: zipfile.ZipFile) -> list[str]:
        names = archive.namelist()
        member = self.source.options.get("member")
        found = meant(names, member)
        there = _listed(meant(names))
        if member is not None and not found:
            what = f"no file in it is called `{member}`; it has {there}"
            raise self.refused(what, "fix `member:` of the source")
        if member is None and len(found) != 1:
            raise self.refused(
                f"it has {len(found)} files: {there}" if found else "it has no file",
                'say which by `member:` of the source; `member: "*.csv"` takes several',
            )
        return found


def meant(names: list[str], member: Held = None) -> list[str]:
    """Choose the files of a zip by a name or a pattern, in order; None: all of them.

    A pattern without a folder is held against a file's own name. What a Mac puts beside the files
    is none of them.

    Example:
        >>> meant(["b/y.csv", "x.csv", "b/", "__MACOSX/._x.csv"], "*.csv")
        ['b/y.csv', 'x.csv']
    """
    files = sorted(n for n in names if not n.endswith("/") and not n.startswith("__MACOSX/"))
    files = [n for n in files if not n.rsplit("/", 1)[-1].startswith("._")]
    if member is None or member in files:
        return files if member is None else [str(member)]
    within, expression = "/" in str(member), matcher(str(member))
    return [n for n in files if expression.fullmatch(n if within else n.rsplit("/", 1)[-1])]


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(f"`{n}`" for n in names[:_SHOWN]) + more


def _begins_as_gzip(packed: gzip.GzipFile) -> bool:
    """Tell whether it is gzip from its first bytes on; what is odd comes later."""
    file = cast("IO[bytes] | None", packed.fileobj)
    return bool(file and not file.seek(0) and file.read(2) == b"\x1f\x8b")


_AGAIN = "have it delivered again, whole"

_OTHER = ("Not a gzipped", "Invalid data stream", "Unknown frame", "not a zip file")
"""What the libraries say of a file that is packed otherwise, or not at all."""

_FAULTS = (
    EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, gzip.BadGzipFile, RuntimeError,
)  # fmt: skip
"""What the libraries raise of a damaged file; of an encrypted zip, the last."""
