"""A plan as a value: steps in the order in which they run, each with its reason."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from enum import StrEnum
from typing import NamedTuple

from nomad.lake.lake import Lake
from nomad.lake.layout import Cell
from nomad.names import TableName
from nomad.partitions import Partition
from nomad.plan.reads import InputRead


class Action(StrEnum):
    """What a step is to do: build, or nothing, as it is up to date."""

    BUILD = "build"
    FRESH = "fresh"


class Step(NamedTuple):
    """One cell, what is to be done with it, and why.

    `reads` is None where the inputs' columns aren't known before they are built; `needs` are the
    steps of the same plan to wait for, `after` those to wait for however they end.
    """

    table: TableName
    partition: Partition | None
    action: Action
    reason: str
    reads: tuple[InputRead, ...] | None = None
    needs: tuple[Cell, ...] = ()
    after: tuple[Cell, ...] = ()

    @property
    def cell(self) -> Cell:
        """Table and partition."""
        return (self.table, self.partition)

    @property
    def waits_for(self) -> tuple[Cell, ...]:
        """What must have ended before it begins."""
        return (*self.needs, *self.after)


@dataclass(frozen=True)
class Plan:
    """Steps in the order in which they run.

    `passed_over` are cells of a range for which no source has the date; `undue` are those of dates
    outside their calendar; `lake` is what was published as the plan saw it.
    """

    steps: tuple[Step, ...]
    passed_over: tuple[Cell, ...] = ()
    undue: tuple[Cell, ...] = ()
    lake: Lake | None = field(default=None, compare=False, repr=False)

    @property
    def without_source(self) -> tuple[Partition, ...]:
        """The partitions passed over, of whatever table, each once, in order."""
        return tuple(sorted({p for _, p in self.passed_over if p}))


def narrowed(
    found: Plan, *, keep: Callable[[Step], bool], newest_first: bool = False, most: int = 0
) -> Plan:
    """Keep some steps of a plan, perhaps the newest dates first, and perhaps only so many.

    Whatever the order, a step comes after those it needs; `most` 0 sets no limit.
    """
    steps = [s for s in found.steps if s.action is Action.BUILD and keep(s)]
    if newest_first:
        steps.sort(key=lambda s: s.partition or _FIRST, reverse=True)
        steps = [s._replace(needs=s.needs[::-1]) for s in steps]
    ordered = list(_after_their_needs(steps))
    return replace(found, steps=tuple(ordered[:most] if most else ordered))


_FIRST = Partition(date.min)
"""Stands for a full table where partitions are sorted."""


def _after_their_needs(steps: Sequence[Step]) -> Iterator[Step]:
    """Give steps in their order, each preceded by those among them that it waits for."""
    waiting = {s.cell: s for s in steps}
    for step in steps:
        stack = [step]
        while stack:
            top = stack[-1]
            missing = next((waiting[n] for n in top.waits_for if n in waiting), None)
            if missing is not None and missing is not top:
                stack.append(missing)
                continue
            stack.pop()
            if waiting.pop(top.cell, None):
                yield top
