"""The catalog file: migrations, views, macros, comments. Metadata only, never rows.

It is built anew beside the old one and renamed in, so that nobody who holds the old file open waits
for it or breaks it. All of it can be made again from the lake and `catalog/migrations/`.
"""

from __future__ import annotations

import logging
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from nomad.catalog import metadata, views
from nomad.catalog.maker import Maker
from nomad.catalog.migrations import (
    FOLDER,
    Applied,
    Migration,
    applied,
    changed,
    migrate,
    numbered,
    prepare,
    remember,
    waits_for,
)
from nomad.engine.instance import Engine, Remote, Session, database
from nomad.engine.readable import readable
from nomad.errors import LakeError, MigrationError, NomadError, QueryFailed
from nomad.files import IN_THE_WAY, TAKEN
from nomad.hashing import digest
from nomad.lake.lake import Lake
from nomad.locks import Waiter, locked
from nomad.names import RAW, TableName
from nomad.project.project import Project

_log = logging.getLogger(__name__)


class Refreshed(NamedTuple):
    """What a refresh did: the views it made and the migrations it applied for the first time.

    `fault` is what is wrong with a migration: that one and those after it are not in the catalog,
    which is `whole` with all of them.
    """

    path: Path
    views: int
    applied: tuple[str, ...]
    fault: NomadError | None = None
    whole: bool = True


def path_of(root: Path, environment: str | None) -> Path:
    """Name the catalog's file; each environment has its own."""
    name = f"catalog.{environment}.duckdb" if environment else "catalog.duckdb"
    return root / FOLDER / name


def log_of(path: Path) -> Path:
    """Name the write-ahead log of a catalog: nomad leaves none, a tool that was killed may."""
    return path.with_name(f"{path.name}.wal")


def is_unfit(path: Path) -> bool:
    """Tell by a glance that a catalog is to be made: none is there, a log beside it, or no DuckDB.

    What lies there and is no file is left to whoever writes it.
    """
    if not path.is_file():
        return not path.exists()
    with path.open("rb") as file:
        return log_of(path).exists() or file.read(_HEAD)[-len(_MAGIC) :] != _MAGIC


_MAGIC, _HEAD = b"DUCK", 12
"""What a DuckDB file has after its first checksum; it ends at this byte."""

SCHEMA = digest(metadata.FORM)[:8]
"""Tells what is noted of catalogs by this nomad from what one with another schema noted."""


def fault(path: Path) -> str | None:
    """Say what is wrong with a catalog as a file: it can't be opened, or there is a log beside."""
    if log_of(path).exists():
        return f"{log_of(path).name} beside it holds what another tool changed in it"
    try:
        with database(str(path), read_only=True) as session:
            applied(session)
    except (LakeError, QueryFailed) as e:
        return (
            f"it {e.what.splitlines()[0]}" if isinstance(e, LakeError) else "it is none of nomad's"
        )
    return None


def made_of(project: Project) -> Iterator[str]:
    """Name what is in a catalog: its schema, migrations, and of each table more than its rows.

    Migrations that can't be read count by what is wrong with them.
    """
    yield metadata.FORM
    try:
        yield from [m.checksum for m in numbered(project.root)]
    except MigrationError as e:
        yield str(e)
    for source in project.config.sources:
        yield f"{source} {metadata.fetched_by(project, source)}"
    for name in project.order:
        yield from (str(name), *views.depends_on(project, name))


