"""One run: its id, scratch, journal, and what it supersedes.

Superseded files go only after the catalog with the new versions is in place, so that neither a
catalog nor `nomad sql` ever points at a file that is gone.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from threading import Lock
from typing import Any

from nomad.dates import Partition, folder
from nomad.engine.instance import Engine, Staged
from nomad.engine.version import NAME
from nomad.errors import Busy, LakeError, MigrationError, Misuse, NomadError, Unanswered
from nomad.files import translated
from nomad.lake import intent_log, publish
from nomad.lake.claims import claim
from nomad.lake.journal import Journal, new_run_id
from nomad.lake.lake import Lake
from nomad.lake.layout import folder_key, refused_file
from nomad.lake.manifest import Broken, DataFile, Input, Manifest, Over
from nomad.names import TableName
from nomad.plan.steps import Cell
from nomad.project.project import Table
from nomad.run.recovery import has_project, recover
from nomad.run.result import Result, Status
from nomad.store.requests import about
from nomad.workspace import Workspace

_log = logging.getLogger(__name__)

_EVERY = 1.0
"""Seconds between two renewals of the catalog while a run goes on."""

_REST = 9
"""Times as long as a renewal took before the next one: a tenth of a run's time at most."""


@dataclass
class Attempt:
    """A run that is going on."""

    workspace: Workspace
    run_id: str
    now: datetime
    scratch: Path
    journal: Journal
    lake: Lake
    _engine: Engine | None = None
    _committing: dict[Cell, None] = field(default_factory=dict)
    _superseded: list[tuple[Manifest, int]] = field(default_factory=list)
    _stale: bool = False
    _behind: bool = False
    _next: float = field(default_factory=lambda: time.monotonic() + _EVERY)
    _lock: Lock = field(default_factory=Lock)
    _beside: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1))
    _renewing: Future[None] | None = None
    _fault: NomadError | None = None

    def engine(
        self, tables: Iterable[Table] = (), *, remote: bool = True, shares: int = 1
    ) -> Engine:
        """Give the engine with which this run builds some tables; its catalog is renewed by it."""
        if self._engine is None:
            texts = (text for table in tables for text in table.texts)
            self._engine = self.workspace.engine(self.scratch, texts, remote=remote, shares=shares)
        return self._engine

    def publish(
        self,
        manifest: Manifest,
        staged: Sequence[Path],
        over: Over | None,
        quarantined: Path | None = None,
    ) -> Manifest:
        """Commit one partition; what it supersedes stays until the catalog is renewed."""
        self._announce()
        self._committing[manifest.cell] = None
        store = self.workspace.store
        old = over.manifest if over and not self.workspace.rehearsing else None
        try:
            with intent_log.noted(store, self.scratch, old):
                grace = self.workspace.place.grace
                ours = publish.publish(
                    store, manifest, staged, over=over, quarantined=quarantined, grace=grace
                )
        except NomadError as e:
            if not isinstance(e, Unanswered):
                self._committing.pop(manifest.cell)
            with self._lock:
                self._stale = True
            raise
        self.lake.learn(*ours)
        with self._lock:
            self._stale = True
            self._superseded += self._to_retire(over)
        return ours.manifest

    def _to_retire(self, over: Over | None) -> Iterator[tuple[Manifest, int]]:
        """Name what a commit superseded, and how many versions to keep: of a broken one nothing."""
        if isinstance(over, Broken):
            yield from [(over.rest, 0)] if over.rest else []
        elif over:
            yield over.manifest, self.workspace.config.lake.history

    def _announce(self) -> None:
        """Note that the catalog is about to fall behind, if that isn't noted already."""
        with self._lock:
            if not self._behind and not self.workspace.rehearsing:
                self.workspace.catalog_is_behind()
            self._behind = True

    def published(self, made: Manifest, reason: str) -> Result:
        """Tell of a step that ended well."""
        return Result(
            *made.cell,
            Status.BUILT if self.workspace.rehearsing else Status.PUBLISHED,
            reason,
            row_count=made.row_count,
            file_count=len(made.files),
            bytes=made.size,
            location=self.location(*made.cell),
        )

    def look_around(self) -> None:
        """Renew a catalog that is due before anything is published.

        One that is not there yet can wait until the end.
        """
        try:
            _ = self.workspace.project
        except Misuse:
            return
        self._stale = self.workspace.catalog_is_due
        if self._stale and self.workspace.catalog_path.exists() and not self.workspace.rehearsing:
            try:
                self._fault = self.workspace.refresh_catalog(self.lake).fault
            except MigrationError as e:
                self._fault = e
            self._stale = False

    def catch_up(self) -> None:
        """Where other machines write as well, have the catalog know what this run saw of theirs."""
        if self.workspace.place.shared and not self.workspace.rehearsing and self.lake.catch_up():
            self._stale = True

    def note(self, result: Result) -> Result:
        """Write a step's end to the journal; give it with the run's id."""
        noted = result._replace(run_id=self.run_id)
        self.journal.add({"event": "step", **noted.as_log()})
        if result.status in (Status.PUBLISHED, Status.BUILT):
            self._committing.pop((result.table, result.partition), None)
        if result.status not in (Status.FRESH, Status.MISSING):
            with self._lock:
                self._stale = True
        return noted

    def note_unheard(self) -> bool:
        """Note what was published without its step's end having been noted: the run was broken off.

        Give whether the journal tells of all that this run published or may still publish.
        """
        unheard = list(self._committing)
        with suppress(LakeError):
            for cell in unheard:
                there = self.workspace.lake.manifest(*cell)
                if there and there.run_id == self.run_id:
                    self.note(self.published(there, "published as the run was broken off"))
        return not self._committing

    def renew(self) -> None:
        """Have the catalog renewed beside the work, at most about once a second.

        Where it could not be, it is tried again: at the end it must be.
        """
        if self._renewing and self._renewing.done():
            self._renewing = None
        due = self._stale and not self._renewing and time.monotonic() > self._next
        if due and not self.workspace.rehearsing:
            self._renewing = self._beside.submit(self._renewed)

    def finish(self) -> None:
        """Renew the catalog once more, when nothing goes on any longer.

        One that goes on is waited for; if it came to nothing, this makes up for it.

        Raises:
            NomadError: a migration fails, or was edited; all else is in the catalog.
        """
        self._beside.shutdown()
        if self._renewing and isinstance(e := self._renewing.exception(), Busy):
            raise e
        if self._stale and not self.workspace.rehearsing:
            self._renewed()
        if self._fault:
            raise self._fault

    def _renewed(self) -> None:
        """Renew the catalog, and take away what is superseded."""
        began = time.monotonic()
        with self._lock:
            gone, self._superseded = self._superseded, []
            self._stale = self._behind = False
        try:
            if has_project(self.workspace):
                self.journal.flush(self.lake.listing)
                made = self.workspace.refresh_catalog(self.lake, fresh=False, engine=self._engine)
                self._fault = made.fault
                self._announce_again()
                for old, keep in gone:
                    self._retire(old, keep)
            else:
                with self._lock:
                    self._superseded = gone + self._superseded
        except BaseException:
            with self._lock:
                self._superseded, self._stale = gone + self._superseded, True
            raise
        finally:
            ended = time.monotonic()
            self._next = ended + max(_EVERY, (ended - began) * _REST)

    def _announce_again(self) -> None:
        """Note once more what others announced while the catalog was made: it may lack that."""
        with self._lock:
            if self._behind:
                self.workspace.catalog_is_behind()

    def _retire(self, old: Manifest, keep: int) -> None:
        """Take a superseded version away; what goes wrong there is no fault of the new one."""
        try:
            with about(str(old.dest)):
                publish.retire(self.workspace.store, old, keep=keep)
            intent_log.forget(self.scratch, old)
        except LakeError as e:
            _log.warning("a superseded version stays; the next run takes it along: %s", e)

    def manifest(
        self,
        table: TableName,
        partition: Partition,
        staged: Staged,
        *,
        sql_hash: str,
        contract_hash: str = "",
        inputs: tuple[Input, ...] = (),
        dialect: Mapping[str, str] | None = None,
        checks: tuple[Mapping[str, Any], ...] = (),
        quarantined: Staged | None = None,
    ) -> Manifest:
        """Describe staged files as the partition they are to become."""
        name = f"{self.run_id}-0{staged.path.suffix if staged.path else ''}"
        files = (DataFile(name, staged.rows, staged.bytes, staged.sha256),) if staged.path else ()
        q = quarantined
        refused = DataFile(refused_file(self.run_id), q.rows, q.bytes, q.sha256) if q else None
        return Manifest(
            dest=table,
            partition_date=partition,
            run_id=self.run_id,
            generated_at=self.workspace.now().isoformat(timespec="seconds"),
            files=files,
            schema=staged.schema,
            content_hash=staged.content_hash,
            sql_hash=sql_hash,
            contract_hash=contract_hash,
            engine=NAME,
            stats=staged.stats,
            inputs=inputs,
            dialect=dialect or {},
            checks=checks,
            quarantined=refused,
        )

    def location(self, table: TableName, partition: Partition) -> str:
        """Give the address of a partition's folder."""
        return self.workspace.store.uri(folder_key(table, partition))


