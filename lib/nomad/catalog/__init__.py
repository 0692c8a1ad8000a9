"""The catalog file: migrations, views, macros, comments. Metadata only, never rows.

It is built anew beside the old one and renamed in, so that nobody who holds the old file open waits
for it or breaks it. All of it can be made again from the lake and `catalog/migrations/`.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from nomad.catalog.metadata import describe_all
from nomad.catalog.migrations import FOLDER, applied, migrate, numbered, verify
from nomad.engine import scan
from nomad.engine.duck import Macro, Remote, Session, View, database
from nomad.errors import CorruptManifest, LakeError, QueryFailed
from nomad.journal import FOLDER as JOURNALS
from nomad.lake import REFUSED, Lake
from nomad.manifest import Manifest
from nomad.names import RAW, TableName, literal, quote
from nomad.partition import COLUMN
from nomad.project import Project
from nomad.store.local import locked

_log = logging.getLogger(__name__)


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


def refresh(
    project: Project,
    lake: Lake,
    *,
    now: datetime,
    fresh: bool = True,
    remote: Remote | None = None,
) -> Refreshed:
    """Build the catalog from the lake as it is now, and rename it in.

    Not `fresh`: from what this machine knows of the lake; nothing is listed or read again, and what
    other machines published since is not in it. `remote` is the way to a lake in S3.

    Raises:
        MigrationError: a migration that was applied before is edited or missing.
        QueryFailed: a migration fails; the old catalog stays.
        LakeError: the folder can't be written.
    """
    path = path_of(project.root, project.config.environment)
    migrations = numbered(project.root)
    with _beside(path) as beside:
        before = applied(path)
        verify(migrations, before)
        with database(beside, remote=remote) as session:
            migrate(session, migrations, before, now)
            views = _fill(session, project, lake, beside.parent, fresh=fresh)
        new = tuple(m.name for m in migrations if m.name not in before)
    return Refreshed(path, views, new)


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


# Views -------------------------------------------------------------------------------------------


def _fill(session: Session, project: Project, lake: Lake, scratch: Path, *, fresh: bool) -> int:
    """Make a view for each table that has something published, and the tables of metadata."""
    sources = [TableName(RAW, s) for s in project.config.sources]
    published: Published = {}
    for name in (*sources, *project.order):
        try:
            found = lake.every(name, partitioned=project.partitioned(name), fresh=fresh)
        except CorruptManifest as e:
            _log.warning("left out of the catalog: %s (%s); see `nomad doctor`", name, e)
            continue
        if found:
            published[name] = found
    journals = lake.mirror.every(JOURNALS, suffix=".jsonl", fresh=fresh)
    session.execute("BEGIN")
    try:
        _views(session, project, lake, published)
        describe_all(session, project, published, journals, scratch)
        session.execute("COMMIT")
    except QueryFailed:
        session.execute("ROLLBACK")
        published = _those_that_can_be_read(session, project, lake, published)
        describe_all(session, project, published, journals, scratch)
    return len(published)


Published = dict[TableName, list[Manifest]]


def _views(session: Session, project: Project, lake: Lake, published: Published) -> None:
    for layer in dict.fromkeys(n.layer for n in (*published, *project.order)):
        session.execute(f"CREATE SCHEMA IF NOT EXISTS {quote(layer)}")
    made = [relations(project, lake, name, manifests) for name, manifests in published.items()]
    made += [_quarantine(project, lake, name, found) for name, found in published.items()]
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
            told = e.what.splitlines()[0]
            _log.warning("left out of the catalog, as DuckDB can't read it: %s (%s)", name, told)
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


def _quarantine(
    project: Project, lake: Lake, name: TableName, manifests: Sequence[Manifest]
) -> list[View | Macro]:
    """Give the view of the rows that tests refused, where they can refuse some."""
    groups = lake.quarantined(manifests)
    contract = project.tables[name].contract if name in project.tables else None
    if not groups and contract and contract.quarantines:
        groups = [scan.Files((), (*manifests[-1].schema, *REFUSED))]
    if not groups:
        return []
    select = scan.select(groups, partitioned=project.partitioned(name))
    return [View(QUARANTINE, name.name, select)]


QUARANTINE = "quarantine"


def _describe(session: Session, project: Project, name: TableName) -> None:
    text = project.tables[name].description if name.layer != RAW else ""
    if text:
        session.execute(f"COMMENT ON VIEW {name.quoted} IS {literal(text)}")
