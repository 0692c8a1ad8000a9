"""One run, from its begin to its end: who it is, and all that it works with.

What came of each step is applied here, in the run's own thread: to what is known of the lake, to
the journal, and by those who listen.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from nomad.engine.instance import Engine
from nomad.errors import LakeError
from nomad.files import translated
from nomad.lake.claims import claim
from nomad.lake.journal import Journal, new_run_id
from nomad.lake.lake import Lake
from nomad.lake.layout import Cell, folder_key
from nomad.lake.listing import Listing
from nomad.lake.manifest import Manifest
from nomad.lake.words import named
from nomad.project.project import Table
from nomad.run.listener import Listener
from nomad.run.publisher import Commit, Publisher, not_recording, recording
from nomad.run.recovery import recover
from nomad.run.refresher import Catalog, CatalogRefresher, NoCatalog
from nomad.run.result import Outcome, Result, Status
from nomad.store.overlay import OverlayStore
from nomad.workspace import Workspace


@dataclass(frozen=True)
class Run:
    """Who a run is. `scratch` is its own, with its claim, for as long as it lives."""

    id: str
    began: datetime
    scratch: Path


class Context:
    """What a run works with: its publisher, what it knows of the lake, and who listens.

    `success` is what is said of a step that is published.
    """

    def __init__(
        self,
        workspace: Workspace,
        run: Run,
        lake: Lake,
        publisher: Publisher,
        journal: Journal,
        *,
        success: Status = Status.PUBLISHED,
    ) -> None:
        self.workspace, self.run, self.lake = workspace, run, lake
        self.publisher, self.store = publisher, publisher.store
        self.journal, self._success = journal, success
        self.catalog: Catalog = publisher.catalog
        self.listeners: tuple[Listener, ...] = (self.catalog,)
        self._engine: Engine | None = None

    def engine(
        self, tables: Iterable[Table] = (), *, remote: bool = True, shares: int = 1
    ) -> Engine:
        """Give the engine with which this run builds some tables; its catalog is renewed by it."""
        if self._engine is None:
            texts = (text for table in tables for text in table.texts)
            self._engine = self.workspace.engine(
                self.run.scratch, texts, remote=remote, shares=shares
            )
            self.catalog.use(self._engine)
        return self._engine

    def result(self, there: Manifest, reason: str) -> Result:
        """Tell of a step that ended well, with `there` as what is published."""
        return Result(
            *there.cell,
            self._success,
            reason,
            row_count=there.row_count,
            file_count=len(there.files),
            bytes=there.size,
            location=self.store.uri(folder_key(*there.cell)),
        )

    def outcome(self, commit: Commit, reason: str) -> Outcome:
        """Tell of a step that ended well by a commit of this run."""
        return Outcome(self.result(commit.new.manifest, reason), *commit)

    def apply(self, outcome: Outcome) -> Result:
        """Take note of how a step ended: in the lake's index, the journal, and by who listens.

        Give it with the run's id.
        """
        result, new, old = outcome
        noted = result._replace(run_id=self.run.id)
        if new:
            self.lake.learn(*new)
        self.journal.add({"event": "step", **noted.as_log()})
        if new and result.status in (Status.PUBLISHED, Status.BUILT):
            for listener in self.listeners:
                listener.published(new, old)
            self.publisher.acknowledge((result.table, result.partition))
        elif result.status is not Status.FRESH:
            self.catalog.changed()
        self.catalog.renew()
        return noted

    def reconcile(self) -> bool:
        """Apply what was published without its step's end having been: the run was broken off.

        Give whether the journal tells of all that this run published or may still publish.
        """
        in_flight = self.publisher.in_flight
        lake = self.lake.remembering()
        with suppress(LakeError):
            for cell, old in list(in_flight.items()):
                there = lake.published(*cell)
                if there and there.manifest.run_id == self.run.id:
                    reason = "published as the run was broken off"
                    self.apply(self.outcome(Commit(there, old), reason))
        return not in_flight


@contextmanager
def begin(
    workspace: Workspace,
    command: str,
    cells: Iterable[Cell],
    *,
    wait: bool = False,
    lake: Lake | None = None,
) -> Iterator[Context]:
    """Begin a run that may build `cells`; at its end the catalog is renewed and scratch emptied.

    A signal that comes during just that leaves both to the next command. `lake` is what is
    published as the run's plan saw it; without one, the run looks for itself.

    Raises:
        LakeError: the lake can't be written.
        Busy: another live run is building one of the cells, and `wait` is off.
    """
    names = [named(*cell) for cell in cells]
    with _claimed(workspace, names, wait=wait) as run:
        recover(workspace, own=run.id)
        store, journal = workspace.store, Journal(workspace.store, run.id)
        seen = workspace.lake.remembering() if wait or lake is None else lake
        catalog = CatalogRefresher(workspace, seen, journal, run.scratch)
        record = recording(store, run.scratch)
        publisher = Publisher(store, run.id, workspace.now, catalog, record, workspace.place.grace)
        catalog.preflight()
        with _journalled(Context(workspace, run, seen, publisher, journal), command) as context:
            yield context


@contextmanager
def dry_run(workspace: Workspace, command: str) -> Iterator[Context]:
    """Begin a run over an overlay: what it publishes stays in its scratch, and nobody is told.

    Raises:
        LakeError: the lake can't be reached.
    """
    with _claimed(workspace, ()) as run:
        store = OverlayStore(workspace.store, run.scratch / "lake")
        publisher = Publisher(store, run.id, workspace.now, NoCatalog(), not_recording)
        listing = Listing(store, shared=workspace.place.shared)
        seen, journal = Lake(store, listing=listing).remembering(), Journal(store, run.id)
        context = Context(workspace, run, seen, publisher, journal, success=Status.BUILT)
        with _journalled(context, command):
            yield context


@contextmanager
def _claimed(workspace: Workspace, names: Iterable[str], *, wait: bool = False) -> Iterator[Run]:
    """Have an id, and a scratch folder with a claim on some cells."""
    now = workspace.now()
    run_id = new_run_id(now)
    top = _made(workspace.place.scratch)
    workspace.check_lake()
    workspace.waiter.who = f"run {run_id}"
    with claim(top, run_id, names, wait=wait, waiter=workspace.waiter) as scratch:
        yield Run(run_id, now, scratch)


@contextmanager
def _journalled(context: Context, command: str) -> Iterator[Context]:
    """Write begin and end to the journal; however it ends, all that was published is applied."""
    run, journal = context.run, context.journal
    at = run.began.isoformat()
    journal.add({"event": "begin", "run_id": run.id, "command": command, "at": at})
    journal.flush()
    clean = False
    try:
        yield context
        clean = True
    except BaseException as e:
        if not isinstance(e, Exception):
            context.workspace.waiter.hurried.set()
        raise
    finally:
        try:
            complete = context.reconcile() and clean
            at = context.workspace.now().isoformat()
            journal.add({"event": "end", "run_id": run.id, "at": at, "complete": complete})
            journal.flush(context.lake.listing)
        finally:
            context.catalog.close()


def _made(top: Path) -> Path:
    with translated(str(top)):
        top.mkdir(parents=True, exist_ok=True)
    return top.resolve()
