"""Text as it was delivered, written as UTF-8 without a byte order mark."""

from __future__ import annotations

import codecs
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO

from nomad.config.options import Held, holds_variable
from nomad.config.sources import SourceConfig
from nomad.errors import ConfigError, Refused
from nomad.extract import encodings
from nomad.files import translated

_CHUNK = 1 << 17

_PACKED = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd", b"PK\x03\x04": "zip", b"BZh": "bz2"}
_MARKUP = {b"<!doctype html": "an HTML page", b"<html": "an HTML page", b"<?xml": "XML"}
"""What a file is that begins so, whatever it is called."""


AUTO = "auto"
"""What is said of an encoding or delimiter that is to be told from the file."""


def encoding_fault(value: Held, _given: Mapping[str, Held]) -> str | None:
    """Say that an encoding is none."""
    if holds_variable(value) or value == AUTO:
        return None
    try:
        codecs.lookup(str(value))
    except LookupError:
        return f"is no encoding `{value}`"
    return None


def is_utf8(encoding: str) -> bool:
    """Tell whether text of an encoding lands as it is, but for a mark at its beginning."""
    return encoding.lower() in ("utf-8", "utf8", "utf-8-sig")


def encoding_of(source: SourceConfig) -> str:
    """Give the encoding that a source names."""
    return str(source.options.get("encoding", "utf-8")).lower()


def told_by(path: Path, source: SourceConfig, told: str) -> str:
    """Give the encoding of a text: the one that the source names, or what its bytes tell.

    Raises:
        Refused: it can't be told.
    """
    encoding = encoding_of(source)
    if encoding != AUTO:
        return encoding
    found = encodings.detect(path).encodings
    if len(found) == 1:
        return found[0]
    what = f"it may be {' or '.join(found)}" if found else "it is none of those that are told apart"
    hint = f"write which: `encoding: {found[0] if found else 'utf-16-le'}` of the source, say"
    raise refused(source, f"its encoding can't be told: {what}", hint, told)


def refused(source: SourceConfig, what: str, hint: str, told: str) -> Refused:
    """Say what is wrong with a file, where it lies, and what to do."""
    return Refused(f"source `{source.name}`: {what}", where=told, hint=hint)


def refuse_disguised(path: Path, kind: str, source: SourceConfig, told: str) -> None:
    """See that a file is none of the things that come in place of one.

    Raises:
        Refused: it is a page of HTML, say, or packed.
    """
    with path.open("rb") as f:
        head = f.read(512)
    begins = head.removeprefix(codecs.BOM_UTF8).lstrip(b" \t\r\n").lower()
    for mark, what in _MARKUP.items():
        if begins.startswith(mark):
            hint = "open the address in a browser: is it the file's, and is a login asked for?"
            raise refused(source, f"{what} came in place of the file", hint, told)
    packed = next((how for mark, how in _PACKED.items() if head.startswith(mark)), None)
    if packed and kind in ("csv", "json") and (packed != "bz2" or head[4:10] == b"1AY&SY"):
        hint = f"set `compression: {packed}` of the source"
        raise refused(source, f"it is packed with {packed}", hint, told)


def to_utf8(
    original: Path, landed: Path, source: SourceConfig, *, encoding: str, told: str
) -> None:
    """Write a text as UTF-8.

    Raises:
        Refused: a byte is none of the encoding's.
        ConfigError: there is no such encoding.
    """
    codec = "utf-8" if is_utf8(encoding) else encoding
    with original.open("rb") as given, translated(str(landed)), landed.open("wb") as taken:
        try:
            decoder = codecs.getincrementaldecoder(codec)()
        except LookupError as e:
            raise ConfigError(
                f"source `{source.name}`: no encoding `{encoding}`",
                where=source.origin,
                hint="utf-8, gbk, latin-1 and so on, as Python names them",
            ) from e
        head = given.read(len(codecs.BOM_UTF8))
        done = len(head) if codec == "utf-8" and head == codecs.BOM_UTF8 else 0
        given.seek(done)
        while True:
            data = given.read(_CHUNK)
            waiting = len(decoder.getstate()[0])
            try:
                text = decoder.decode(data, final=not data)
                taken.write(data if codec == "utf-8" else text.encode())
            except UnicodeError as e:
                fault = _fault(e, done - waiting)
                hint = "set `encoding:` of the source, e.g. gbk, utf-16 or latin-1"
                raise refused(source, f"not {encoding}: {fault}", hint, told) from e
            done += len(data)
            if not data:
                return


def _fault(e: UnicodeError, begins: int) -> str:
    """Name the byte and its place in the file; what is being decoded begins at `begins`."""
    if isinstance(e, UnicodeDecodeError):
        return f"byte {e.object[e.start]:#04x} at {begins + e.start}"
    return str(e)


def cut(path: Path, rows: int, quote: str) -> None:
    """Leave only so many rows of a CSV, and its header."""
    with path.open("rb+") as f:
        for _ in _records(f, quote.encode(), rows + 1):
            pass
        f.truncate()


def _records(f: IO[bytes], quote: bytes, most: int) -> Iterator[int]:
    """Pass over records; one goes on while a quote is open."""
    for number in range(most):
        line = f.readline()
        quotes = line.count(quote)
        while quotes % 2 and (more := f.readline()):
            quotes += more.count(quote)
        if not line:
            return
        yield number
