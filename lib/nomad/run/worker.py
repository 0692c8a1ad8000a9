"""Does one step of a plan, in whatever thread it is called: build, check, publish."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from nomad.build import stage
from nomad.build.inputs import BoundInput, bind, missing
from nomad.build.merge import OldRows
from nomad.contract.contract import MERGE
from nomad.engine.instance import Staged
from nomad.errors import LostRace, MissingPartition, NomadError, QueryFailed, Refused, Unreachable
from nomad.files import nothing_left
from nomad.lake.lake import Lake
from nomad.lake.layout import Cell
from nomad.lake.manifest import Facts, Input, Over, Published
from nomad.lake.publish import lost
from nomad.lake.words import named
from nomad.names import TableName
from nomad.partitions import folder
from nomad.plan import own_past
from nomad.plan.freshness import why_stale
from nomad.plan.inputs import Inputs
from nomad.plan.reads import InputRead
from nomad.plan.steps import Step
from nomad.project.project import Table
from nomad.run.context import Context
from nomad.run.gate import Gate
from nomad.run.publisher import Recipe
from nomad.run.readiness import Awaited
from nomad.run.result import OUT_OF_MEMORY, Outcome, Result, Status, shortage
from nomad.run.runners.base import Task
from nomad.store.requests import about
from nomad.workspace import Workspace

if TYPE_CHECKING:
    from nomad.build.checks.inspection import Inspected
    from nomad.build.checks.subject import Subject

_TRIES = 5
"""How often a step starts over when an input is replaced while it reads."""

_BREATH = 0.05
"""Seconds between two attempts to break off a query."""


class Options(NamedTuple):
    """How a run goes about its plan. `jobs` 0 takes what the configuration says.

    `full_refresh` makes tables that merge forget what they hold.
    """

    force: bool = False
    allow_missing: bool = False
    dry_run: bool = False
    fail_fast: bool = False
    wait: bool = False
    jobs: int = 0
    full_refresh: bool = False


class Worker:
    """Does one step, in whatever thread it is called; so many `jobs` compute at once."""

    def __init__(
        self,
        context: Context,
        options: Options,
        tables: Iterable[Table],
        *,
        jobs: int = 1,
        shares: int = 1,
    ) -> None:
        self._context, self._options = context, options
        self._workspace = context.workspace
        self._awaited = Awaited(context.workspace, context.lake)
        self._engine = context.engine(tables, shares=shares)
        self._gate = Gate(jobs, self._engine)
        self._busy: set[Cell] = set()
        self._stopping = False

    def stop(self) -> None:
        """Break off what runs, and begin nothing more.

        Said again until it is heard: between two statements an interrupt is lost.
        """
        self._stopping = True
        while self._busy:
            self._engine.interrupt()
            time.sleep(_BREATH)

    def act(self, task: Task) -> Outcome:
        """Bring one step to its end.

        An error becomes part of the result. A task that is tried once more for want of memory is
        done with the least that DuckDB can do with.
        """
        step, retry = task
        self._busy.add(step.cell)
        try:
            if self._stopping:
                blocked = Result(step.table, step.partition, Status.BLOCKED, "interrupted")
                return Outcome(blocked)
            lean = retry == OUT_OF_MEMORY
            outcome = self._timed(step, lambda: self._decided(step, lean=lean))
            return _told_again(outcome, retry) if retry else outcome
        finally:
            self._busy.discard(step.cell)

    def end(self, step: Step, bad: Result | None) -> Outcome:
        """Give the end of a step that has nothing to do: it is fresh, or needs `bad`."""
        kept = partial(_kept, step, self._context.lake, "fresh")
        return self._timed(step, partial(_blocked, step, bad) if bad else kept)

    def _timed(self, step: Step, ended: Callable[[], Outcome]) -> Outcome:
        began, self._gate.waited = time.monotonic(), 0.0
        try:
            with about(str(step.table)):
                outcome = ended()
        except NomadError as e:
            where = e.where or self._workspace.project.tables[step.table].sql.path
            reason = str(e.what) if isinstance(e, MissingPartition) else step.reason
            waiting = self._awaited.lacking(step.cell, e)
            outcome = waiting or _failed(step, reason, e.replace(where=where))
        waited = self._gate.waited
        seconds = time.monotonic() - began - waited
        return outcome._replace(result=outcome.result._replace(seconds=seconds, waited=waited))

    def _decided(self, step: Step, *, lean: bool) -> Outcome:
        """Skip what has become fresh since the plan: an early cut-off."""
        project, lake = self._workspace.project, self._context.lake
        table = project.tables[step.table]
        if table.fault:
            return _failed(step, step.reason, table.fault)
        over = lake.over(step.table, step.partition, healing=self._options.force)
        if not self._stale(step, lake):
            return _kept(step, lake, "inputs rebuilt to the same rows")
        return self._built(step, table, over, lean=lean)

    def _stale(self, step: Step, lake: Lake) -> bool:
        """Tell whether a step is to be built by what is published now."""
        project = self._workspace.project
        table = project.tables[step.table]
        return self._options.force or bool(why_stale(project, table, step.partition, lake))

    def _built(self, step: Step, table: Table, over: Over | None, *, lean: bool) -> Outcome:
        lake, began = self._context.lake, self._workspace.now()
        reads = self._resolved(step, table) if step.reads is None else step.reads
        bounds = self._bound(step, table, reads, lake)
        for tries_left in reversed(range(_TRIES)):
            try:
                with self._nothing_left(step):
                    return self._published(step, table, bounds, over, lean=lean)
            except (QueryFailed, Unreachable, LostRace) as e:
                lake = self._context.lake.remembering()
                merges = self._old(table, over) is not None
                there = lake.published(*step.cell) if merges or isinstance(e, LostRace) else None
                if there and there.version != (over.version if over else None):
                    made = there.manifest.made_at
                    if not tries_left or made > began:
                        raise lost(there.manifest) from None
                    over = there
                    if not self._stale(step, lake):
                        return _left_to(there, step)
                    bounds = self._bound(step, table, reads, lake)
                    continue
                before, bounds = bounds, self._bound(step, table, reads, lake)
                same = _inputs(before) == _inputs(bounds)
                if not tries_left or same or isinstance(e, LostRace):
                    raise e from None
        raise AssertionError("unreachable")

    def _nothing_left(self, step: Step) -> AbstractContextManager[None]:
        """Take a step's files out of scratch where it fails."""
        path = self._context.run.scratch / _file_name(step)
        return nothing_left(path, path.with_suffix(".quarantine.parquet"))

    def _bound(
        self, step: Step, table: Table, reads: tuple[InputRead, ...], lake: Lake
    ) -> tuple[BoundInput, ...]:
        lax = self._options.allow_missing
        if table.query.reads_itself:
            own_past.refuse(lake, table, partition=step.partition, reads=reads, allow_missing=lax)
        return bind(lake, table.query, reads, allow_missing=lax)

    def _resolved(self, step: Step, table: Table) -> tuple[InputRead, ...]:
        """Ask for what the plan couldn't know before the inputs were built."""
        workspace = self._workspace
        inputs = Inputs.of_lake(workspace.project, self._context.lake, workspace.pruner)
        reads = inputs.resolve(table.query, step.partition)
        if reads is None:
            name = _unpublished(workspace, self._context.lake, table)
            dated = workspace.project.partitioned(name)
            error = missing(name, step.partition if dated else None)
            raise error.replace(where=table.sql.path)
        return reads

    def _published(
        self,
        step: Step,
        table: Table,
        bounds: tuple[BoundInput, ...],
        over: Over | None,
        *,
        lean: bool,
    ) -> Outcome:
        path = self._context.run.scratch / _file_name(step)
        subject = self._subject(step, table, bounds, path, over)
        slot = self._gate.slot(whole=sum(b.size for b in bounds) > _LARGE)
        prepared = stage.prepared(self._engine, table, step.partition, bounds, slot=slot, lean=lean)
        with prepared as build:
            inspected = _inspected(build, subject)
            if inspected and inspected.refusal:
                return _refused(step, inspected.refusal, inspected)
            query = inspected.query if inspected else build.shaped
            try:
                staged = stage.write(build, query, path, old=self._old(table, over))
            except Refused as e:
                return _refused(step, e, inspected)
        recipe = Recipe(table.sql.sql_hash, table.contract_hash, _inputs(bounds))
        if inspected and subject:
            read = tuple(dict.fromkeys((*recipe.inputs, *subject.inputs.inputs)))
            recipe = recipe._replace(inputs=read, checks=inspected.checks)
        quarantined = inspected.quarantined if inspected else None
        return self._committed(step, recipe, staged, quarantined, over)

    def _old(self, table: Table, over: Over | None) -> OldRows | None:
        """What a merge keeps, unless all is to be built anew."""
        keeps = table.contract and table.contract.strategy == MERGE
        if not keeps or self._options.full_refresh:
            return None
        return stage.published(self._context.lake, table, over)

    def _subject(
        self,
        step: Step,
        table: Table,
        bounds: tuple[BoundInput, ...],
        path: Path,
        over: Over | None,
    ) -> Subject | None:
        """Say what is to be inspected; None where nothing is tested."""
        if not table.contract and not table.checks:
            return None
        from nomad.build.checks.inputs import gather, rows_before
        from nomad.build.checks.subject import Subject

        context, project = self._context, self._workspace.project
        inputs = gather(project, context.lake, self._workspace.pruner, table, step.partition)
        before = partial(rows_before, context.lake, table, step.partition, over)
        sources = ", ".join(dict.fromkeys(uri for b in bounds for uri in b.uris[:_FEW_FILES]))
        return Subject(table, step.partition, inputs, path, context.run.id, before, sources)

    def _committed(
        self,
        step: Step,
        recipe: Recipe,
        staged: Staged,
        quarantined: Staged | None,
        over: Over | None,
    ) -> Outcome:
        publisher = self._context.publisher
        manifest = publisher.describe(step.cell, [staged], recipe, quarantined)
        files = [staged.path] if staged.path else []
        refused = quarantined.path if quarantined else None
        commit = publisher.publish(manifest, files, over, refused)
        outcome = self._context.outcome(commit, step.reason)
        rows = quarantined.rows if quarantined else 0
        result = outcome.result._replace(checks=recipe.checks, quarantined=rows)
        return outcome._replace(result=result)


