"""Past versions of partitions, and how one of them becomes the present one again.

A rollback is a publish like any other: the old files under new names, a new manifest, one commit.
What it supersedes goes to the history in its turn.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import NamedTuple

from nomad.errors import CorruptManifest, Misuse
from nomad.lake import intent_log
from nomad.lake.decoding import lying_at
from nomad.lake.journal import command, complete, steps
from nomad.lake.layout import (
    Cell,
    folder_key,
    history_folder,
    journal_key,
    manifest_in,
    name_of,
)
from nomad.lake.manifest import Manifest, Published, newest_first
from nomad.lake.publish import is_whole
from nomad.names import RAW, TableName
from nomad.partitions import Partition, parse
from nomad.run.context import Context, begin
from nomad.run.republish import lost_rows, refused_rows, republish
from nomad.run.result import Outcome, Result, Status
from nomad.workspace import Workspace


class Version(NamedTuple):
    """One version of a partition: its manifest, and whether it is the published one."""

    manifest: Manifest
    published: bool


class Kept(NamedTuple):
    """A past version, and whether its refused rows (if it had any) are kept as well."""

    manifest: Manifest
    refused: bool = True


class Return(NamedTuple):
    """A partition that is to go back: what is published now, and the version it returns to."""

    over: Published
    to: Manifest
    refused: bool = True

    @property
    def lost(self) -> str:
        """Say what of that version is gone, and how to have it again."""
        return "" if self.refused else f"; {lost_rows(self.to)}"


class Past:
    """The versions that are kept: those in the history, and those a dead run left on the way."""

    def __init__(self, workspace: Workspace) -> None:
        self._store, self._most = workspace.store, workspace.config.lake.history
        self._pending: dict[Cell, list[Kept]] = {}
        for old in intent_log.pending(self._store, workspace.died()):
            self._pending.setdefault(old.cell, []).append(Kept(old))

    def kept(self, cell: Cell, now: Manifest | None) -> list[Kept]:
        """Give those of a partition, the newest first; what will be pruned is no longer kept.

        `now` is what is published.
        """
        past = history_folder(*cell)
        there = {run: self._found(f"{past}/{run}") for run in self._store.folders(past)}
        pending = {k.manifest.run_id: k for k in self._pending.get(cell, ())}
        found = {run: k for run, k in (there | pending).items() if k is not None}
        ordered = newest_first(now, (k.manifest for k in found.values()))
        newest = [found[m.run_id] for m in ordered]
        return newest[: self._most] if pending else newest

    def find(self, now: Manifest, run_id: str) -> Kept | None:
        """Give one of those that the published version came after, with all its files, or None."""
        if now.cell not in self._pending:
            return self._found(history_folder(*now.cell, run_id))
        kept = self.kept(now.cell, now)
        return next((k for k in kept if k.manifest.run_id == run_id), None)

    def _found(self, folder: str) -> Kept | None:
        """Read a version, if it is whole and can be read; `nomad doctor` tells of the others."""
        key = manifest_in(folder)
        blob = self._store.read(key)
        found: Manifest | None = None
        with suppress(CorruptManifest):
            found = lying_at(key, blob.data) if blob else None
        there = {name_of(e.key) for e in self._store.list(folder)}
        if found is None or not is_whole(found, there):
            return None
        return Kept(found, found.quarantined is None or found.quarantined.name in there)


def versions(workspace: Workspace, past: Past, cell: Cell) -> list[Version]:
    """Give the published version and those that are kept, the newest first."""
    now = next(iter(workspace.lake.readable(cell[0], partitions=[cell[1]])), None)
    kept = [Version(k.manifest, published=False) for k in past.kept(cell, now)]
    return [Version(now, published=True), *kept] if now else kept


def to_version(
    workspace: Workspace, table: TableName, partition: Partition | None, run: str
) -> Return:
    """Find a kept version to return to.

    Raises:
        Misuse: it is not kept, or nothing is published there, or it is what is published.
    """
    over = workspace.lake.published(table, partition)
    where = folder_key(table, partition)
    day = f" --dt {partition}" if partition else ""
    if over and over.manifest.run_id == run:
        raise Misuse(
            f"{run} is the published version: there is nothing to do",
            where=where,
            hint=f"the versions to return to are in `nomad history {table.name}{day}`",
        )
    old = Past(workspace).find(over.manifest, run) if over else None
    if over is None or old is None:
        raise Misuse(
            f"no version {run} is kept" if over else "nothing is published there",
            where=where,
            hint=f"see `nomad history {table.name}{day}`; `lake.history` says how many are kept",
        )
    return Return(over, *old)


def of_run(workspace: Workspace, run: str) -> list[Return]:
    """Find what a run published, and the version before it of each.

    What another rollback has returned already is left out.

    Raises:
        Misuse: there was no such run, or one of its partitions has moved on since, or has no
            version to return to: then nothing is to be undone. Or all of it is undone already.
    """
    past = Past(workspace)
    ends = [_before(workspace, past, cell, run) for cell in _published_by(workspace, run)]
    if faults := [e for e in ends if isinstance(e, str)]:
        more = f"\n  and {len(faults) - _FEW} more" if len(faults) > _FEW else ""
        raise Misuse(
            f"run {run} can't be undone as a whole:\n  " + "\n  ".join(faults[:_FEW]) + more,
            hint="return single partitions with `nomad rollback TABLE --dt D --to RUN_ID`",
        )
    found = [e for e in ends if isinstance(e, Return)]
    if ends and not found:
        raise Misuse(f"run {run} is undone already", hint="see `nomad history TABLE`")
    return found


def _before(workspace: Workspace, past: Past, cell: Cell, run: str) -> Return | str | None:
    """Find the version to return to; or say why there is none; or None: that is done already."""
    over, where = workspace.lake.published(*cell), folder_key(*cell)
    if over is None:
        return f"{where} has moved on to nothing"
    now = over.manifest
    if now.run_id != run:
        done = _undone(workspace, now, run)
        return None if done else f"{where} has moved on to {now.run_id}"
    old = past.find(now, now.previous) if now.previous else None
    return Return(over, *old) if old else f"{where} has no version before it that is kept"


def _undone(workspace: Workspace, now: Manifest, run: str) -> bool:
    """Tell whether what is published now is what a rollback put in place of that run's."""
    if now.previous != run:
        return False
    blob = workspace.store.read(journal_key(now.run_id))
    return blob is not None and command(blob.data) == ROLLBACK


