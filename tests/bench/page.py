"""Results in a page of the documentation, between comment marks; the words around them stay."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import table

import nomad


def keep(page: Path, section: str, text: str) -> None:
    """Put a text between the marks of a section."""
    before = page.read_text(encoding="utf-8")
    first, last = f"<!-- {section} -->", f"<!-- end of {section} -->"
    if not (first in before and last in before):
        raise SystemExit(f"bench: {page} has no marks {first} and {last}")
    head, rest = before.split(first)
    tail = rest.split(last)[1]
    page.write_text(f"{head}{first}\n\n{text.strip()}\n\n{last}{tail}", encoding="utf-8")


def conditions(*more: str) -> str:
    """Say when, with what and on what it was measured."""
    now = datetime.now(UTC).date().isoformat()
    versions = f"nomad {nomad.__version__}, DuckDB {duckdb.__version__}"
    parts = (now, versions, f"Python {platform.python_version()}", machine(), *more)
    return "; ".join(parts) + "."


def machine() -> str:
    """Describe the machine: cores, memory and processor, nothing that names it."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    info = Path("/proc/cpuinfo")
    found = re.search(r"model name\s*:\s*(.+)", info.read_text()) if info.exists() else None
    model = found[1].strip() if found else platform.machine()
    return f"{os.cpu_count()} cores of {model}, {memory:.0f} GB, {platform.system()}"


def tabled(head: Sequence[str], rows: Sequence[Sequence[str]], about: str) -> str:
    """Write a table under the conditions in which it was measured."""
    return f"{about}\n\n{table.markdown(head, rows)}"
