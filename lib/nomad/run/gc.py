"""Finds what can go: history past its keep, leftovers of crashed runs, old journals.

It never names a file that a manifest names, published or in a history that is kept.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from nomad.errors import ConfigError
from nomad.lake.claims import sweep
from nomad.lake.decoding import read_manifests
from nomad.lake.layout import HISTORY, JOURNALS, below, folder_of, journal_day, manifest_in, name_of
from nomad.lake.manifest import Manifest, newest_first
from nomad.lake.publish import is_whole, parts
from nomad.names import RAW
from nomad.run.orphans import Orphan, orphans
from nomad.run.recovery import examine, has_project, recover
from nomad.store.base import Store
from nomad.store.capabilities import Tidy
from nomad.workspace import Workspace

JOURNAL_DAYS = 365
"""Days after which a journal is old, unless told otherwise."""


@dataclass(frozen=True)
class Waste:
    """One object that can go, and why."""

    key: str
    why: str
    orphaned: bool = False


def waste(
    workspace: Workspace, *, journal_days: int = JOURNAL_DAYS, orphaned: bool = False
) -> list[Waste]:
    """Name all that can go, in the order in which to remove it.

    `orphaned` asks also for what is left of tables and sources that are gone.

    Raises:
        Misuse: that is asked for, and the project can't be read, or has no table.
    """
    gone = _orphans(workspace) if orphaned else []
    layers = ("raw", *workspace.config.layers)
    found = examine(workspace, workspace.died(), deep=False)
    left = [Waste(f.where, f.what) for f in found if f.remedy == "remove"]
    left += [Waste(key, orphan.why, orphaned=True) for orphan in gone for key in orphan.keys]
    known = {w.key for w in left}
    return [
        *left,
        *(w for layer in layers for w in _history(workspace, layer) if w.key not in known),
        *_journals(workspace, journal_days),
    ]


def _orphans(workspace: Workspace) -> list[Orphan]:
    """Find what is left of tables gone; where no table is there at all, `sql/` itself is gone.

    A project may be of sources alone: its lake has nothing else.
    """
    project = workspace.project
    found = orphans(workspace) if project.tables or project.config.sources else None
    if found is None or (not project.tables and any(o.table.layer != RAW for o in found)):
        raise ConfigError(
            "sql/ holds no table: everything would be an orphan",
            where=str(workspace.root / "sql"),
            hint="bring the SQL files back, or remove the lake's folders by hand",
        )
    return found


def _history(workspace: Workspace, layer: str) -> Iterator[Waste]:
    """Name the versions of each partition past their keep; without its manifest each is gone."""
    store, keep, days = workspace.store, workspace.config.lake.history, _days(workspace)
    told = f"older than {days} days" if days else f"beyond the {keep} that are kept"
    for cell, versions in _versions(store, layer).items():
        if not days and len(versions) <= keep:
            continue
        now = next((m for _, m in _read(store, [manifest_in(cell)])), None)
        ordered = _newest_first(now, versions)
        for past in _old(workspace, now, ordered) if days else ordered[keep:]:
            keys = [f"{past.folder}/{n}" for n in parts(past.manifest) if n in past.names]
            for key in (manifest_in(past.folder), *keys):
                yield Waste(key, f"a past version {told}")


def _days(workspace: Workspace) -> int | None:
    return workspace.config.lake.history_days


class _Past(NamedTuple):
    """A past version that is whole: its folder, and the names there."""

    folder: str
    names: set[str]
    manifest: Manifest


def _versions(store: Store, layer: str) -> dict[str, list[_Past]]:
    """Give the past versions that are whole, by the folder of their partition."""
    names: dict[str, set[str]] = {}
    for entry in store.list(below(HISTORY, layer)):
        names.setdefault(folder_of(entry.key), set()).add(name_of(entry.key))
    found: dict[str, list[_Past]] = {}
    keys = (manifest_in(f) for f in names if name_of(manifest_in(f)) in names[f])
    for key, manifest in _read(store, keys):
        folder = folder_of(key)
        if is_whole(manifest, names[folder]):
            found.setdefault(manifest.folder, []).append(_Past(folder, names[folder], manifest))
    return found


def _newest_first(now: Manifest | None, versions: Sequence[_Past]) -> list[_Past]:
    by_run = {v.manifest.run_id: v for v in versions}
    return [by_run[m.run_id] for m in newest_first(now, (v.manifest for v in versions))]


def _read(store: Store, keys: Iterable[str]) -> Iterator[tuple[str, Manifest]]:
    """Read manifests; what can't be read is nothing that one may decide by."""
    read = read_manifests(store, keys)
    return ((key, found) for key, found in read if isinstance(found, Manifest))


def _old(workspace: Workspace, now: Manifest | None, versions: Sequence[_Past]) -> Iterator[_Past]:
    """Give the versions (the newest first) that were superseded longer ago than they are kept.

    One of which it isn't known when it was superseded is kept.
    """
    oldest = workspace.now() - timedelta(days=_days(workspace) or 0)
    later = [now] if now else []
    for version in versions:
        ended = _superseded(version.manifest, later)
        if ended and ended < oldest:
            yield version
        later.append(version.manifest)


def _superseded(version: Manifest, later: Sequence[Manifest]) -> datetime | None:
    """Tell when a version was superseded: when its successor was made, or a later one at most.

    Not before it was made itself: the clock may have been set back in between.
    """
    after = [m for m in later if m.previous == version.run_id] or later
    return max(version.made_at, min(m.made_at for m in after)) if after else None


def _journals(workspace: Workspace, days: int) -> Iterator[Waste]:
    oldest = workspace.now().date() - timedelta(days=days)
    for entry in workspace.store.list(JOURNALS):
        day = journal_day(entry.key)
        if day is not None and day < oldest:
            yield Waste(entry.key, f"a journal older than {days} days")


def remove(
    workspace: Workspace, found: list[Waste], *, journal_days: int = JOURNAL_DAYS
) -> list[Waste]:
    """Remove what was found, and give it; a catalog that may still name some is renewed before.

    What runs that died superseded goes to the history first. Where other machines write as well,
    that took long enough for one of them to have named a file: only what is still waste goes.
    """
    recover(workspace)
    sweep(Path(tempfile.gettempdir()))
    known = workspace.catalog_path.exists() and has_project(workspace)
    if found and known and workspace.catalog_is_due:
        workspace.refresh_catalog()
    if found and workspace.place.shared:
        orphaned = any(w.orphaned for w in found)
        still = {w.key for w in waste(workspace, journal_days=journal_days, orphaned=orphaned)}
        found = [w for w in found if w.key in still]
    for one in found:
        workspace.store.delete(one.key)
    if isinstance(workspace.store, Tidy):
        workspace.store.tidy(folder_of(f.key) for f in found if f.orphaned)
    return found
