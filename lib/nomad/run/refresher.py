"""Keeps the catalog up with a run, beside its work, and takes away what is superseded.

Superseded files go only after the catalog with the new versions is in place, so that neither a
catalog nor `nomad sql` ever points at a file that is gone.
"""

from __future__ import annotations

import logging
import time
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from threading import Lock
from typing import NamedTuple, Protocol

from nomad.engine.instance import Engine
from nomad.errors import Busy, LakeError, MigrationError, Misuse, NomadError
from nomad.lake import intent_log, publish
from nomad.lake.journal import Journal
from nomad.lake.lake import Lake
from nomad.lake.manifest import Broken, Manifest, Over, Published
from nomad.run.listener import Listener
from nomad.run.recovery import has_project
from nomad.store.requests import about
from nomad.workspace import Workspace

_log = logging.getLogger(__name__)

_EVERY = 1.0
"""Seconds between two renewals of the catalog while a run goes on."""

_REST = 9
"""Times as long as a renewal took before the next one: a tenth of a run's time at most."""


class Catalog(Listener, Protocol):
    """What a run does about the catalog."""

    def preflight(self) -> None:
        """Bring it up to date before anything is published."""

    def use(self, engine: Engine) -> None:
        """Renew it by an engine that the run has anyhow."""

    def announce(self) -> None:
        """Say that a commit is about to leave it behind, before that is sent."""

    def changed(self) -> None:
        """Say that there is something to show in it besides what was published."""

    def renew(self) -> None:
        """Renew it beside the work, if it is time."""

    def close(self) -> None:
        """Have it show all there is, when nothing goes on any longer."""


class NoCatalog:
    """That of a dry run, which shows nobody anything."""

    def preflight(self) -> None:
        """Do nothing."""

    def use(self, engine: Engine) -> None:
        """Do nothing."""

    def announce(self) -> None:
        """Do nothing."""

    def changed(self) -> None:
        """Do nothing."""

    def published(self, new: Published, old: Over | None) -> None:
        """Do nothing."""

    def renew(self) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""


class Superseded(NamedTuple):
    """A version that may go once the catalog shows the next, and how many such are kept."""

    manifest: Manifest
    keep: int


class _Pending(NamedTuple):
    """What the catalog lacks: so many changes, and what may go once it shows them.

    `announced`: a note on disk says that it is behind, for whoever comes after a crash.
    """

    changes: int = 0
    superseded: tuple[Superseded, ...] = ()
    announced: bool = False


