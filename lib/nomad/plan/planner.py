"""The ordered steps and the reason for each. Changes nothing.

A cell is one table at one date (or a full table). `run` walks this.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Collection, Sequence
from datetime import date
from operator import attrgetter

from nomad import __version__
from nomad.dates import Span
from nomad.errors import CorruptManifest
from nomad.lake.fingerprints import Contents
from nomad.lake.lake import Lake
from nomad.lake.layout import Cell
from nomad.lake.manifest import Facts
from nomad.names import TableName
from nomad.partitions import Partition, folder, of_days, text
from nomad.plan.due import EVERY_DATE, Due, DueDates, always
from nomad.plan.freshness import GONE, Terms, changed_input, named
from nomad.plan.inputs import Inputs
from nomad.plan.lookback import Lacking, looked_back
from nomad.plan.pruning import Pruner
from nomad.plan.reads import InputRead, same_date
from nomad.plan.steps import Action, Plan, Step
from nomad.project.project import Project, Table
from nomad.store.requests import about


def plan(
    project: Project,
    lake: Lake,
    pruner: Pruner,
    *,
    tables: Collection[TableName],
    dates: Sequence[date],
    force: bool = False,
    due_dates: DueDates = always,
) -> Plan:
    """Decide for each selected table and date whether it is fresh, and order what is not.

    A date on which a table is not due is no step of it. Over several dates, a cell is passed over
    where it asks for a date that is absent and no source it descends from delivered that date: a
    holiday. A date that only some sources have, one that the table's calendar names, or a single
    date asked for, is a step all the same, and fails with the missing partition. One that only
    `lookback` adds is none: it waits for what is lacking.
    """
    seen = lake.remembering()
    late: dict[TableName, set[Partition]] = {}
    planner = _Planner(project, seen, pruner, due_dates, force=force, several=len(dates) > 1)
    partitions, undue = of_days(dates), list[Cell]()
    for table in (project.tables[name] for name in project.order if name in tables):
        due = due_dates(table.name) if table.partitioned else EVERY_DATE
        asked = due.among(partitions)
        if len(asked) < len(partitions):
            kept = frozenset(asked)
            undue += ((table.name, p) for p in partitions if p not in kept)
        before = looked_back(project, table, asked, due_dates)
        before = before.union(*(late.get(i, ()) for i in table.inputs))
        late[table.name] = set(due.among(sorted(before)))
        with about(str(table.name)):
            planner.add(table, asked, late[table.name], due)
    return Plan(tuple(planner.steps), tuple(planner.passed_over), tuple(undue), seen)


class _Planner:
    """Goes through the tables in order, remembering which cells will be built."""

    def __init__(
        self,
        project: Project,
        lake: Lake,
        pruner: Pruner,
        due_dates: DueDates,
        *,
        force: bool,
        several: bool,
    ) -> None:
        self._project, self._lake, self._force, self._several = project, lake, force, several
        self._building: dict[TableName, dict[Partition | None, None]] = {}
        self._in_order: dict[TableName, list[Partition]] = {}
        self._all: dict[TableName, tuple[int, tuple[Cell, ...]]] = {}
        self._inputs = Inputs.of_lake(project, lake, pruner)
        self._lacking = Lacking(project, due_dates, self._will_be_there)
        self.steps: list[Step] = []
        self.passed_over: list[Cell] = []

    def add(
        self, table: Table, asked: Sequence[Partition], late: Collection[Partition], due: Due
    ) -> None:
        """Plan one table: each partition, or once where it has none.

        `late` are partitions before them to look at again, where a source has them.
        """
        dated = sorted({*asked, *late}) if late else asked
        cells: Sequence[Partition | None] = dated if table.partitioned else (None,)
        if table.fault:
            self._broken(table, cells)
            return
        if len(cells) > _WEEK:
            for name in (table.name, *table.inputs):
                self._lake.survey(name)
        terms, wanted = Terms(self._project, table), frozenset(asked)
        settled = self._settled(table, terms)
        for partition in cells:
            if folder(partition) in settled:
                self.steps.append(Step(table.name, partition, Action.FRESH, "fresh"))
                continue
            step = self._step(table, partition, terms)
            own = partition in wanted
            may_lack = (self._several or not own) and not (own and _must_be(partition, due))
            if may_lack and self._lacks(step, own=own):
                self.passed_over += [step.cell] if own else []
                continue
            if step.action == Action.BUILD:
                self._building.setdefault(table.name, {})[partition] = None
            self.steps.append(step)

    def _broken(self, table: Table, cells: Sequence[Partition | None]) -> None:
        """Plan a table that can't be built: each step of it will fail, and block what needs it."""
        why = f"can't be built: {str(table.fault).splitlines()[0]}"
        self._building[table.name] = dict.fromkeys(cells)
        self.steps += [Step(table.name, p, Action.BUILD, why) for p in cells]

    def _settled(self, table: Table, terms: Terms) -> set[str]:
        """Name what is fresh at a glance: its terms and each day it read are as they were.

        And its files are there. All else gets a closer look, which also tells the reason. Where
        nothing is built of what it reads, what was found by the same terms and partitions before
        holds.
        """
        fingerprints = self._lake.fingerprints(table.name)
        unsure = self._force or table.volatile or table.query.reads_itself
        if unsure or not fingerprints.names:
            return set()

        def find() -> list[str]:
            contents = {str(name): self._contents(name) for name in table.inputs}
            stale = fingerprints.unsettled(terms.told, contents)
            names = fingerprints.names - stale
            gone = (n for n in names if self._lake.gone(table.name, n, fingerprints.files(n)))
            return [*stale, *gone]

        if any(name in self._building for name in table.inputs):
            return fingerprints.names - find()
        dated = (f"{name} {self._project.partitioned(name)}" for name in table.inputs)
        told = (__version__, *terms.told, *dated)
        return fingerprints.names - self._lake.recalled(table.name, told, table.inputs, find)

    def _contents(self, name: TableName) -> Contents:
        """Give what a survey saw of an input, less what this plan builds of it."""
        seen = self._lake.fingerprints(name).contents(partitioned=self._project.partitioned(name))
        if name not in self._building:
            return seen
        building = map(text, self._building[name])
        return {**seen, **dict.fromkeys(building)}

    def _step(self, table: Table, partition: Partition | None, terms: Terms) -> Step:
        try:
            reason = "forced" if self._force else self._why(table, partition, terms)
        except CorruptManifest as e:
            reason = f"{e.where} can't be read; {e.hint}"
        if reason is None:
            return Step(table.name, partition, Action.FRESH, "fresh")
        reads = self._inputs.resolve(table.query, partition)
        needs = self._needs(table, partition, reads)
        judged = self._inputs.looks_back(table, partition)
        after = self._latest_before(table.name, partition) if judged else ()
        return Step(table.name, partition, Action.BUILD, reason, reads, needs, after)

    def _why(self, table: Table, partition: Partition | None, terms: Terms) -> str | None:
        """Say why a cell is to be built, or None.

        Raises:
            CorruptManifest: that can't be told, as a manifest can't be read.
        """
        name = folder(partition)
        facts = self._lake.facts(table.name, name)
        reason = terms.broken_by(facts)
        if facts is not None:
            reason = reason or self._upstream_reason(facts)
            reason = reason or changed_input(facts, self._lake)
        files = facts.names if facts else ()
        return reason or (GONE if self._lake.gone(table.name, name, files) else None)

    def _upstream_reason(self, facts: Facts) -> str | None:
        """Name an input that this plan builds first; the run will see whether its rows change."""
        if not self._building:
            return None
        for read in facts.inputs:
            name = TableName.parse(read.table)
            if name not in self._building:
                continue
            span = read.span
            for partition in self._due(name, (span,) if span else None):
                day = text(partition)
                return f"input {named(read.table, day, day)} changed"
        return None

    def _due(self, name: TableName, spans: tuple[Span, ...] | None) -> list[Partition | None]:
        """Name the partitions within spans (None: any) that this plan builds, in order."""
        building = self._building.get(name, {})
        if spans is None or None in building:
            return sorted(building, key=folder)
        there = self._in_order.setdefault(name, [])
        if len(there) < len(building):
            there[:] = sorted(p for p in building if p)
        return list(dict.fromkeys(p for s in spans for p in _within(there, s)))

    def _needs(
        self, table: Table, partition: Partition | None, reads: tuple[InputRead, ...] | None
    ) -> tuple[Cell, ...]:
        if reads is None:
            return self._all_inputs(table)
        known = {r.table: r.spans for r in reads}
        own = self._related(table, partition)
        found: dict[Cell, None] = {}
        for name in table.inputs:
            for spans in (m[name] for m in (known, own) if name in m):
                found |= dict.fromkeys((name, p) for p in self._waited(table, name, spans))
        if self._asks_for_a_gap(table.name, reads):
            found |= dict.fromkeys(self._latest_before(table.name, partition))
        return tuple(found)

    def _asks_for_a_gap(self, table: TableName, reads: tuple[InputRead, ...]) -> bool:
        """Tell whether a table asks itself for a date nobody builds: has it a past at all?"""
        asked = of_days(day for r in reads if r.table == table for day in r.asked)
        return any(not self._will_be_there(table, p) for p in asked)

    def _latest_before(self, table: TableName, partition: Partition | None) -> tuple[Cell, ...]:
        before = self._due(table, (partition.past,)) if partition else []
        return tuple((table, p) for p in before[-1:])

    def _all_inputs(self, table: Table) -> tuple[Cell, ...]:
        """Name all that is built of a table's inputs; of many cells that wait for it, once."""
        size = sum(len(self._building.get(name, ())) for name in table.inputs)
        before, known = self._all.get(table.name, (0, ()))
        if before != size:
            known = tuple((name, p) for name in table.inputs for p in self._due(name, None))
            self._all[table.name] = (size, known)
        return known

    def _waited(
        self, table: Table, name: TableName, spans: tuple[Span, ...] | None
    ) -> list[Partition | None]:
        """Name the partitions to wait for; of a table's own past the latest of a span will do.

        That one has waited for those before it.
        """
        if name != table.name or spans is None:
            return self._due(name, spans)
        return [due[-1] for s in spans if (due := self._due(name, (s,)))]

    def _related(
        self, table: Table, partition: Partition | None
    ) -> dict[TableName, tuple[Span, ...] | None]:
        """Name what the contract reads: of a table by date the same date, of a check anything."""
        dated = self._project.partitioned
        related = (same_date(n, partition, partitioned=dated(n)) for _, n in table.related)
        checked = (name for c in table.checks for name in c.query.tables)
        return {**{r.table: r.spans for r in related}, **dict.fromkeys(checked)}

    def _lacks(self, step: Step, *, own: bool) -> bool:
        """Tell whether a step is left out, as there is not yet, or never, what it needs."""
        if step.partition is None or step.action is not Action.BUILD:
            return False
        lacks = self._lacking.asked if own else self._lacking.added
        return self._without_source(step, step.partition) or lacks(step, step.partition)

    def _without_source(self, step: Step, partition: Partition) -> bool:
        """Tell whether a step asks for a date that is absent because no source has it."""
        absent = (
            (read.table, asked)
            for read in step.reads or ()
            if read.table != step.table
            for asked in of_days(read.asked)
            if not self._will_be_there(read.table, asked)
        )
        if next(absent, None) is None:
            return False
        sources = self._project.sources_of(step.table)
        return not any(self._there(s, partition) for s in sources)

    def _will_be_there(self, table: TableName, partition: Partition) -> bool:
        return partition in self._building.get(table, ()) or self._there(table, partition)

    def _there(self, table: TableName, partition: Partition) -> bool:
        """Tell whether there is a manifest, be it one that can't be read."""
        try:
            return self._lake.facts(table, folder(partition)) is not None
        except CorruptManifest:
            return True


def _must_be(partition: Partition | None, due: Due) -> bool:
    """Tell whether a date is one that its calendar names."""
    return partition is not None and due.must_be(partition)


def _within(there: Sequence[Partition], span: Span) -> Sequence[Partition]:
    """Take those of sorted partitions whose date lies in a span."""
    begin = bisect_left(there, span.first, key=_START)
    return there[begin : bisect_right(there, span.last, key=_START)]


_START = attrgetter("start")
_WEEK = 7
"""From more dates than that on, a table's manifests are looked at all at once."""
