"""Commits partitions for one run, from whatever thread: noted before, so that none is lost."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from nomad.engine.instance import Staged
from nomad.engine.version import NAME
from nomad.errors import NomadError, Unanswered
from nomad.lake import intent_log, publish
from nomad.lake.layout import Cell, data_file, refused_file
from nomad.lake.manifest import DataFile, Input, Manifest, Over, Published
from nomad.run.refresher import Catalog
from nomad.store.base import Store


class Commit(NamedTuple):
    """What is published now, and what that superseded; None: nothing was there."""

    new: Published
    old: Over | None


class Recipe(NamedTuple):
    """What a partition is made by and of, as its manifest says it."""

    sql_hash: str
    contract_hash: str = ""
    inputs: tuple[Input, ...] = ()
    dialect: Mapping[str, str] = {}
    detected: Mapping[str, str] = {}
    stamps: Mapping[str, str] = {}
    checks: tuple[Mapping[str, Any], ...] = ()


Record = Callable[[Manifest | None], AbstractContextManager[None]]
"""Records what a commit in its block supersedes."""


def recording(store: Store, scratch: Path) -> Record:
    """Record it in scratch, for whoever comes after a crash."""
    return partial(intent_log.record, store, scratch)


def not_recording(_: Manifest | None) -> AbstractContextManager[None]:
    """Record nothing: a dry run supersedes nothing."""
    return nullcontext()


@dataclass(frozen=True)
class Publisher:
    """Publishes into a store under one run's id.

    `in_flight` are the cells whose commit was begun and of which the run has not taken note yet,
    with what each supersedes. A cell is one thread's at a time. `grace` is after how many seconds
    another machine takes a file that nobody names for a dead run's; 0: none writes.
    """

    store: Store
    run_id: str
    now: Callable[[], datetime]
    catalog: Catalog
    record: Record
    grace: float = 0.0
    in_flight: dict[Cell, Over | None] = field(default_factory=dict)

    def describe(
        self, cell: Cell, staged: Sequence[Staged], recipe: Recipe, refused: Staged | None = None
    ) -> Manifest:
        """Describe staged files as the partition they are to become; the first tells of all."""
        first, *_ = staged
        files = [
            _file(data_file(self.run_id, n, s.path.suffix), s)
            for n, s in enumerate(staged)
            if s.path
        ]
        return Manifest(
            *cell,
            run_id=self.run_id,
            generated_at=self.now().isoformat(timespec="seconds"),
            files=tuple(files),
            schema=first.schema,
            content_hash=first.content_hash,
            engine=NAME,
            stats=first.stats,
            quarantined=_file(refused_file(self.run_id), refused) if refused else None,
            **recipe._asdict(),
        )

    def publish(
        self,
        manifest: Manifest,
        staged: Sequence[Path],
        over: Over | None,
        quarantined: Path | None = None,
    ) -> Commit:
        """Commit one partition; what it supersedes stays until the catalog shows the new one.

        Raises:
            LostRace: somebody else published meanwhile.
            LakeError: the lake can't be written.
        """
        self.catalog.announce()
        self.in_flight[manifest.cell] = over
        try:
            with self.record(over.manifest if over else None):
                ours = publish.publish(
                    self.store,
                    manifest,
                    staged,
                    over=over,
                    quarantined=quarantined,
                    grace=self.grace,
                )
        except NomadError as e:
            if not isinstance(e, Unanswered):
                self.acknowledge(manifest.cell)
            self.catalog.changed()
            raise
        return Commit(ours, over)

    def acknowledge(self, cell: Cell) -> None:
        """Hear that the run has taken note of what came of a commit."""
        self.in_flight.pop(cell, None)


def _file(name: str, staged: Staged) -> DataFile:
    return DataFile(name, staged.rows, staged.bytes, staged.sha256)
