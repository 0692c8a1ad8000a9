"""The columns of a source that was never landed, as the header of its latest file names them.

Only where that costs next to nothing: a CSV on this machine.
"""

from __future__ import annotations

import csv
import re
from pathlib import Path

from nomad.config.sources import SourceConfig
from nomad.extract.formats import KINDS, suffix
from nomad.schema import Column

_DATE = re.compile(r"\$[<{]PARTITION_DATE[^>}]*[>}]", re.IGNORECASE)


def header(source: SourceConfig, root: Path) -> tuple[Column, ...] | None:
    """Name the columns; None where they can't be told."""
    path = str(source.options.get("path", ""))
    kind = source.options.get("format") or KINDS.get(suffix(path))
    if "://" in path or kind != "csv":
        return None
    file = _latest(path, root)
    names = _names(file, source) if file else None
    if not names or any(not n for n in names) or len({n.lower() for n in names}) < len(names):
        return None
    renamed = source.options.get("rename")
    new = {str(k): str(v) for k, v in renamed.items()} if isinstance(renamed, dict) else {}
    return tuple(Column(new.get(n, n), "VARCHAR") for n in names)


def _latest(path: str, root: Path) -> Path | None:
    """Find the file; of those by date, the last by name."""
    pattern = _DATE.sub("*", path)
    if pattern == path:
        return root / path if (root / path).is_file() else None
    fixed = Path(pattern.partition("*")[0] + "x").parent
    rest = Path(pattern).relative_to(fixed).as_posix()
    return max((p for p in (root / fixed).glob(rest) if p.is_file()), default=None)


def _names(file: Path, source: SourceConfig) -> list[str] | None:
    options = source.options
    encoding = str(options.get("encoding") or "utf-8-sig")
    encoding = "utf-8-sig" if encoding.lower() in ("utf-8", "utf8") else encoding
    delimiter = str(options.get("delimiter") or ("\t" if file.suffix == ".tsv" else ","))
    try:
        with file.open(encoding=encoding, newline="") as f:
            quote = str(options.get("quote") or '"')
            return [
                n.strip() for n in next(csv.reader(f, delimiter=delimiter, quotechar=quote), [])
            ]
    except (OSError, UnicodeError, LookupError, csv.Error, TypeError):
        return None
