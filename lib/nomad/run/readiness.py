"""Whether a date of a source is due: what is not ready yet is waited for, which is no failure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property

from nomad.config.ready import ready_at
from nomad.config.sources import SourceConfig
from nomad.errors import ConfigError, MissingPartition, NomadError
from nomad.lake.journal import steps
from nomad.lake.lake import Lake
from nomad.lake.layout import JOURNAL, JOURNALS, Cell, locate, name_of
from nomad.lake.words import named
from nomad.names import RAW, TableName
from nomad.partitions import Partition, parse
from nomad.run.result import Outcome, Result, Status
from nomad.sqlfile.variables import render
from nomad.workspace import Workspace

READY_AFTER, COMPLETE = "ready_after", "complete"


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


class Awaited:
    """What sources aren't ready to give yet, for the steps of one run that lack it."""

    def __init__(self, workspace: Workspace, lake: Lake) -> None:
        self._workspace, self._lake = workspace, lake

    def lacking(self, cell: Cell, error: NomadError) -> Outcome | None:
        """Tell of a step that lacks what is waited for; None of one that went wrong otherwise."""
        key = error.key if isinstance(error, MissingPartition) else None
        place = locate(key) if key else None
        why = self._why(place.table, place.partition) if place else None
        if place is None or why is None:
            return None
        needed = f"needs {named(place.table, place.partition)}, which waits: {why}"
        return Outcome(Result(*cell, Status.WAITING, needed))

    def _why(self, table: TableName, partition: Partition | None) -> str | None:
        source = self._workspace.config.sources.get(table.name) if table.layer == RAW else None
        if source is None:
            return None
        if COMPLETE in source.options and (reason := self._incomplete.get((table, partition))):
            return reason
        early = not_due(self._workspace, source, partition) if partition else None
        return early.reason if early else None

    @cached_property
    def _incomplete(self) -> Mapping[Cell, str]:
        """Name what was last landed as not complete, and why, by the journals."""
        found: dict[Cell, str] = {}
        journals = self._lake.listing.every(JOURNALS, suffix=JOURNAL, fresh=True)
        for key in sorted(journals, key=name_of):
            for step in steps(journals[key].data):
                cell = TableName.parse(step["table"]), parse(step["partition_date"])
                if cell[0].layer == RAW and step["status"] == Status.WAITING:
                    found[cell] = step["reason"]
                else:
                    found.pop(cell, None)
        return found


def _wrong(source: SourceConfig, what: str) -> ConfigError:
    return ConfigError(
        f"source `{source.name}` {what}",
        where=source.origin,
        hint="write it like 16:30, or `1 day 09:00` for the day after",
    )
