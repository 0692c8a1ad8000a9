"""Connector `file`: CSV, JSON, Parquet or Excel, from disk, S3 or over HTTP.

CSV lands as UTF-8 without a byte order mark, whatever its encoding was; all else as delivered.
"""

from __future__ import annotations

import codecs
import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from nomad.config.options import (
    CHARACTER,
    SINGLE,
    TEXT,
    Held,
    Option,
    holds_variable,
    one_of,
)
from nomad.config.sources import SourceConfig
from nomad.engine.instance import sha256
from nomad.errors import ConfigError, Refused, SourceMissing, Unreachable
from nomad.extract.base import Landed, Request
from nomad.extract.entities import changed
from nomad.extract.formats import KINDS, suffix
from nomad.extract.patience import OPTIONS
from nomad.schema import Column

_DIALECT = {"delimiter": "delim", "quote": "quote", "escape": "escape"}


# Options ---------------------------------------------------------------------------------------

_SCHEME = r"([A-Za-z][A-Za-z0-9+.-]*)://"
_PACKED = (".gz", ".bz2", ".xz", ".zst", ".zip", ".7z", ".tar", ".tgz")
_FORMATS = "csv, json, parquet or xlsx"


def _path(value: Held, given: Mapping[str, Held]) -> str | None:
    """Refuse an address that no file can have, or that would need what nomad doesn't do."""
    path = str(value)
    scheme = re.match(_SCHEME, path)
    if scheme and scheme[1] not in ("s3", "http", "https"):
        return f"can't be `{scheme[1]}://…`: files are read from a disk, s3://, http:// or https://"
    if "*" in path and (not scheme or scheme[1] == "s3") and given.get("each") != "file":
        return "can't be a pattern (`*`): a source is one file, or one file a date"
    if path.lower().endswith(_PACKED):
        return f"ends in `{suffix(path)}`: packed files are not read, unpack it first"
    ending = suffix(path)
    if "format" in given or ending in KINDS or holds_variable(ending) or is_cut_short(path):
        return None
    return f"is of no known kind: no format is known for `{ending}`: set `format:` to {_FORMATS}"


def _encoding(value: Held, _given: Mapping[str, Held]) -> str | None:
    if holds_variable(value):
        return None
    try:
        codecs.lookup(str(value))
    except LookupError:
        return f"is no encoding `{value}`"
    return None


_WHO = r"(?i)https?://(?:\[[^\]]*\])?[^/?#\[@]*:(?!\d*[/?#])[^/?#@]*[/?#].*@"


def is_cut_short(path: str) -> bool:
    """Tell whether a password in an address ends its host by a `/`, `?` or `#` of its own.

    Example:
        >>> is_cut_short("http://me:a/b@host/x.csv"), is_cut_short("http://host:80/x@y.csv")
        (True, False)
    """
    return bool(re.match(_WHO, path))


_OPTIONS = (
    Option("path", "Where it is; $<PARTITION_DATE>: one a date.", TEXT, required=True, rule=_path),
    Option("format", "Where the ending doesn't tell.", one_of("csv", "json", "parquet", "xlsx")),
    Option("encoding", "Of CSV, e.g. gbk; default utf-8.", TEXT, rule=_encoding),
    Option("delimiter", "Of CSV, where it is not a comma.", CHARACTER),
    Option("quote", "Of CSV, where it is not a double quote.", CHARACTER),
    Option("escape", "Of CSV, where it is not a double quote.", CHARACTER),
    Option("sheet", "Of Excel; default the first.", SINGLE),
    *OPTIONS,
)


# Fetching --------------------------------------------------------------------------------------


class FileConnector:
    """One file a date, at a path that holds the date; or one file."""

    options = _OPTIONS

    def fetch(self, request: Request, into: Path) -> Iterator[Landed]:
        """Copy the file into a folder, as text in UTF-8 where it is CSV."""
        source = request.source
        if source.options.get("each") == "file":
            yield from _changed(request, into)
            return
        if request.previous and _is_unchanged(source, request.root, request.previous.sha256):
            return
        kind = _kind(source)
        original = into / f"delivered.{kind}"
        _bring(request, original)
        landed = into / f"landed.{'csv' if kind == 'xlsx' else kind}"
        if kind == "csv":
            _to_utf8(original, landed, source)
        elif kind == "xlsx":
            from nomad.extract import excel

            excel.to_csv(original, landed, source)
        else:
            original.replace(landed)
        yield Landed(landed, request.window, _dialect(source) if kind == "csv" else {})

    def is_here(self, request: Request) -> bool:
        """Tell whether the file is on a disk of this machine."""
        path = str(request.source.options.get("path", ""))
        return bool(path) and "://" not in path and (request.root / path).is_file()

    def header(self, source: SourceConfig, root: Path) -> tuple[Column, ...] | None:
        """Name the columns of a CSV on a disk; of several by date, those of the last by name."""
        from nomad.extract.header import header

        return header(source, root)


CONNECTOR = FileConnector()


