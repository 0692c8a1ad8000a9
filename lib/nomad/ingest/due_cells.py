"""What of the sources is fetched: each at the dates on which it is due, or whole."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from typing import NamedTuple

from nomad.config.lookback import lookback_of
from nomad.config.sources import SourceConfig
from nomad.lake.layout import Cell
from nomad.names import RAW, TableName
from nomad.partitions import Partition, of_days
from nomad.plan.due import DueDates
from nomad.project.project import source_is_partitioned


class SourceCell(NamedTuple):
    """A source at a date, or (None) all of it; `again`: it is asked for once more by `lookback`."""

    source: SourceConfig
    partition: Partition | None
    again: bool = False

    @property
    def table(self) -> TableName:
        """The table that it is read as."""
        return TableName(RAW, self.source.name)

    @property
    def named(self) -> tuple[str, str]:
        """The source's name, and the date as text; empty for all of it."""
        return (self.source.name, str(self.partition or ""))

    @property
    def cell(self) -> Cell:
        """Table and partition."""
        return (self.table, self.partition)


def is_dated(source: SourceConfig, variables: Mapping[str, str]) -> bool:
    """Tell whether a source is fetched date by date."""
    return not source.in_parts and source_is_partitioned(source, variables)


def due_cells(
    sources: Iterable[SourceConfig],
    dates: Sequence[date],
    variables: Mapping[str, str],
    due_dates: DueDates,
) -> Iterator[SourceCell]:
    """Name what is to be fetched: all of a source, or each date on which it is due, in order.

    And so many due dates before each as the source looks back at.
    """
    for source in sources:
        if not is_dated(source, variables):
            yield SourceCell(source, None)
            continue
        due = due_dates(TableName(RAW, source.name))
        asked = set(due.among(of_days(dates)))
        before = due.looked_back(asked, lookback_of(source.options))
        yield from (SourceCell(source, p, p not in asked) for p in sorted(asked | before))
