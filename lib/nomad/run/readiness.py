"""Whether a date of a source is due: what is not ready yet is waited for, which is no failure."""

from __future__ import annotations

from collections.abc import Iterable

from nomad.config.ready import ready_at
from nomad.config.sources import SourceConfig
from nomad.errors import ConfigError, MissingPartition, NomadError
from nomad.lake.layout import Cell, locate
from nomad.lake.words import named
from nomad.names import RAW, TableName
from nomad.partitions import Partition
from nomad.run.result import Outcome, Result, Status
from nomad.sqlfile.variables import render
from nomad.workspace import Workspace

READY_AFTER = "ready_after"


def not_due(
    workspace: Workspace, source: SourceConfig, partition: Partition | None
) -> Result | None:
    """Tell of a date of a source that it is too early to ask for; None where it isn't.

    Raises:
        ConfigError: the source is not fetched by date, or it names no time.
    """
    if (given := source.options.get(READY_AFTER)) is None:
        return None
    if partition is None:
        raise _wrong(source, f"needs a `$<PARTITION_DATE>` in an option beside `{READY_AFTER}`")
    text = render(str(given), workspace.variables, path=source.origin, sql=False)
    due = ready_at(text, partition.start, workspace.config.timezone)
    if due is None:
        raise _wrong(source, f"`{READY_AFTER}` is no time of the day: `{text}`")
    if workspace.now() >= due:
        return None
    reason = f"not before {due:%Y-%m-%d %H:%M}"
    return Result(TableName(RAW, source.name), partition, Status.WAITING, reason)


def too_early(
    workspace: Workspace, names: Iterable[TableName], partitions: Iterable[Partition]
) -> list[Partition]:
    """Name the partitions for which it is too early to ask one of some sources."""
    sources = [workspace.config.sources[n.name] for n in sorted(names)]
    dated = [s for s in sources if READY_AFTER in s.options]
    return [p for p in partitions if any(not_due(workspace, s, p) for s in dated)]


def awaited(workspace: Workspace, cell: Cell, error: NomadError) -> Outcome | None:
    """Tell of a step that lacks what a source isn't ready to give yet; None of any other."""
    key = error.key if isinstance(error, MissingPartition) else None
    place = locate(key) if key else None
    if place is None or place.table.layer != RAW:
        return None
    source = workspace.config.sources.get(place.table.name)
    waiting = not_due(workspace, source, place.partition) if source and place.partition else None
    if waiting is None:
        return None
    needed = f"needs {named(waiting.table, waiting.partition)}, which waits: {waiting.reason}"
    return Outcome(Result(*cell, Status.WAITING, needed))


def _wrong(source: SourceConfig, what: str) -> ConfigError:
    return ConfigError(
        f"source `{source.name}` {what}",
        where=source.origin,
        hint='write it like "16:30", or "1 day 09:00" for the day after',
    )
