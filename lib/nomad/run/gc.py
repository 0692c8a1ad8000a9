"""Finds what can go: history past its keep, leftovers of crashed runs, old journals.

It never names a file that a manifest names, published or in a history that is kept.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from nomad.journal import FOLDER as JOURNALS
from nomad.manifest import FILE
from nomad.partition import from_folder
from nomad.publish import HISTORY
from nomad.run.leftovers import amiss, has_project, recover
from nomad.store.base import Entry
from nomad.workspace import Workspace

JOURNAL_DAYS = 365
"""Days after which a journal is old, unless told otherwise."""


@dataclass(frozen=True)
class Waste:
    """One object that can go, and why."""

    key: str
    why: str


def waste(workspace: Workspace, *, journal_days: int = JOURNAL_DAYS) -> list[Waste]:
    """Name all that can go, in the order in which to remove it."""
    layers = ("raw", *workspace.config.layers)
    found = amiss(workspace, workspace.died(), deep=False)
    left = [Waste(f.where, f.what) for f in found if f.remedy == "remove"]
    known = {w.key for w in left}
    return [
        *left,
        *(w for layer in layers for w in _history(workspace, layer) if w.key not in known),
        *_journals(workspace, journal_days),
    ]


def _history(workspace: Workspace, layer: str) -> Iterator[Waste]:
    """Name the versions of each partition beyond the newest few, manifests last."""
    versions: dict[str, dict[str, list[Entry]]] = {}
    for entry in workspace.store.entries(f"{HISTORY}/{layer}"):
        folder, run, _ = entry.key.rsplit("/", 2)
        versions.setdefault(folder, {}).setdefault(run, []).append(entry)
    keep, days = workspace.config.lake.history, workspace.config.lake.history_days
    oldest = (workspace.now() - timedelta(days=days)).strftime("%Y%m%dT%H%M%SZ") if days else ""
    for runs in versions.values():
        whole = [r for r, found in runs.items() if any(e.key.endswith(f"/{FILE}") for e in found)]
        newest = sorted(whole, reverse=True)
        for run in newest[keep:] if not days else [r for r in newest if r < oldest]:
            for entry in sorted(runs[run], key=lambda e: e.key.endswith(FILE)):
                told = f"older than {days} days" if days else f"beyond the {keep} that are kept"
                yield Waste(entry.key, f"a past version {told}")


def _journals(workspace: Workspace, days: int) -> Iterator[Waste]:
    oldest = workspace.now().date() - timedelta(days=days)
    for entry in workspace.store.entries(JOURNALS):
        day = from_folder(entry.key.split("/")[1])
        if day is not None and day < oldest:
            yield Waste(entry.key, f"a journal older than {days} days")


def remove(workspace: Workspace, found: list[Waste]) -> None:
    """Remove what was found; a catalog that may still name some of it is renewed before.

    What runs that died superseded goes to the history first.
    """
    recover(workspace)
    known = workspace.catalog_path.exists() and has_project(workspace)
    if found and known and workspace.catalog_is_due:
        workspace.refresh_catalog()
    for one in found:
        workspace.store.delete(one.key)
