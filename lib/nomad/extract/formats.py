"""Formats of files and how they are packed, and how their names tell both."""

from __future__ import annotations

import re
from collections.abc import Mapping

KINDS: Mapping[str, str] = {
    ".csv": "csv", ".txt": "csv", ".tsv": "csv", ".json": "json", ".jsonl": "json",
    ".ndjson": "json", ".parquet": "parquet", ".xlsx": "xlsx",
}  # fmt: skip
"""Format of a file by the ending of its name."""

PACKINGS: Mapping[str, str] = {".gz": "gzip", ".bz2": "bz2", ".zst": "zstd", ".zip": "zip"}
"""How a file is packed, by the ending of its name."""

LANDED = ("csv", "json", "parquet")
"""Formats in which files land."""


def suffix(path: str) -> str:
    """Give the ending of a path or an address, in small letters.

    Example:
        >>> suffix("in/x.CSV"), suffix("https://x.org/a.json?page=1")
        ('.csv', '.json')
    """
    name = _bare(path).rsplit("/", 1)[-1]
    return f".{name.rsplit('.', 1)[1]}".lower() if "." in name else ""


def unpacked(path: str) -> str:
    """Take off the ending that says how a file is packed.

    Example:
        >>> unpacked("in/x.csv.GZ"), unpacked("in/x.csv"), unpacked("http://x.org/a.csv.gz?b=1")
        ('in/x.csv', 'in/x.csv', 'http://x.org/a.csv')
    """
    ending = suffix(path)
    return _bare(path)[: -len(ending)] if ending in PACKINGS else path


def _bare(path: str) -> str:
    """Take off what an address asks for beside the file."""
    return re.split(r"[?#]", path)[0] if path.startswith(("http://", "https://")) else path