class CatalogRefresher:
    """Renews the catalog in a thread of its own, at most about once a second.

    Any thread may call `announce` and `changed`; the rest is for the run's own. `_lock` protects
    `_pending` with the note on disk, and is held for nothing else. What a renewal writes (`_next`,
    `_fault`) the run's own thread reads only once that renewal's future is done.
    """

    def __init__(self, workspace: Workspace, lake: Lake, journal: Journal, scratch: Path) -> None:
        self._workspace, self._lake, self._journal = workspace, lake, journal
        self._scratch = scratch
        self._keep = workspace.config.lake.history
        self._engine: Engine | None = None
        self._lock = Lock()
        self._pending = _Pending()
        self._beside = ThreadPoolExecutor(1)
        self._renewal: Future[None] | None = None
        self._next = time.monotonic() + _EVERY
        self._fault: NomadError | None = None
        self._told = ""

    def preflight(self) -> None:
        """Renew a catalog that is due before anything is published.

        One that is not there yet can wait until the end.
        """
        workspace = self._workspace
        try:
            _ = workspace.project
        except Misuse:
            return
        if not workspace.catalog_is_due:
            return
        if not workspace.catalog_path.exists():
            self.changed()
            return
        try:
            self._fault = workspace.refresh_catalog(self._lake).fault
        except MigrationError as e:
            self._fault = e

    def use(self, engine: Engine) -> None:
        """Renew it by the engine of the run, which has taken the way to the lake."""
        self._engine = engine

    def announce(self) -> None:
        """Note on disk that the catalog is about to fall behind, if that isn't noted already."""
        with self._lock:
            if not self._pending.announced:
                self._workspace.catalog_is_behind()
            self._pending = self._pending._replace(announced=True)

    def changed(self) -> None:
        """Note that the catalog lacks something."""
        self._add(())

    def published(self, new: Published, old: Over | None) -> None:
        """Note what a commit superseded: of a broken version nothing is kept."""
        del new
        if isinstance(old, Broken):
            self._add((Superseded(old.rest, 0),) if old.rest else ())
        else:
            self._add((Superseded(old.manifest, self._keep),) if old else ())

    def _add(self, superseded: tuple[Superseded, ...]) -> None:
        with self._lock:
            changes, before, announced = self._pending
            self._pending = _Pending(changes + 1, before + superseded, announced)

    def renew(self) -> None:
        """Have the catalog renewed beside the work, if it lacks something and it is time.

        Where it could not be, that is told, and it is tried again: at the end it must be.
        """
        if self._renewal and self._renewal.done():
            self._tell(self._renewal)
            self._renewal = None
        if self._pending.changes and not self._renewal and time.monotonic() > self._next:
            self._renewal = self._beside.submit(self._renew)

    def _tell(self, renewal: Future[None]) -> None:
        """Tell once of a renewal that came to nothing; of nomad's own faults with a traceback."""
        error = renewal.exception()
        if error and not isinstance(error, Exception):
            raise error
        if error and str(error) != self._told:
            self._told = str(error)
            trace = None if isinstance(error, NomadError) else error
            _log.warning("the catalog is not renewed yet: %s", error, exc_info=trace)

    def close(self) -> None:
        """Renew the catalog once more, when nothing goes on any longer.

        A renewal that goes on is waited for; if it came to nothing, this makes up for it. Where
        other machines write as well, it shows what this run saw of theirs.

        Raises:
            NomadError: a migration fails, or was edited; all else is in the catalog.
        """
        self._beside.shutdown()
        if self._renewal:
            if isinstance(e := self._renewal.exception(), Busy):
                raise e
            self._tell(self._renewal)
        if self._workspace.place.shared and self._lake.catch_up():
            self.changed()
        if self._pending.changes:
            self._renew()
        if self._fault:
            raise self._fault

    def _renew(self) -> None:
        """Renew the catalog, and take away what is superseded."""
        began = time.monotonic()
        with self._lock:
            taken, self._pending = self._pending, _Pending()
        try:
            if not has_project(self._workspace):
                self._put_back(taken._replace(changes=0))
                return
            self._journal.flush(self._lake.listing)
            made = self._workspace.refresh_catalog(self._lake, fresh=False, engine=self._engine)
            self._fault = made.fault
            self._announce_again()
            for one in taken.superseded:
                self._retire(one)
        except BaseException:
            self._put_back(taken)
            raise
        finally:
            ended = time.monotonic()
            self._next = ended + max(_EVERY, (ended - began) * _REST)

    def _put_back(self, taken: _Pending) -> None:
        """Have the next renewal do what this one could not."""
        with self._lock:
            changes, superseded, announced = self._pending
            self._pending = _Pending(
                taken.changes + changes, taken.superseded + superseded, announced
            )

    def _announce_again(self) -> None:
        """Note once more what others announced while the catalog was made: it may lack that."""
        with self._lock:
            if self._pending.announced:
                self._workspace.catalog_is_behind()

    def _retire(self, old: Superseded) -> None:
        """Take a superseded version away; what goes wrong there is no fault of the new one."""
        try:
            with about(str(old.manifest.dest)):
                publish.retire(self._workspace.store, old.manifest, keep=old.keep)
            intent_log.forget(self._scratch, old.manifest)
        except LakeError as e:
            _log.warning("a superseded version stays; the next run takes it along: %s", e)
