"""Connector `file`: CSV, JSON, Parquet or Excel, packed or not, from disk, S3, HTTP or fsspec.

CSV lands as UTF-8 without a byte order mark, whatever its encoding was; all else as delivered.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from nomad.config.options import (
    CHARACTER,
    MAP,
    SINGLE,
    TEXT,
    Held,
    Kind,
    Option,
    holds_variable,
    one_of,
)
from nomad.config.sources import SourceConfig
from nomad.engine.instance import sha256
from nomad.extract import packed, places, servers
from nomad.extract.base import Landed, Request
from nomad.extract.extras import Extra
from nomad.extract.formats import KINDS, PACKINGS, suffix, unpacked
from nomad.extract.patience import OPTIONS
from nomad.extract.patterns import is_pattern
from nomad.extract.texts import AUTO, encoding_fault, encoding_of, is_utf8
from nomad.schema import Column

# Options ---------------------------------------------------------------------------------------

_HERE = ("file", "local")
_UNREAD = (".xz", ".7z", ".rar", ".tar", ".tgz")


def _path(value: Held, given: Mapping[str, Held]) -> str | None:
    """Refuse an address that no file can have, or that would need what nomad doesn't do."""
    path = str(value)
    scheme = re.match(places.SCHEME, path)
    if scheme and scheme[1].lower() in _HERE:
        return f"can't be `{scheme[1]}://…`: a path on this machine is written without it"
    if path.lower().endswith(_UNREAD):
        return f"ends in `{suffix(path)}`: of packed files, {', '.join(PACKINGS)} are read"
    if "format" in given or places.is_cut_short(path) or _may_be_known(path):
        return None
    ending = suffix(unpacked(path))
    return (
        f"is of no known kind: no format is known for `{ending}`:"
        " set `format:` to csv, json, parquet or xlsx"
    )


def _may_be_known(path: str) -> bool:
    """Tell whether the ending names a format, or what is only known later does: a file in a zip."""
    ending = suffix(unpacked(path))
    later = holds_variable(ending) or is_pattern(ending) or suffix(path) == ".zip"
    return ending in KINDS or later


_DELIMITER = Kind(
    lambda v: None if v == AUTO else CHARACTER.fault(v), CHARACTER.schema, "one character, or auto"
)

_OPTIONS = (
    Option("path", "Where it is; $<PARTITION_DATE>: one a date.", TEXT, required=True, rule=_path),
    Option("format", "Where the ending doesn't tell.", one_of("csv", "json", "parquet", "xlsx")),
    *packed.OPTIONS,
    Option("storage_options", "Of an address that fsspec opens: what it takes there.", MAP),
    Option("encoding", "Of CSV, e.g. gbk, or auto; default utf-8.", TEXT, rule=encoding_fault),
    Option("delimiter", "Of CSV, where it is not a comma; or auto.", _DELIMITER),
    Option("quote", "Of CSV, where it is not a double quote.", CHARACTER),
    Option("escape", "Of CSV, where it is not a double quote.", CHARACTER),
    Option("sheet", "Of Excel; default the first.", SINGLE),
    *OPTIONS,
)


# Fetching --------------------------------------------------------------------------------------


class FileConnector:
    """The files at a path that holds the date, or that are a pattern's; or one file."""

    options = _OPTIONS
    extras = (
        Extra("excel", ".xlsx", ("openpyxl",)),
        Extra("zstd", ".zst", ("backports.zstd",)),
        Extra("fsspec", "ftp:// and others", ("fsspec",)),
        Extra("sftp", "sftp://", ("fsspec", "paramiko")),
    )

    def fetch(self, request: Request, into: Path) -> Iterator[Landed]:
        """Copy the files into a folder, unpacked, as text in UTF-8 where they are CSV."""
        from nomad.extract.delivered import all_of
        from nomad.extract.entities import changed

        with servers.opened(request) as place:
            files = places.find(place, request)
            if request.source.options.get("each") == "file":
                growing = _may_grow(request.source)
                yield from changed(place, request, files, into, growing=growing)
            elif not _is_unchanged(request, files):
                yield from all_of(place, request, files, into)

    def is_here(self, request: Request) -> bool:
        """Tell whether a file of the path is on a disk of this machine."""
        return bool(self.stamps(request))

    def stamps(self, request: Request) -> Mapping[str, str]:
        """Tell size and times of each file of the path, where it is on a disk of this machine."""
        path = str(request.source.options.get("path", ""))
        if not path or not places.is_on_disk(path):
            return {}
        return {f.address: _stamp(request, f) for f in places.Disk(request, path).find()}

    def header(self, source: SourceConfig, root: Path) -> tuple[Column, ...] | None:
        """Name the columns of a CSV on a disk; of several, those of the last by name."""
        from nomad.extract.header import header

        return header(source, root)

    def probe(self, request: Request) -> str:
        """Say what is there, without bringing it."""
        return servers.seen(request)


CONNECTOR = FileConnector()


_YOUNG = 2.0
"""Seconds: within them, what is written on some disks bears the time of what was there before."""


def _stamp(request: Request, found: places.Found) -> str:
    """Tell size and times of a file; of a young one nothing.

    The time of its last change of any kind counts too: copies are given the time of writing of
    what they were copied from.
    """
    try:
        stat = (request.root / found.address).stat()
    except OSError:
        return ""
    last = max(stat.st_mtime, stat.st_ctime)
    young = last > request.clock().timestamp() - _YOUNG
    return "" if young else f"{stat.st_size}-{stat.st_mtime_ns}-{stat.st_ctime_ns}"


def _is_unchanged(request: Request, files: list[places.Found]) -> bool:
    """Tell whether there is one file, and it is, byte by byte, what was landed before.

    Only of a file on a disk that lands as it is; of any other, nobody knows before it is here.
    """
    source, previous = request.source, request.previous
    if not previous or len(files) != 1 or not places.is_on_disk(files[0].address):
        return False
    path = request.root / files[0].address
    if not _lands_as_it_is(source) or not path.is_file():
        return False
    try:
        return sha256(path) == previous.sha256
    except OSError:
        return False


def _lands_as_it_is(source: SourceConfig) -> bool:
    """Tell whether what is landed is the very file; of CSV, but for a mark at its beginning."""
    from nomad.extract.delivered import kind_of

    path = str(source.options["path"])
    if packed.packing(source, path) or is_pattern(suffix(path)):
        return False
    kind = kind_of(source, path)
    return kind != "xlsx" and not (kind == "csv" and not is_utf8(encoding_of(source)))


def _may_grow(source: SourceConfig) -> bool:
    """Tell whether lines that are added to a file on a disk can be landed alone."""
    from nomad.extract.delivered import kind_of

    path = str(source.options["path"])
    known = places.is_on_disk(path) and source.options.get("delimiter") != AUTO
    return known and _lands_as_it_is(source) and kind_of(source, path) == "csv"
