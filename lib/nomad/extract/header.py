"""The columns of a source that was never landed, as the header of its latest file names them.

Only where that costs next to nothing: a CSV on this machine.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from pathlib import Path

from nomad.config.sources import SourceConfig
from nomad.errors import NomadError
from nomad.extract.delimiters import of_lines
from nomad.extract.delivered import dialect_of
from nomad.extract.encodings import of_head
from nomad.extract.formats import KINDS, suffix, unpacked
from nomad.extract.packed import beginning
from nomad.extract.patterns import on_disk
from nomad.extract.renames import renamed
from nomad.extract.texts import AUTO, encoding_of, is_utf8
from nomad.schema import Column

_DATE = re.compile(r"\$[<{]PARTITION_DATE[^>}]*[>}]", re.IGNORECASE)


_HEAD = 1 << 16
"""No header is longer."""


def header(source: SourceConfig, root: Path) -> tuple[Column, ...] | None:
    """Name the columns; None where they can't be told."""
    path = str(source.options.get("path", ""))
    kind = source.options.get("format") or KINDS.get(suffix(unpacked(path)))
    if "://" in path or kind != "csv":
        return None
    file = _latest(path, root)
    names = _names(file, source) if file else None
    if not names or any(not n for n in names):
        return None
    rename = source.options.get("rename")
    told = {str(k): str(v) for k, v in rename.items()} if isinstance(rename, dict) else {}
    new = renamed(names, told)
    if len({n.lower() for n in new.values()}) < len(names):
        return None
    return tuple(Column(new[n], "VARCHAR") for n in names)


def _latest(path: str, root: Path) -> Path | None:
    """Find the file; of several, also of those by date, the last by name."""
    try:
        return next(reversed(on_disk(root, _DATE.sub("*", path))), None)
    except OSError:
        return None


def _names(file: Path, source: SourceConfig) -> list[str] | None:
    try:
        marks = dialect_of(source, file.name)
        text = _text(beginning(file, source, _HEAD), source)
        quote = marks.get("quote", '"')
        delimiter = marks.get("delim", ",")
        if source.options.get("delimiter") == AUTO:
            (delimiter,) = of_lines(text.splitlines(keepends=True)[:-1] or [text], quote)
        lines = io.StringIO(text, newline="")
        rows = csv.reader(lines, delimiter=delimiter, quotechar=quote)
        return [n.strip() for n in next(rows, [])]
    except (NomadError, OSError, UnicodeError, LookupError, csv.Error, TypeError, ValueError):
        return None


def _text(head: bytes, source: SourceConfig) -> str:
    """Read a beginning, of which the last character may be cut."""
    encoding = encoding_of(source)
    if encoding == AUTO:
        (encoding,) = of_head(head).encodings
    encoding = "utf-8-sig" if is_utf8(encoding) else encoding
    return codecs.getincrementaldecoder(encoding)().decode(head)
