"""Connector `file`: CSV, JSON, Parquet or Excel, from disk, S3 or over HTTP.

CSV lands as UTF-8 without a byte order mark, whatever its encoding was; all else as delivered.
"""

from __future__ import annotations

import csv
import http.client
import shutil
import urllib.error
import urllib.request
import zipfile
from pathlib import Path

from nomad.config.sources import KINDS, SourceConfig, suffix
from nomad.errors import ConfigError, Refused, SourceMissing, Unreachable
from nomad.extract import s3
from nomad.extract.base import Landed
from nomad.partition import Partition

_TIMEOUT = 60.0
"""Seconds without an answer after which an HTTP source counts as unreachable."""

_DIALECT = {"delimiter": "delim", "quote": "quote", "escape": "escape"}


class FileConnector:
    """One file a date, at a path that holds the date; or one file."""

    def fetch(self, source: SourceConfig, partition: Partition, into: Path, root: Path) -> Landed:
        """Copy the file into a folder, as text in UTF-8 where it is CSV."""
        address, kind = _address(source), _kind(source)
        original = into / f"delivered.{kind}"
        if address.startswith(("http://", "https://")):
            _download(address, original, source, partition)
        elif address.startswith(s3.SCHEME):
            if not s3.download(address, original):
                raise _missing(address, source, partition)
        else:
            _copy(root / address, original, source, partition)
        landed = into / f"landed.{'csv' if kind == 'xlsx' else kind}"
        if kind == "csv":
            _to_utf8(original, landed, source)
        elif kind == "xlsx":
            _to_csv(original, landed, source)
        else:
            original.replace(landed)
        return Landed(landed, _dialect(source) if kind == "csv" else {})


def _address(source: SourceConfig) -> str:
    return str(source.options["path"])


def _kind(source: SourceConfig) -> str:
    """Name the format; the ending of a path that a variable holds is known only now."""
    told, ending = source.options.get("format"), suffix(_address(source))
    kind = str(told) if told else KINDS.get(ending, "")
    if kind not in KINDS.values():
        raise ConfigError(
            f"source `{source.name}`: no format is known for `{told or ending}`",
            where=source.origin,
            hint="set `format:` to csv, json, parquet or xlsx",
        )
    return kind


def _missing(address: str, source: SourceConfig, partition: Partition) -> SourceMissing:
    day = f" for {partition}" if partition else ""
    return SourceMissing(
        f"source `{source.name}` has no file{day}",
        where=address,
        hint="check the date (a holiday?) and `path:` in nomad.yaml",
    )


def _copy(path: Path, to: Path, source: SourceConfig, partition: Partition) -> None:
    try:
        shutil.copyfile(path, to)
    except FileNotFoundError as e:
        if not to.parent.is_dir():
            raise
        raise _missing(str(path), source, partition) from e
    except OSError as e:
        raise Unreachable(f"source `{source.name}`: {e.strerror or e}", where=str(path)) from e


def _download(url: str, to: Path, source: SourceConfig, partition: Partition) -> None:
    try:
        with urllib.request.urlopen(url, timeout=_TIMEOUT) as answer, to.open("wb") as f:
            shutil.copyfileobj(answer, f)
            told = answer.headers.get("Content-Length")
    except urllib.error.HTTPError as e:
        e.close()
        if e.code in (404, 410):
            raise _missing(url, source, partition) from e
        raise _unreachable(url, source, f"HTTP {e.code} {e.reason}") from e
    except (OSError, http.client.HTTPException, ValueError) as e:
        raise _unreachable(url, source, getattr(e, "reason", None) or e) from e
    if told is not None and told.isdigit() and to.stat().st_size != int(told):
        got = to.stat().st_size
        raise _unreachable(url, source, f"{got} of {told} bytes came")


def _unreachable(url: str, source: SourceConfig, why: object) -> Unreachable:
    return Unreachable(
        f"source `{source.name}` can't be reached: {why}",
        where=url,
        hint="check the address and the network, then run the same command again",
    )


def _to_utf8(original: Path, landed: Path, source: SourceConfig) -> None:
    encoding = str(source.options.get("encoding", "utf-8")).lower()
    codec = "utf-8-sig" if encoding in ("utf-8", "utf8", "utf-8-sig") else encoding
    try:
        with (
            original.open(encoding=codec, newline="") as given,
            landed.open("w", encoding="utf-8", newline="") as taken,
        ):
            shutil.copyfileobj(given, taken)
    except LookupError as e:
        raise ConfigError(
            f"source `{source.name}`: no encoding `{encoding}`", where=source.origin
        ) from e
    except UnicodeError as e:
        raise Refused(
            f"source `{source.name}`: not {encoding}: {_fault(e)}",
            where=str(source.options.get("path")),
            hint="set `encoding:` of the source, e.g. gbk, utf-16 or latin-1",
        ) from e


def _fault(e: UnicodeError) -> str:
    if isinstance(e, UnicodeDecodeError):
        return f"byte {e.object[e.start]:#04x} at {e.start}"
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


def _to_csv(original: Path, landed: Path, source: SourceConfig) -> None:
    """Write one sheet of an Excel file as CSV; dates become ISO text."""
    try:
        import openpyxl
        from openpyxl.utils.exceptions import InvalidFileException
    except ImportError as e:
        raise ConfigError(
            f"source `{source.name}`: reading Excel needs openpyxl",
            where=source.origin,
            hint="pip install 'nomad-warehouse[excel]'",
        ) from e
    try:
        book = openpyxl.load_workbook(original, read_only=True, data_only=True)
        sheet = book[str(source.options.get("sheet", book.sheetnames[0]))]
        with landed.open("w", encoding="utf-8", newline="") as f:
            csv.writer(f).writerows(sheet.iter_rows(values_only=True))
    except (KeyError, OSError, ValueError, InvalidFileException, zipfile.BadZipFile) as e:
        raise Refused(f"source `{source.name}`: no readable sheet: {e}", where=str(original)) from e