_FEW = 5
ROLLBACK = "rollback"


def _published_by(workspace: Workspace, run: str) -> list[Cell]:
    blob = workspace.store.read(journal_key(run))
    if blob is None:
        raise Misuse(f"no run {run}", hint="run ids stand in `nomad history TABLE`")
    done = [e for e in steps(blob.data) if e["status"] == Status.PUBLISHED]
    noted = [(TableName.parse(e["table"]), parse(e["partition_date"])) for e in done]
    if complete(blob.data):
        return noted
    return list(dict.fromkeys([*noted, *_found_of(workspace, run)]))


def _found_of(workspace: Workspace, run: str) -> Iterator[Cell]:
    """Look through the lake for what a run published that could not say so before it ended."""
    for layer in (RAW, *workspace.config.layers):
        for name in (TableName(layer, n) for n in workspace.store.folders(layer)):
            for dated in (True, False):
                found = workspace.lake.every(name, partitioned=dated, fresh=True)
                yield from (m.cell for m in found if m.run_id == run)


def rollback(
    workspace: Workspace, returns: Sequence[Return], *, report: Callable[[Result], None]
) -> tuple[str, list[Result]]:
    """Publish each old version anew; give the run's id and how each ended.

    Raises:
        LostRace: a partition was published by another run meanwhile.
    """
    with begin(workspace, ROLLBACK, [r.to.cell for r in returns]) as context:
        results = []
        for one in returns:
            result = context.apply(_returned(context, one))
            report(result)
            results.append(result)
        return context.run.id, results


def _returned(context: Context, one: Return) -> Outcome:
    old = one.to
    paths = [context.run.scratch / f"{context.run.id}-{f.name}" for f in old.files]
    for file, path in zip(old.files, paths, strict=True):
        context.store.get(f"{old.past_folder}/{file.name}", path)
    files = list(zip(old.files, paths, strict=True))
    refused = refused_rows(context, old, old.past_folder) if one.refused else None
    back = f"back to {old.run_id}"
    return republish(context, old, files, over=one.over, refused=refused, reason=back)
