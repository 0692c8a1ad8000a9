"""What a tool must tell to take part: how its project is written, run, and where its rows are."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import duckdb
from workload import Workload

FULL, AGAIN, DAY, MONTH = "full", "again", "day", "month"
"""The kinds of run: all tables; the same once more; the next day; many days."""


@dataclass(frozen=True)
class Command:
    """Words to type, and what to add to the environment."""

    words: tuple[str, ...]
    more: Mapping[str, str] = field(default_factory=dict)


Rows = Callable[[duckdb.DuckDBPyConnection, Path, Workload, str], str]
"""Gives the relation by which DuckDB reads a table that a tool has made in a folder."""


@dataclass(frozen=True)
class Tool:
    """One contestant.

    `write` makes its project for a kind of run, and the days it is to hold; `command` is what
    builds the given days (none: full tables); `before` comes first, unmeasured. `notes` says of a
    kind of run what a reader should know; `cannot` are the kinds that it has no way to do.
    """

    name: str
    write: Callable[[Path, Workload, str, Sequence[str]], None]
    command: Callable[[str, Sequence[str]], Command]
    rows: Rows
    before: Callable[[str, Sequence[str]], Command | None] = lambda *_: None
    pins: tuple[str, ...] = ()
    notes: Mapping[str, str] = field(default_factory=dict)
    cannot: Mapping[str, str] = field(default_factory=dict)


def cache() -> Path:
    """Name the folder of this user for what is dear to download."""
    top = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(top) / "nomad-bench"


def install(tool: Tool, folder: Path) -> Path:
    """Make a tool's own virtual environment, once; give the folder of its commands."""
    place = folder / "-".join(p.replace("==", "-") for p in tool.pins)
    done = place / ".installed"
    if tool.pins and not done.exists():
        print(f"installing {', '.join(tool.pins)} in {place}", file=sys.stderr)
        subprocess.run((sys.executable, "-m", "venv", "--clear", place), check=True)
        pip = (place / "bin" / "python", "-m", "pip", "install", "-qq")
        subprocess.run((*pip, "--disable-pip-version-check", *tool.pins), check=True)
        done.touch()
    return place / "bin"


def put(path: Path, text: str) -> None:
    """Write a file of a project, and the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def in_database(file: str) -> Rows:
    """Give how a table is found that a tool keeps in a DuckDB file of that name."""

    def rows(con: duckdb.DuckDBPyConnection, folder: Path, _: Workload, table: str) -> str:
        name = file.removesuffix(".duckdb")
        con.execute(f"ATTACH IF NOT EXISTS '{folder}/{file}' AS {name} (READ_ONLY)")
        found = con.execute(
            "SELECT table_schema FROM information_schema.tables WHERE table_catalog = ?"
            " AND table_name = ? AND table_schema NOT LIKE 'sqlmesh%'",
            [name, table],
        ).fetchone()
        if not found:
            raise LookupError(f"{table} is not there")
        return f'{name}."{found[0]}"."{table}"'

    return rows
