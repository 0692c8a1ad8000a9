"""The dates that `lookback` adds, and those at which a step lacks what its sources should bring.

Such a date waits: a table of the month to date would come without it, and nobody was told.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache

from nomad.config.lookback import lookback_of
from nomad.names import RAW, TableName
from nomad.partitions import Partition, of_days
from nomad.plan.due import Due, DueDates
from nomad.plan.steps import Step
from nomad.project.project import Project, Table

There = Callable[[TableName, Partition], bool]
"""Tells of a table or a source whether it is published at a date, or will be."""


def looked_back(
    project: Project, table: Table, partitions: Sequence[Partition], due_dates: DueDates
) -> set[Partition]:
    """Name the earlier dates that a table looks at again, or a source that it reads."""
    back = table.contract.lookback if table.contract else 0
    found = due_dates(table.name).looked_back(partitions, back) if back > 1 else set()
    for name in (i for i in table.inputs if i.layer == RAW):
        many = lookback_of(project.config.sources[name.name].options)
        if many > 1:
            due = due_dates(name)
            found |= due.looked_back(due.among(partitions), many)
    return found


class Lacking:
    """Finds what a step lacks of its own date: inputs that should have it, but for their sources.

    An input whose calendar leaves the date out lacks nothing, and so does one that comes seldom:
    none of its sources looks back, and another source of the step has the date.
    """

    def __init__(self, project: Project, due_dates: DueDates, there: There) -> None:
        self._project, self._there = project, there
        self._due: Callable[[TableName], Due] = lru_cache(None)(due_dates)

    def added(self, step: Step, partition: Partition) -> bool:
        """Tell it of a date that nobody asked for, which `lookback` adds."""
        if any(self._asked_in_vain(step)):
            return True
        if self._there(step.table, partition) or not (absent := self._absent(step, partition)):
            return False
        behind = any(self._held_up(name, partition) for name in absent)
        return behind or not self._has_source(step.table, partition)

    def asked(self, step: Step, partition: Partition) -> bool:
        """Tell it of one date of a range: no source has it, and one of them looks back."""
        if self._there(step.table, partition) or self._has_source(step.table, partition):
            return False
        absent = self._absent(step, partition)
        return any(self._looks_back(s) for name in absent for s in self._sources(name))

    def _asked_in_vain(self, step: Step) -> Iterator[bool]:
        """Tell of each date that a step asks for singly whether it is absent."""
        for read in (r for r in step.reads or () if r.table != step.table):
            yield from (not self._there(read.table, day) for day in of_days(read.asked))

    def _absent(self, step: Step, partition: Partition) -> list[TableName]:
        """Name the inputs that a step reads the date of, are due then, and don't have it.

        Of one whose reads aren't known yet, any source.
        """
        read = [
            r.table for r in step.reads or () if any(partition.start in s for s in r.spans or ())
        ]
        names = self._project.sources_of(step.table) if step.reads is None else read
        absent = (n for n in names if n != step.table and not self._there(n, partition))
        return [n for n in absent if self._due(n).is_due(partition)]

    def _held_up(self, name: TableName, partition: Partition) -> bool:
        """Tell whether an input will have the date: its source has, or looks back for it."""
        if name.layer == RAW:
            return self._looks_back(name)
        return any(self._there(s, partition) or self._looks_back(s) for s in self._sources(name))

    def _has_source(self, table: TableName, partition: Partition) -> bool:
        return any(self._there(s, partition) for s in self._project.sources_of(table))

    def _sources(self, name: TableName) -> tuple[TableName, ...]:
        return (name,) if name.layer == RAW else self._project.sources_of(name)

    def _looks_back(self, source: TableName) -> bool:
        return lookback_of(self._project.config.sources[source.name].options) > 1
