"""Builds the steps of a plan, several side by side, each after those it needs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from itertools import islice

from nomad import build
from nomad.errors import NomadError, QueryFailed, Unreachable
from nomad.lake import Lake, Published
from nomad.manifest import Input
from nomad.names import TableName
from nomad.plan import BUILD, Cell, Plan, Step, why_stale
from nomad.project import Table
from nomad.pruning import Read
from nomad.requests import about
from nomad.run.attempt import BLOCKED, BUILT, FAILED, FRESH, PUBLISHED, Attempt, Result, attempt
from nomad.schemas import Schemas
from nomad.workspace import Workspace

_TRIES = 5
"""How often a step starts over when an input is replaced while it reads."""


_LISTEN = 0.2
"""Seconds the main thread sleeps at most: a Ctrl-C that another thread got is heard by then."""

_BREATH = 0.05
"""Seconds between two attempts to break off a query."""


@dataclass(frozen=True)
class Options:
    """How a run goes about its plan. `jobs` 0 takes what the configuration says."""

    force: bool = False
    allow_missing: bool = False
    rehearse: bool = False
    fail_fast: bool = False
    wait: bool = False
    jobs: int = 0


def run(
    workspace: Workspace,
    plan: Plan,
    options: Options,
    *,
    report: Callable[[Result], None],
) -> tuple[str, list[Result]]:
    """Walk a plan; give the run's id and how each step ended, in the order of the plan.

    A failed step blocks what needs it; all else goes on. `report` hears of each end as it comes.
    A rehearsal builds everything in scratch and publishes nothing.

    Raises:
        Busy: another live run is building one of the plan's cells.
    """
    cells = [s.cell for s in plan.steps if s.action == BUILD]
    with attempt(
        workspace,
        "run",
        cells,
        wait=options.wait,
        rehearse=options.rehearse,
        lake=plan.lake,
    ) as going:
        worker = _Worker(going, options)
        walk = _Walk(plan, worker, options.jobs or workspace.config.engine.jobs)
        for result in walk.results(fail_fast=options.fail_fast):
            report(going.note(result))
            going.renew()
        return going.run_id, [walk.ended[s.cell] for s in plan.steps]


class _Walk:
    """Hands out the steps of a plan, each after those it needs."""

    def __init__(self, plan: Plan, worker: _Worker, jobs: int) -> None:
        self._waiting = {s.cell: s for s in plan.steps}
        self._worker = worker
        self._jobs = jobs
        self._running: dict[Future[Result], Step] = {}
        self.ended: dict[Cell, Result] = {}

    def results(self, *, fail_fast: bool) -> Iterator[Result]:
        """Give each step's end as it comes. Interrupted, break off what runs and wait for it."""
        with ThreadPoolExecutor(max_workers=self._jobs) as pool:
            try:
                while self._waiting or self._running:
                    self._submit(pool)
                    for result in self._next():
                        yield result
                        if fail_fast and result.status == FAILED:
                            yield from self._drop()
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                self._worker.stop()
                raise

    def _submit(self, pool: ThreadPoolExecutor) -> None:
        for step in self._ready(free=self._jobs - len(self._running)):
            del self._waiting[step.cell]
            bad = next((n for n in step.needs if not _good(self.ended.get(n))), None)
            self._running[pool.submit(self._worker.act, step, bad)] = step

    def _ready(self, *, free: int) -> list[Step]:
        running = {s.cell for s in self._running.values()}
        open_ = (
            step
            for step in self._waiting.values()
            if not any(n in self._waiting or n in running for n in step.needs)
        )
        return list(islice(open_, free))

    def _next(self) -> Iterator[Result]:
        done = wait(self._running, timeout=_LISTEN, return_when=FIRST_COMPLETED).done
        for future in done:
            step = self._running.pop(future)
            self.ended[step.cell] = future.result()
            yield self.ended[step.cell]

    def _drop(self) -> Iterator[Result]:
        """Give up on all steps that have not begun."""
        for step in self._waiting.values():
            reason = "stopped at the first failure"
            self.ended[step.cell] = Result(step.table, step.partition, BLOCKED, reason)
            yield self.ended[step.cell]
        self._waiting.clear()


