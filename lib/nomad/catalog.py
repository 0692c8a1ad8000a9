"""The catalog file: migrations, views, macros, comments. Metadata only, never rows.

It is built anew beside the old one and renamed in, so that nobody who holds the old file open waits
for it or breaks it. All of it can be made again from the lake and `catalog/migrations/`.
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from nomad.engine import scan
from nomad.engine.duck import Macro, Place, Session, View, database
from nomad.errors import LakeError, MigrationError, QueryFailed
from nomad.lake import Lake
from nomad.manifest import Manifest
from nomad.names import RAW, TableName, literal, quote
from nomad.partition import COLUMN
from nomad.project import Project
from nomad.store.local import locked

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


@dataclass(frozen=True)
class Refreshed:
    """What a refresh did: the views it made and the migrations it applied for the first time."""

    path: Path
    views: int
    applied: tuple[str, ...]


def path_of(root: Path, environment: str | None) -> Path:
    """Name the catalog's file; each environment has its own."""
    name = f"catalog.{environment}.duckdb" if environment else "catalog.duckdb"
    return root / FOLDER / name


def refresh(project: Project, lake: Lake, *, now: datetime) -> Refreshed:
    """Build the catalog from the lake as it is now, and rename it in.

    Raises:
        MigrationError: a migration that was applied before is edited or missing.
        QueryFailed: a migration fails; the old catalog stays.
        LakeError: the folder can't be written.
    """
    path = path_of(project.root, project.config.environment)
    migrations = _migrations(project.root)
    with _beside(path) as beside:
        before = _applied(path)
        _verify(migrations, before)
        with database(beside) as session:
            _migrate(session, migrations, before, now)
            views = _fill(session, project, lake, beside.parent)
        applied = tuple(m.name for m in migrations if m.name not in before)
    return Refreshed(path, views, applied)


