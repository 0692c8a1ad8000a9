"""Past versions of partitions, and how one of them becomes the present one again.

A rollback is a publish like any other: the old files under new names, a new manifest, one commit.
What it supersedes goes to the history in its turn.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

from nomad.errors import Misuse
from nomad.journal import FOLDER as JOURNALS
from nomad.journal import ended, steps
from nomad.lake import Lake, Published, folder_key
from nomad.manifest import FILE, Manifest, from_json
from nomad.names import RAW, TableName
from nomad.partition import Partition, parse_day
from nomad.plan import Cell
from nomad.publish import HISTORY
from nomad.run.attempt import Attempt, attempt
from nomad.run.result import PUBLISHED, Result
from nomad.store.base import Store
from nomad.workspace import Workspace


class Version(NamedTuple):
    """One version of a partition: its manifest, and whether it is the published one."""

    manifest: Manifest
    published: bool


class Return(NamedTuple):
    """A partition that is to go back: what is published now, and the version it returns to."""

    over: Published
    to: Manifest


def versions(store: Store, lake: Lake, table: TableName, partition: Partition) -> list[Version]:
    """Give the published version and those that are kept, the newest first."""
    now = lake.manifest(table, partition)
    past = f"{HISTORY}/{folder_key(table, partition)}"
    kept = [m for run in store.folders(past) if (m := _kept(store, table, partition, run))]
    kept.sort(key=lambda m: m.run_id, reverse=True)
    return [*([Version(now, published=True)] if now else []),
            *(Version(m, published=False) for m in kept)]  # fmt: skip


def _kept(store: Store, table: TableName, partition: Partition, run_id: str) -> Manifest | None:
    key = f"{HISTORY}/{folder_key(table, partition)}/{run_id}/{FILE}"
    blob = store.read(key)
    return from_json(blob.data, where=key) if blob else None


def to_version(workspace: Workspace, table: TableName, partition: Partition, run: str) -> Return:
    """Find a kept version to return to.

    Raises:
        Misuse: it is not kept, or nothing is published there.
    """
    over = workspace.lake.published(table, partition)
    old = _kept(workspace.store, table, partition, run)
    where = folder_key(table, partition)
    if over is None or old is None:
        day = f" --dt {partition}" if partition else ""
        raise Misuse(
            f"no version {run} is kept" if over else "nothing is published there",
            where=where,
            hint=f"see `nomad history {table.name}{day}`; `lake.history` says how many are kept",
        )
    return Return(over, old)


def of_run(workspace: Workspace, run: str) -> list[Return]:
    """Find what a run published, and the version before it of each.

    Raises:
        Misuse: there was no such run, or one of its partitions has moved on since, or has no
            version to return to: then nothing is to be undone.
    """
    cells = _published_by(workspace, run)
    found, faults = [], []
    for table, partition in cells:
        over = workspace.lake.published(table, partition)
        where = folder_key(table, partition)
        if over is None or over.manifest.run_id != run:
            faults.append(f"{where} has moved on to {over.manifest.run_id if over else 'nothing'}")
            continue
        before = over.manifest.previous
        old = _kept(workspace.store, table, partition, before) if before else None
        if old is None:
            faults.append(f"{where} has no version before it that is kept")
        else:
            found.append(Return(over, old))
    if faults:
        more = f"\n  and {len(faults) - _FEW} more" if len(faults) > _FEW else ""
        raise Misuse(
            f"run {run} can't be undone as a whole:\n  " + "\n  ".join(faults[:_FEW]) + more,
            hint="return single partitions with `nomad rollback TABLE --dt D --to RUN_ID`",
        )
    return found


_FEW = 5


def _published_by(workspace: Workspace, run: str) -> list[Cell]:
    day = f"{run[:4]}-{run[4:6]}-{run[6:8]}"
    blob = workspace.store.read(f"{JOURNALS}/dt={day}/{run}.jsonl")
    if blob is None:
        raise Misuse(f"no run {run}", hint="run ids stand in `nomad history TABLE`")
    done = [e for e in steps(blob.data) if e["status"] == PUBLISHED]
    noted = [(TableName.parse(e["table"]), parse_day(e["partition_date"])) for e in done]
    return noted if ended(blob.data) else list(dict.fromkeys([*noted, *_found_of(workspace, run)]))


def _found_of(workspace: Workspace, run: str) -> Iterator[Cell]:
    """Look through the lake for what a run published that died before it could say so."""
    project = workspace.project
    for name in (*(TableName(RAW, s) for s in workspace.config.sources), *project.order):
        found = workspace.lake.every(name, partitioned=project.partitioned(name), fresh=True)
        yield from (m.cell for m in found if m.run_id == run)


def rollback(
    workspace: Workspace, returns: Sequence[Return], *, report: Callable[[Result], None]
) -> tuple[str, list[Result]]:
    """Publish each old version anew; give the run's id and how each ended.

    Raises:
        LostRace: a partition was published by another run meanwhile.
    """
    with attempt(workspace, "rollback", [r.to.cell for r in returns]) as going:
        results = []
        for one in returns:
            result = going.note(_returned(going, one))
            report(result)
            results.append(result)
            going.renew()
        return going.run_id, results


def _returned(going: Attempt, one: Return) -> Result:
    old, (table, partition) = one.to, one.to.cell
    paths = [going.scratch / f"{going.run_id}-{f.name}" for f in old.files]
    past = f"{HISTORY}/{folder_key(table, partition)}/{old.run_id}"
    for file, path in zip(old.files, paths, strict=True):
        going.workspace.store.take(f"{past}/{file.name}", path)
    files = list(zip(old.files, paths, strict=True))
    return going.again(replace(old, quarantined=None), files, one.over, f"back to {old.run_id}")