_LARGE = 8_000_000
"""A step that reads more bytes computes by itself: it has work for all cores, and takes memory."""


_FEW_FILES = 3
"""Of each input, so many files are named as the source of a refused row."""


def _file_name(step: Step) -> str:
    return f"{step.table}-{step.partition or 'all'}.parquet"


def _inputs(bounds: tuple[BoundInput, ...]) -> tuple[Input, ...]:
    return tuple(i for b in bounds for i in b.inputs)


def _failed(step: Step, reason: str, error: NomadError) -> Outcome:
    return Outcome(Result(step.table, step.partition, Status.FAILED, reason, error=error))


def _inspected(build: stage.Prepared, subject: Subject | None) -> Inspected | None:
    if subject is None:
        return None
    from nomad.build.checks.inspection import inspect

    return inspect(build.session, build.shaped, build.schema, subject)


def _refused(step: Step, error: Refused, inspected: Inspected | None) -> Outcome:
    failed = _failed(step, step.reason, error)
    checks = inspected.checks if inspected else ()
    return failed._replace(result=failed.result._replace(checks=checks))


def _blocked(step: Step, by: Result) -> Outcome:
    waits = by.status is Status.WAITING
    needed = f"needs {named(by.table, by.partition)}, which {'waits' if waits else 'failed'}"
    return Outcome(Result(*step.cell, Status.WAITING if waits else Status.BLOCKED, needed))


