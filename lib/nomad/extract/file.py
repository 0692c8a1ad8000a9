"""Connector `file`: CSV, JSON, Parquet or Excel, from disk, S3 or over HTTP.

CSV lands as UTF-8 without a byte order mark, whatever its encoding was; all else as delivered.
"""

from __future__ import annotations

import base64
import codecs
import http.client
import re
import shutil
import string
import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit, urlunsplit

from nomad.config.sources import KINDS, SourceConfig, is_cut_short, suffix
from nomad.dates import Partition
from nomad.engine.instance import sha256
from nomad.errors import ConfigError, Refused, SourceMissing, Unreachable
from nomad.extract import excel, s3
from nomad.extract.columns import Landed

_TIMEOUT = 60.0
"""Seconds without an answer after which an HTTP source counts as unreachable."""

_DIALECT = {"delimiter": "delim", "quote": "quote", "escape": "escape"}


class FileConnector:
    """One file a date, at a path that holds the date; or one file."""

    def unchanged(self, source: SourceConfig, root: Path, sha: str) -> bool:
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
            excel.to_csv(original, landed, source)
        else:
            original.replace(landed)
        return Landed(landed, _dialect(source) if kind == "csv" else {})


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
            hint="set `format:` to csv, json, parquet or xlsx",
        )
    return kind


def _missing(address: str, source: SourceConfig, partition: Partition) -> SourceMissing:
    day = f" for {partition}" if partition else ""
    return SourceMissing(
        f"source `{source.name}` has no file{day}",
        where=address,
        hint="patterns are not read: `path:` in nomad.yaml must name the file"
        if _PATTERN.search(address)
        else "check the date (a holiday?) and `path:` in nomad.yaml",
    )


_PATTERN = re.compile(r"^(?!https?:).*[?\[*]")


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
        asked = _request(url)
        with urllib.request.urlopen(asked, timeout=_TIMEOUT) as answer, to.open("wb") as f:
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


def _request(url: str) -> urllib.request.Request:
    """Ask for an address; who asks (`user:password@`) goes in a header, and to that host alone.

    What is no ASCII goes as UTF-8, percent-encoded.
    """
    parts = urlsplit(url)
    who, _, host = parts.netloc.rpartition("@")
    host = host if host.isascii() else host.encode("idna").decode()
    address = quote(urlunsplit(parts._replace(netloc=host)), safe=string.punctuation)
    request = urllib.request.Request(address)
    if who:
        sent = base64.b64encode(unquote(who).encode()).decode()
        request.add_unredirected_header("Authorization", f"Basic {sent}")
    return request


def _unreachable(url: str, source: SourceConfig, why: object) -> Unreachable:
    return Unreachable(
        f"source `{source.name}` can't be reached: {why}",
        where=url,
        hint="check the address and the network, then run the same command again",
    )


_CHUNK = 1 << 17
_PACKED = b"\x1f\x8b"


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
        if head.startswith(_PACKED):
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