def _changed(request: Request, into: Path) -> Iterator[Landed]:
    """Bring the files on a disk that a pattern names and that changed since they were landed."""
    source, address = request.source, _address(request.source)
    kind = _kind(source)
    as_it_is = kind == "csv" and _is_utf8(str(source.options.get("encoding", "utf-8")))

    def copy(path: Path, to: Path) -> None:
        if kind == "csv":
            _to_utf8(path, to, source)
        else:
            shutil.copyfile(path, to)

    paths = [p for p in sorted(request.root.glob(address)) if p.is_file()]
    if not paths:
        raise _missing(address, request)
    found = changed(request, paths, into, copy=copy, growing=as_it_is)
    dialect = _dialect(source) if kind == "csv" else {}
    yield from (replace(file, dialect=dialect) for file in found)


def _is_unchanged(source: SourceConfig, root: Path, sha: str) -> bool:
    """Tell whether the file is, byte by byte, the one that was landed with this digest.

    Only of a file on a disk that lands as it is; of any other, nobody knows before it is here.
    """
    kind, encoding = _kind(source), str(source.options.get("encoding", "utf-8"))
    as_it_is = kind != "xlsx" and not (kind == "csv" and not _is_utf8(encoding))
    path = root / _address(source)
    if "://" in _address(source) or not as_it_is or not path.is_file():
        return False
    try:
        return sha256(path) == sha
    except OSError:
        return False


def _bring(request: Request, to: Path) -> None:
    """Copy what the path names to a file."""
    from nomad.extract import http, s3

    source, address = request.source, _address(request.source)
    if address.startswith(http.SCHEMES):
        there = http.download(address, to, request)
    elif address.startswith(s3.SCHEME):
        there = s3.download(address, to)
    else:
        address = str(request.root / address)
        there = _copy(Path(address), to, source)
    if not there:
        raise _missing(address, request)


def _is_utf8(encoding: str) -> bool:
    return encoding.lower() in ("utf-8", "utf8", "utf-8-sig")


def _address(source: SourceConfig) -> str:
    address = str(source.options["path"])
    if is_cut_short(address):
        raise ConfigError(
            f"source `{source.name}`: the password in its address has a `/`, `?` or `#` in it",
            where=source.origin,
            hint="write `/` as %2F, `?` as %3F, `#` as %23, and `%` as %25",
        )
    return address


def _kind(source: SourceConfig) -> str:
    """Name the format; the ending of a path that a variable holds is known only now."""
    told, ending = source.options.get("format"), suffix(_address(source))
    kind = str(told) if told else KINDS.get(ending, "")
    if kind not in KINDS.values():
        raise ConfigError(
            f"source `{source.name}`: no format is known for `{told or ending}`",
            where=source.origin,
            hint=f"set `format:` to {_FORMATS}",
        )
    return kind


def _missing(address: str, request: Request) -> SourceMissing:
    day = f" for {request.window}" if request.window else ""
    return SourceMissing(
        f"source `{request.source.name}` has no file{day}",
        where=address,
        hint="patterns are not read: `path:` in nomad.yaml must name the file"
        if re.search(_PATTERN, address)
        else "check the date (a holiday?) and `path:` in nomad.yaml",
    )


_PATTERN = r"^(?!https?:).*[?\[*]"


def _copy(path: Path, to: Path, source: SourceConfig) -> bool:
    try:
        shutil.copyfile(path, to)
    except FileNotFoundError:
        if not to.parent.is_dir():
            raise
        return False
    except OSError as e:
        raise Unreachable(f"source `{source.name}`: {e.strerror or e}", where=str(path)) from e
    return True


_CHUNK = 1 << 17
_GZIP = b"\x1f\x8b"


def _to_utf8(original: Path, landed: Path, source: SourceConfig) -> None:
    encoding = str(source.options.get("encoding", "utf-8")).lower()
    codec = "utf-8" if _is_utf8(encoding) else encoding
    with original.open("rb") as given, landed.open("wb") as taken:
        try:
            decoder = codecs.getincrementaldecoder(codec)()
        except LookupError as e:
            raise ConfigError(
                f"source `{source.name}`: no encoding `{encoding}`", where=source.origin
            ) from e
        head = given.read(len(codecs.BOM_UTF8))
        if head.startswith(_GZIP):
            raise _refused(source, "packed with gzip", "unpack it first")
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
                raise _refused(source, f"not {encoding}: {fault}", hint) from e
            done += len(data)
            if not data:
                return


def _refused(source: SourceConfig, what: str, hint: str) -> Refused:
    return Refused(
        f"source `{source.name}`: {what}", where=str(source.options.get("path")), hint=hint
    )


def _fault(e: UnicodeError, begins: int) -> str:
    """Name the byte and its place in the file; what is being decoded begins at `begins`."""
    if isinstance(e, UnicodeDecodeError):
        return f"byte {e.object[e.start]:#04x} at {begins + e.start}"
    return str(e)


def _dialect(source: SourceConfig) -> dict[str, str]:
    told = {name: str(source.options[o]) for o, name in _DIALECT.items() if o in source.options}
    for name, mark in told.items():
        if len(mark) != 1:
            raise ConfigError(
                f"source `{source.name}`: `{name}` must be a single character (got {mark!r})",
                where=source.origin,
            )
    if str(source.options.get("path", "")).endswith(".tsv"):
        told.setdefault("delim", "\t")
    return told
