"""The macros that migrations make, for SQL files and questions to call as in the catalog."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from nomad.cache import Cache
from nomad.catalog.migrations import FOLDER, numbered
from nomad.engine.instance import Session
from nomad.engine.version import VERSION
from nomad.errors import MigrationError, SqlFileError
from nomad.hashing import digest
from nomad.sqlfile.file import CatalogMacro

_FUNCTIONS = "SELECT DISTINCT lower(function_name) FROM duckdb_functions()"


def defined_by(
    root: Path, cache: Cache, session: Callable[[], Session]
) -> tuple[CatalogMacro, ...]:
    """Give the macros of a project's migrations, less those named like DuckDB's own functions.

    Migrations that can't be read make none: they are named where they are applied.
    """
    try:
        found = numbered(root)
    except MigrationError:
        return ()
    if not found:
        return ()
    key = digest("macros", VERSION, *(m.checksum for m in found))
    if (kept := cache.get(key)) is None:
        known = {name for (name,) in session().execute(_FUNCTIONS)}
        text = ";\n".join(f"{m.sql}\n" for m in found)
        kept = [m for m in _defined(text) if m.name.lower() not in known]
        cache.put(key, kept)
    return tuple(CatalogMacro(*m) for m in kept)


def _defined(text: str) -> tuple[CatalogMacro, ...]:
    from nomad.sqlfile.macros import defined

    try:
        return defined(text, path=FOLDER)
    except SqlFileError:
        return ()