class _Worker:
    """Does one step, in whatever thread it is called."""

    def __init__(self, going: Attempt, options: Options) -> None:
        self._going, self._options = going, options
        self._workspace = going.workspace
        self._engine = self._workspace.engine(going.scratch)
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

    def act(self, step: Step, bad: Cell | None) -> Result:
        """Bring one step to its end, `bad` being one it needs that failed.

        An error becomes part of the result.
        """
        self._busy.add(step.cell)
        try:
            if self._stopping:
                return Result(step.table, step.partition, BLOCKED, "interrupted")
            return self._timed(step, bad)
        finally:
            self._busy.discard(step.cell)

    def _timed(self, step: Step, bad: Cell | None) -> Result:
        began = time.monotonic()
        try:
            with about(str(step.table)):
                result = _blocked(step, bad) if bad else self._decided(step)
        except NomadError as e:
            result = Result(step.table, step.partition, FAILED, step.reason, error=e)
        return replace(result, seconds=time.monotonic() - began)

    def _decided(self, step: Step) -> Result:
        """Skip what is fresh, also what has become so since the plan: an early cut-off."""
        project, lake = self._workspace.project, self._going.lake
        table = project.tables[step.table]
        over = lake.published(step.table, step.partition)
        fresh = step.action != BUILD
        if not fresh and not self._options.force:
            fresh = why_stale(project, table, over.manifest if over else None, lake) is None
        if fresh:
            return _kept(step, over)
        return self._built(step, table, over)

    def _built(self, step: Step, table: Table, over: Published | None) -> Result:
        lake = self._going.lake
        for attempt_left in reversed(range(_TRIES)):
            bounds = self._gathered(step, table, lake)
            try:
                return self._published(step, table, bounds, over)
            except (QueryFailed, Unreachable) as e:
                lake = self._workspace.lake.remembering()
                same = _inputs(bounds) == _inputs(self._gathered(step, table, lake))
                if not attempt_left or same:
                    raise e from None
        raise AssertionError("unreachable")

    def _gathered(self, step: Step, table: Table, lake: Lake) -> tuple[build.Bound, ...]:
        project = self._workspace.project
        reads = step.reads or self._reads(step, table)
        return build.gather(
            project,
            lake,
            table,
            reads,
            allow_missing=self._options.allow_missing,
        )

    def _reads(self, step: Step, table: Table) -> tuple[Read, ...]:
        """Ask again for what the plan couldn't know before the inputs were built."""
        workspace = self._workspace
        schemas = Schemas(workspace.project, self._going.lake, workspace.pruner)
        found = schemas.reads(table, step.partition)
        if found is None:
            name = _unpublished(workspace, self._going.lake, table)
            dated = workspace.project.partitioned(name)
            error = build.missing(name, step.partition if dated else None)
            error.where = table.sql.path
            raise error
        return found

    def _published(
        self, step: Step, table: Table, bounds: tuple[build.Bound, ...], over: Published | None
    ) -> Result:
        going = self._going
        path = going.scratch / _file_name(step)
        staged = build.stage(self._engine, table, step.partition, bounds, path)
        manifest = going.manifest(
            step.table,
            step.partition,
            staged,
            sql_hash=table.sql.sql_hash,
            contract_hash=table.contract_hash,
            inputs=_inputs(bounds),
        )
        going.publish(manifest, [staged.path] if staged.path else [], over)
        return Result(
            step.table,
            step.partition,
            BUILT if self._options.rehearse else PUBLISHED,
            step.reason,
            row_count=staged.rows,
            file_count=len(manifest.files),
            bytes=staged.bytes,
            location=going.location(step.table, step.partition),
        )


def _file_name(step: Step) -> str:
    day = step.partition.isoformat() if step.partition else "all"
    return f"{step.table}-{day}.parquet"


def _inputs(bounds: tuple[build.Bound, ...]) -> tuple[Input, ...]:
    return tuple(i for b in bounds for i in b.inputs)


def _good(result: Result | None) -> bool:
    return result is None or result.status in (PUBLISHED, BUILT, FRESH)


def _blocked(step: Step, by: Cell) -> Result:
    table, day = by
    named = f"{table} dt={day}" if day else str(table)
    return Result(step.table, step.partition, BLOCKED, f"needs {named}, which failed")


def _kept(step: Step, over: Published | None) -> Result:
    reason = "fresh" if step.action != BUILD else "inputs rebuilt to the same rows"
    m = over.manifest if over else None
    return Result(
        step.table,
        step.partition,
        FRESH,
        reason,
        row_count=m.row_count if m else None,
        file_count=len(m.files) if m else None,
        bytes=sum(f.bytes for f in m.files) if m else None,
    )


def _unpublished(workspace: Workspace, lake: Lake, table: Table) -> TableName:
    """Name the first input of which nothing is published."""
    known = workspace.project.partitioned
    absent = (i for i in table.inputs if lake.latest(i, partitioned=known(i)) is None)
    return next(absent, table.inputs[0])
