"""Numbered DDL, applied once each, by checksum."""

from __future__ import annotations

import hashlib
import logging
import re
import shutil
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from nomad.engine.duck import Place, Session, database
from nomad.errors import LakeError, MigrationError, QueryFailed
from nomad.names import literal

_log = logging.getLogger(__name__)

FOLDER = "catalog"
MIGRATIONS = "migrations"
_META = "catalog_meta"
_NUMBERED = re.compile(r"(\d{4})_\w+\.sql")


@dataclass(frozen=True)
class Migration:
    """One numbered file of DDL and the sha256 of its text (hex)."""

    name: str
    sql: str
    checksum: str


def numbered(root: Path) -> list[Migration]:
    """Read a project's migrations, in order.

    Raises:
        MigrationError: a file's name has no number, or one that is taken.
    """
    found: list[Migration] = []
    for path in sorted((root / FOLDER / MIGRATIONS).glob("*.sql")):
        shown = f"{FOLDER}/{MIGRATIONS}/{path.name}"
        match = _NUMBERED.fullmatch(path.name)
        if match is None:
            raise MigrationError("not named like `0001_what_it_does.sql`", where=shown)
        if found and found[-1].name[:4] == match[1]:
            raise MigrationError(f"number {match[1]} is taken by `{found[-1].name}`", where=shown)
        text = path.read_text(encoding="utf-8")
        found.append(Migration(path.name, text, hashlib.sha256(text.encode()).hexdigest()))
    return found


def applied(path: Path) -> dict[str, tuple[str, str]]:
    """Read which migrations a catalog has, as name → (checksum, applied_at); from a copy of it.

    Another process may hold the file itself open.
    """
    if not path.exists():
        return {}
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / path.name
        shutil.copyfile(path, copy)
        try:
            with database(copy, read_only=True) as session:
                rows = session.execute(
                    f"SELECT name, checksum, applied_at::VARCHAR FROM {_META}.schema_migrations"
                )
        except (LakeError, QueryFailed):
            _log.warning("%s is no catalog of nomad's: it is made anew", path)
            return {}
    return {name: (checksum, at) for name, checksum, at in rows}


def verify(migrations: Sequence[Migration], before: dict[str, tuple[str, str]]) -> None:
    """Hold the files against what was applied before.

    Raises:
        MigrationError: one was edited, or is missing.
    """
    now = {m.name: m.checksum for m in migrations}
    for name, (checksum, _) in before.items():
        where = f"{FOLDER}/{MIGRATIONS}/{name}"
        if name not in now:
            raise MigrationError(
                "an applied migration is missing", where=where, hint="bring the file back"
            )
        if now[name] != checksum:
            raise MigrationError(
                "an applied migration was edited",
                where=where,
                hint="put its text back, and write the change as a migration of the next number",
            )


def migrate(
    session: Session,
    migrations: Iterable[Migration],
    before: dict[str, tuple[str, str]],
    now: datetime,
) -> None:
    """Apply all migrations to a new file; one applied before keeps its time.

    Raises:
        QueryFailed: DuckDB refuses one of them.
    """
    session.execute(f"CREATE SCHEMA {_META}")
    session.execute(
        f"CREATE TABLE {_META}.schema_migrations"
        " (name VARCHAR PRIMARY KEY, checksum VARCHAR, applied_at TIMESTAMPTZ)"
    )
    for m in migrations:
        session.execute(m.sql, at=Place(f"{FOLDER}/{MIGRATIONS}/{m.name}", 1))
        at = before.get(m.name, ("", now.isoformat()))[1]
        values = ", ".join(literal(v) for v in (m.name, m.checksum, at))
        session.execute(f"INSERT INTO {_META}.schema_migrations VALUES ({values})")