def refresh(
    project: Project,
    lake: Lake,
    *,
    now: datetime,
    fresh: bool = True,
    remote: Remote | None = None,
    engine: Engine | None = None,
    waiter: Waiter | None = None,
) -> Refreshed:
    """Build the catalog from the lake as it is now, and rename it in.

    Not `fresh`: from what this machine knows of the lake; no table is listed or read again, and of
    a lake in S3 what other machines published since is not in it. Only what has changed is then
    made again. `remote` is the way to a lake in S3; an `engine` that has taken it saves taking it
    once more. `waiter` takes the lock.

    Raises:
        Busy: another process has held the lock for too long.
        MigrationError: a migration's file has no number, or one that is taken.
        LakeError: the folder can't be written.
    """
    path = path_of(project.root, project.config.environment)
    migrations = numbered(project.root)
    maker = Maker(project, lake, now=now, fresh=fresh)
    shared = engine if engine and (engine.remote or not remote) else None

    def own(at: str) -> AbstractContextManager[Session]:
        return database(at, remote=remote, allowed=readable(project.config))

    opened = shared.attached if shared else own
    with _beside(path, waiter or Waiter()) as beside:
        before, views = _carried_on(path, beside, migrations, maker, opened)
        wrong = changed(migrations, before)
        kept = [m for m in migrations if not wrong or m.name < wrong[0]]
        done, fault = len(migrations), None
        if views is None:
            beside.unlink(missing_ok=True)
            with own(str(beside)) as session:
                views, done, fault = _anew(session, beside.parent, kept, before, maker)
                if wrong:
                    remember(session, before, wrong[0])
    new = tuple(m.name for m in migrations[:done] if m.name not in before)
    told = wrong[1] if wrong else _told(fault, project)
    return Refreshed(path, views, new, told, not (wrong or fault))


def _anew(
    session: Session,
    scratch: Path,
    migrations: Sequence[Migration],
    before: Applied,
    maker: Maker,
) -> tuple[int, int, QueryFailed | None]:
    """Make all there is in a new file; count views and applied migrations, and give a fault.

    A migration may need schemas as it finds them, or the tables of the lake: one that fails before
    these are there is tried again after.
    """
    prepare(session)
    done, fault = migrate(session, migrations, before, maker.now)
    views = maker.fill(session, scratch)
    if fault:
        more, fault = migrate(session, migrations[done:], before, maker.now)
        done += more
    return views, done, fault


def _told(fault: QueryFailed | None, project: Project) -> QueryFailed | None:
    """Say of a migration that it waits for a table to be published: that is no fault."""
    sources = (TableName(RAW, s) for s in project.config.sources)
    if fault and (table := waits_for(fault, (*project.order, *sources))):
        _log.warning("%s waits until %s is published", fault.where, table)
        return None
    return fault


_BUILDING = ".building-"
_PLAIN = "SET force_compression = 'uncompressed'"
"""To try each kind of compression on each column of few rows takes longer than to write them."""


def _carried_on(
    path: Path,
    beside: Path,
    migrations: Sequence[Migration],
    maker: Maker,
    opened: Callable[[str], AbstractContextManager[Session]],
) -> tuple[Applied, int | None]:
    """Change a copy of the catalog, where that will do; say what was applied, and count the views.

    A copy, because others may hold the file itself open. None: it is to be made anew.
    """
    if not path.exists():
        return {}, None
    shutil.copyfile(path, beside)
    before: Applied = {}
    try:
        with opened(str(beside)) as session:
            session.execute(_PLAIN)
            before = applied(session)
            whole = len(before) == len(migrations) and all(at for _, at in before.values())
            whole = whole and not changed(migrations, before)
            return before, maker.update(session, beside.parent) if whole else None
    except (LakeError, QueryFailed) as e:
        told = (
            f"can't be changed ({e.what.splitlines()[0]})"
            if before or isinstance(e, LakeError)
            else "is no catalog of nomad's"
        )
        _log.warning("%s %s: it is made anew", path, told)
        return before, None


@contextmanager
def _alone(folder: Path, waiter: Waiter) -> Iterator[None]:
    """Have a folder to oneself, without what others left there that were killed."""
    with locked(folder, waiter):
        for left in folder.glob(f"{_BUILDING}*"):
            shutil.rmtree(left, ignore_errors=True)
        yield


@contextmanager
def _beside(path: Path, waiter: Waiter) -> Iterator[Path]:
    """Give a path to build the file at; at the end it is renamed in. One at a time.

    What another tool wrote in a log beside the old file is of that file: DuckDB would replay it
    into the new one.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with (
            _alone(path.parent, waiter),
            tempfile.TemporaryDirectory(prefix=_BUILDING, dir=path.parent) as folder,
        ):
            beside = Path(folder) / path.name
            yield beside
            log_of(path).unlink(missing_ok=True)
            beside.replace(path)
    except OSError as e:
        raise LakeError(
            f"the catalog can't be written: {e.strerror or e}",
            where=str(path),
            hint=IN_THE_WAY
            if e.errno in TAKEN
            else "check that the folder is writable and has room",
        ) from e