@contextmanager
def attempt(
    workspace: Workspace,
    command: str,
    cells: Iterable[tuple[TableName, Partition]],
    *,
    wait: bool = False,
    rehearse: bool = False,
    lake: Lake | None = None,
) -> Iterator[Attempt]:
    """Begin a run that may build `cells`; however it ends, the catalog is renewed, scratch emptied.

    `lake` is what is published as the run's plan saw it; without one, the run looks for itself.

    Raises:
        LakeError: the lake can't be written.
        Busy: another live run is building one of the cells, and `wait` is off.
    """
    now = workspace.now()
    run_id = new_run_id(now)
    top = _made(workspace.place.scratch)
    names = [] if rehearse else [f"{t} {folder(p)}".rstrip() for t, p in cells]
    workspace.check_lake()
    workspace.waiter.who = f"run {run_id}"
    with claim(top, run_id, names, wait=wait, waiter=workspace.waiter) as scratch:
        space = workspace.rehearsal(scratch / "lake") if rehearse else workspace
        if not rehearse:
            recover(workspace, own=run_id)
        journal = Journal(space.store, run_id)
        seen = space.lake.remembering() if rehearse or wait or lake is None else lake
        going = Attempt(space, run_id, now, scratch, journal, seen)
        going.look_around()
        yield from _going(going, command)


def _going(going: Attempt, command: str) -> Iterator[Attempt]:
    at, run_id = going.now.isoformat(), going.run_id
    going.journal.add({"event": "begin", "run_id": run_id, "command": command, "at": at})
    going.journal.flush()
    clean = False
    try:
        yield going
        clean = True
    except BaseException as e:
        if not isinstance(e, Exception):
            going.workspace.waiter.hurried.set()
        raise
    finally:
        try:
            complete = going.note_unheard() and clean
            going.catch_up()
            at = going.workspace.now().isoformat()
            end = {"event": "end", "run_id": run_id, "at": at, "complete": complete}
            going.journal.add(end)
            going.journal.flush(going.lake.listing)
        finally:
            going.finish()


def _made(top: Path) -> Path:
    with translated(str(top)):
        top.mkdir(parents=True, exist_ok=True)
    return top.resolve()
