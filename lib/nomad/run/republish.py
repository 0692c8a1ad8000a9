"""The rows of a known version, published once more: those that count, and those refused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from nomad.lake.layout import refused_file
from nomad.lake.manifest import DataFile, Manifest, Over
from nomad.lake.words import command_for
from nomad.names import counted
from nomad.run.context import Context
from nomad.run.result import Outcome


def republish(
    context: Context,
    old: Manifest,
    files: Sequence[tuple[DataFile, Path]],
    *,
    over: Over,
    refused: Path | None,
    reason: str,
) -> Outcome:
    """Publish a version's rows in staged files, which this run names.

    `refused` is the file of its refused rows, which go with it; it may be gone.
    """
    run_id = context.run.id
    named = tuple(
        f._replace(name=f"{run_id}-{i}{path.suffix}") for i, (f, path) in enumerate(files)
    )
    held = old.quarantined._replace(name=refused_file(run_id)) if old.quarantined else None
    ours = replace(
        old,
        run_id=run_id,
        generated_at=context.workspace.now().isoformat(timespec="seconds"),
        files=named,
        quarantined=held if refused else None,
    )
    commit = context.publisher.publish(ours, [path for _, path in files], over, refused)
    if held and not refused:
        return context.outcome(commit, f"{reason}; {lost_rows(old)}")
    outcome = context.outcome(commit, reason)
    rows = held.rows if held else 0
    return outcome._replace(result=outcome.result._replace(quarantined=rows))


def refused_rows(context: Context, old: Manifest, folder: str) -> Path | None:
    """Bring the refused rows of a version from where they lie, if they are still there."""
    name = old.quarantined.name if old.quarantined else None
    key, store = f"{folder}/{name}", context.store
    if name is None or all(e.key != key for e in store.list(folder)):
        return None
    file = f"{context.run.id}-{old.dest}-{old.partition}.quarantine.parquet"
    path = context.run.scratch / file
    store.get(key, path)
    return path


def lost_rows(version: Manifest) -> str:
    """Say that a version's refused rows are not kept, and how to have them again."""
    rows = version.quarantined.rows if version.quarantined else 0
    how = f"`{command_for(*version.cell, force=True)}` finds such rows again"
    return f"its {counted(rows, 'row')} in quarantine were not kept: {how}"
