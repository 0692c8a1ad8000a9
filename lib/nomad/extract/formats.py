"""Formats of files, and how their names tell them."""

from __future__ import annotations

import re
from collections.abc import Mapping

KINDS: Mapping[str, str] = {
    ".csv": "csv", ".txt": "csv", ".tsv": "csv", ".json": "json", ".jsonl": "json",
    ".ndjson": "json", ".parquet": "parquet", ".xlsx": "xlsx",
}  # fmt: skip
"""Format of a file by the ending of its name."""

LANDED = ("csv", "json", "parquet")
"""Formats in which files land."""


def suffix(path: str) -> str:
    """Give the ending of a path or an address, in small letters.

    Example:
        >>> suffix("in/x.CSV"), suffix("https://x.org/a.json?page=1")
        ('.csv', '.json')
    """
    bare = re.split(r"[?#]", path)[0] if path.startswith(("http://", "https://")) else path
    name = bare.rsplit("/", 1)[-1]
    return f".{name.rsplit('.', 1)[1]}".lower() if "." in name else ""