def _told_again(outcome: Outcome, why: str) -> Outcome:
    """Say of a step that it ran a second time, and why."""
    result, error = outcome.result, outcome.result.error
    if error and shortage(error) == why:
        lean = " and with one thread" if why == OUT_OF_MEMORY else ""
        error = error.replace(what=f"{error.what}; alone{lean}, too")
    reason = f"{result.reason}; retried alone: {why}"
    return outcome._replace(result=result._replace(reason=reason, retried=why, error=error))


def _kept(step: Step, lake: Lake, reason: str) -> Outcome:
    """Tell of a step that had nothing to do."""
    return Outcome(_fresh(step, lake.facts(step.table, folder(step.partition)), reason))


def _left_to(there: Published, step: Step) -> Outcome:
    """Take over what another run has built since the plan."""
    reason = "another run has just built it"
    return Outcome(_fresh(step, there.manifest.facts, reason), there)


def _fresh(step: Step, facts: Facts | None, reason: str) -> Result:
    known = (facts.rows, facts.files, facts.size) if facts else (None, None, None)
    refused = (facts.refused or 0) if facts else 0
    fresh = Result(step.table, step.partition, Status.FRESH, reason, *known)
    return fresh._replace(quarantined=refused)


def _unpublished(workspace: Workspace, lake: Lake, table: Table) -> TableName:
    """Name the first input of which nothing is published."""
    known = workspace.project.partitioned
    absent = (i for i in table.query.tables if lake.latest(i, partitioned=known(i)) is None)
    return next(absent, table.query.tables[0])