@contextmanager
def _beside(path: Path) -> Iterator[Path]:
    """Give a path to build the file at; at the end it is renamed in. One at a time."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with (
            locked(path.parent),
            tempfile.TemporaryDirectory(prefix=".building-", dir=path.parent) as folder,
        ):
            beside = Path(folder) / path.name
            yield beside
            beside.replace(path)
    except OSError as e:
        raise LakeError(
            f"the catalog can't be written: {e.strerror or e}",
            where=str(path),
            hint="check that the folder is writable and has room",
        ) from e


# Migrations --------------------------------------------------------------------------------------


def _migrations(root: Path) -> list[Migration]:
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


def _applied(path: Path) -> dict[str, tuple[str, str]]:
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


def _verify(migrations: Sequence[Migration], before: dict[str, tuple[str, str]]) -> None:
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


def _migrate(
    session: Session,
    migrations: Iterable[Migration],
    before: dict[str, tuple[str, str]],
    now: datetime,
) -> None:
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


# Views -------------------------------------------------------------------------------------------


def _fill(session: Session, project: Project, lake: Lake, scratch: Path) -> int:
    """Make a view for each table that has something published, and the tables of metadata."""
    sources = [TableName(RAW, s) for s in project.config.sources]
    found = {
        n: lake.manifests(n, partitioned=project.partitioned(n)) for n in (*sources, *project.order)
    }
    published = {n: manifests for n, manifests in found.items() if manifests}
    session.execute("BEGIN")
    try:
        _views(session, project, lake, published)
        _metadata(session, project, published, scratch)
        session.execute("COMMIT")
    except QueryFailed:
        session.execute("ROLLBACK")
        published = _those_that_can_be_read(session, project, lake, published)
        _metadata(session, project, published, scratch)
    return len(published)


Published = dict[TableName, list[Manifest]]


def _views(session: Session, project: Project, lake: Lake, published: Published) -> None:
    for layer in dict.fromkeys(n.layer for n in (*published, *project.order)):
        session.execute(f"CREATE SCHEMA IF NOT EXISTS {quote(layer)}")
    made = [relations(project, lake, name, manifests) for name, manifests in published.items()]
    session.make(thing for things in made for thing in things)
    for name in published:
        _describe(session, project, name)


def _those_that_can_be_read(
    session: Session, project: Project, lake: Lake, published: Published
) -> Published:
    """Make the views one by one; a table whose files are damaged is left out and named."""
    good: Published = {}
    for name, manifests in published.items():
        try:
            _views(session, project, lake, {name: manifests})
            good[name] = manifests
        except QueryFailed as e:
            _log.warning("left out of the catalog: %s (%s); see `nomad doctor`", name, e.what)
    return good


def relations(
    project: Project, lake: Lake, name: TableName, manifests: Sequence[Manifest]
) -> list[View | Macro]:
    """Give the view of a table over its published files, and the macro of one date."""
    partitioned = project.partitioned(name)
    select = scan.select(lake.files(manifests), partitioned=partitioned)
    found: list[View | Macro] = [View(name.layer, name.name, select)]
    if partitioned:
        one = f"SELECT * FROM ({select}) WHERE {COLUMN} = CAST(day AS DATE)"
        found.append(Macro(name.layer, f"{name.name}_{COLUMN}", "day", one))
    return found


def _describe(session: Session, project: Project, name: TableName) -> None:
    text = project.tables[name].sql.description if name.layer != RAW else ""
    if text:
        session.execute(f"COMMENT ON VIEW {name.quoted} IS {literal(text)}")


def _metadata(session: Session, project: Project, published: Published, scratch: Path) -> None:
    session.execute("CREATE SCHEMA IF NOT EXISTS nomad")
    tables = [_table_row(project, name) for name in project.order]
    partitions = [_partition_row(m) for ms in published.values() for m in ms]
    _table(session, scratch, "tables", _TABLES, tables)
    _table(session, scratch, "partitions", _PARTITIONS, partitions)


_TABLES = {"name": "VARCHAR", "layer": "VARCHAR", "path": "VARCHAR", "description": "VARCHAR",
           "partitioned": "BOOLEAN", "inputs": "VARCHAR[]"}  # fmt: skip
_PARTITIONS = {"table_name": "VARCHAR", "dt": "DATE", "run_id": "VARCHAR",
               "generated_at": "TIMESTAMPTZ", "row_count": "BIGINT", "file_count": "INTEGER",
               "bytes": "BIGINT", "content_hash": "VARCHAR"}  # fmt: skip


def _table_row(project: Project, name: TableName) -> dict[str, Any]:
    table = project.tables[name]
    return {
        "name": str(name),
        "layer": name.layer,
        "path": table.sql.path,
        "description": table.sql.description,
        "partitioned": table.partitioned,
        "inputs": [str(i) for i in table.inputs],
    }


def _partition_row(m: Manifest) -> dict[str, Any]:
    return {
        "table_name": str(m.dest),
        "dt": m.partition_date and m.partition_date.isoformat(),
        "run_id": m.run_id,
        "generated_at": m.generated_at,
        "row_count": m.row_count,
        "file_count": len(m.files),
        "bytes": sum(f.bytes for f in m.files),
        "content_hash": m.content_hash,
    }


def _table(
    session: Session, scratch: Path, name: str, columns: dict[str, str], rows: list[dict[str, Any]]
) -> None:
    """Load rows of metadata by way of a file of JSON lines: thousands at once."""
    path = scratch / f"{name}.jsonl"
    path.write_text("\n".join(json.dumps(r, ensure_ascii=False) for r in rows), encoding="utf-8")
    spec = ", ".join(f"{literal(c)}: {literal(t)}" for c, t in columns.items())
    source = f"read_json({literal(str(path))}, format='newline_delimited', columns={{{spec}}})"
    empty = "" if rows else " WHERE false"
    session.execute(f"CREATE TABLE nomad.{name} AS SELECT * FROM {source}{empty}")
