"""Numbered DDL, applied once each, by checksum."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from nomad.engine.instance import Place, Session
from nomad.engine.question import refuse_leaving
from nomad.errors import MigrationError, QueryFailed
from nomad.names import TableName, literal

FOLDER = "catalog"
MIGRATIONS = "migrations"
META = "catalog_meta"
_NUMBERED = r"(\d{4})_\w+\.sql"


Applied = dict[str, tuple[str, str | None]]
"""By a migration's name: its checksum, and when it was applied; None: it was left out since."""


class Migration(NamedTuple):
    """One numbered file of DDL and the sha256 of its text (hex)."""

    name: str
    sql: str
    checksum: str


def numbered(root: Path) -> list[Migration]:
    """Read a project's migrations, in order.

    Raises:
        MigrationError: a file's name has no number, or one that is taken, or it can't be read.
    """
    found: list[Migration] = []
    for path in sorted((root / FOLDER / MIGRATIONS).glob("*.sql")):
        shown = f"{FOLDER}/{MIGRATIONS}/{path.name}"
        match = re.fullmatch(_NUMBERED, path.name)
        if match is None:
            raise MigrationError(
                "not named like `0001_what_it_does.sql`",
                where=shown,
                hint="rename it: they run in the order of their numbers",
            )
        if found and found[-1].name[:4] == match[1]:
            raise MigrationError(
                f"number {match[1]} is taken by `{found[-1].name}`",
                where=shown,
                hint="give the newer one the next number",
            )
        text = _text(path, shown)
        found.append(Migration(path.name, text, hashlib.sha256(text.encode()).hexdigest()))
    return found


def made_in(root: Path, name: str) -> bool:
    """Whether a migration makes a view or a table of a bare name."""
    made = rf'(?i)\b(view|table)\s+(if\s+not\s+exists\s+)?("?\w+"?\s*\.\s*)*"?{re.escape(name)}\b'
    try:
        return any(re.search(made, m.sql) for m in numbered(root))
    except MigrationError:
        return False


def _text(path: Path, shown: str) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as e:
        raise MigrationError(
            f"can't be read: not UTF-8, byte 0x{e.object[e.start]:02x} at {e.start}",
            where=shown,
            hint="save it as UTF-8",
        ) from e
    except OSError as e:
        raise MigrationError(f"can't be read: {e.strerror or e}", where=shown) from e


def applied(session: Session) -> Applied:
    """Read which migrations a catalog has, and when.

    Raises:
        QueryFailed: it is no catalog of nomad's.
    """
    rows = session.execute(
        f"SELECT name, checksum, applied_at::VARCHAR FROM {META}.schema_migrations"
    )
    return {name: (checksum, at) for name, checksum, at in rows}


def changed(migrations: Sequence[Migration], before: Applied) -> tuple[str, MigrationError] | None:
    """Name the first that was applied before and then edited or taken away; say what is wrong."""
    now = {m.name: m.checksum for m in migrations}
    for name, (checksum, _) in sorted(before.items()):
        where = f"{FOLDER}/{MIGRATIONS}/{name}"
        if name not in now:
            return name, MigrationError(
                "an applied migration is missing", where=where, hint="bring the file back"
            )
        if now[name] != checksum:
            return name, MigrationError(
                "an applied migration was edited",
                where=where,
                hint="put its text back, and write the change as a migration of the next number",
            )
    return None


def prepare(session: Session) -> None:
    """Make the place where it is noted what was applied, in a new file."""
    session.execute(f"CREATE SCHEMA {META}")
    session.execute(
        f"CREATE TABLE {META}.schema_migrations"
        " (name VARCHAR PRIMARY KEY, checksum VARCHAR, applied_at TIMESTAMPTZ)"
    )


def migrate(
    session: Session, migrations: Sequence[Migration], before: Applied, now: datetime
) -> tuple[int, QueryFailed | None]:
    """Apply migrations in order; say how many, and what is wrong with the one that fails.

    That one leaves nothing behind, and those after it wait. One applied before keeps its time.
    """
    for done, m in enumerate(migrations):
        try:
            _apply(session, m)
        except QueryFailed as e:
            return done, e
        at = before.get(m.name, ("", ""))[1] or now.isoformat()
        values = ", ".join(literal(v) for v in (m.name, m.checksum, at))
        session.execute(f"INSERT INTO {META}.schema_migrations VALUES ({values})")
    return len(migrations), None


def remember(session: Session, before: Applied, first: str) -> None:
    """Note the migrations from one on with their checksums and no time: they were left out."""
    for name, (checksum, _) in before.items():
        if name >= first:
            values = f"{literal(name)}, {literal(checksum)}, NULL"
            session.execute(f"INSERT INTO {META}.schema_migrations VALUES ({values})")


_OWN_TRANSACTION = r"(?i)\b(begin|commit|transaction|checkpoint)\b"


def _apply(session: Session, m: Migration) -> None:
    at = Place(f"{FOLDER}/{MIGRATIONS}/{m.name}", 1)
    refuse_leaving(session, m.sql, at.path)
    if re.search(_OWN_TRANSACTION, m.sql):
        session.execute(m.sql, at=at)
        return
    session.execute("BEGIN")
    try:
        session.execute(m.sql, at=at)
    except QueryFailed:
        session.execute("ROLLBACK")
        raise
    session.execute("COMMIT")


_MISSING = r'Table with name "?(?:\w+\.)*(\w+)"? does not exist'


def waits_for(fault: QueryFailed | None, tables: Iterable[TableName]) -> TableName | None:
    """Name the table of the lake that a migration needs, and that is not published yet."""
    missing = re.search(_MISSING, fault.what) if fault else None
    if missing is None:
        return None
    return next((t for t in tables if t.name.lower() == missing[1].lower()), None)
