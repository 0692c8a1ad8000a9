"""Walks a plan: hands out its steps, several side by side, each after those it needs."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import closing
from heapq import heapify, heappop, heappush
from itertools import chain

from nomad.lake.layout import Cell
from nomad.plan.steps import Action, Plan, Step
from nomad.project.project import Table
from nomad.run.context import begin, dry_run
from nomad.run.due import tell_of_built
from nomad.run.result import OUT_OF_MEMORY, Outcome, Result, Status, shortage
from nomad.run.runners.base import Runner, Task
from nomad.run.runners.threads import Threads
from nomad.run.worker import Options, Worker
from nomad.workspace import Workspace

__all__ = ["Options", "run"]

_LISTEN = 0.2
"""Seconds the main thread sleeps at most: a Ctrl-C that another thread got is heard by then."""


def run(
    workspace: Workspace,
    plan: Plan,
    options: Options,
    *,
    report: Callable[[Result], None],
) -> tuple[str, list[Result]]:
    """Walk a plan; give the run's id and how each step ended, in the order of the plan.

    A failed step blocks what needs it; all else goes on. `report` hears of each end as it comes.
    A dry run builds everything in scratch and publishes nothing.

    Raises:
        Busy: another live run is building one of the plan's cells.
    """
    cells = [s.cell for s in plan.steps if s.action == Action.BUILD]
    if options.dry_run:
        opened = dry_run(workspace, "run")
    else:
        opened = begin(workspace, "run", cells, wait=options.wait, lake=plan.lake)
    with opened as context:
        jobs = options.jobs or workspace.config.engine.jobs
        tables = [workspace.project.tables[name] for name in {table for table, _ in cells}]
        worker = Worker(context, options, tables, jobs=jobs, shares=_instances(tables, jobs))
        most = jobs if options.fail_fast else jobs * _LANES
        threads = Threads(worker.act, most, interrupt=worker.stop)
        scheduler = Scheduler(plan, threads, worker.end, most)
        with closing(scheduler.outcomes(fail_fast=options.fail_fast)) as outcomes:
            for outcome in outcomes:
                report(context.apply(outcome))
    results = [scheduler.ended[s.cell] for s in plan.steps]
    if built := {r.table for r in results if r.status is Status.PUBLISHED}:
        tell_of_built(workspace, built)
    return context.run.id, results


_LANES = 2
"""Steps begun for each job: while some wait for the disk or the server, as many compute.

Not with `fail_fast`, by which as little as may be is begun before the first failure."""


def _instances(built: Iterable[Table], jobs: int) -> int:
    """Count the instances of DuckDB that may run at once: one, unless files need their own."""
    return jobs if any(t.sql.exclusive or t.limited for t in built) else 1


End = Callable[[Step, Result | None], Outcome]
"""Gives the end of a step that has nothing to do: it is fresh, or needs a cell that failed."""


class Scheduler:
    """Hands out the steps of a plan, each after those it waits for, in the order of the plan.

    At most so many as `most` run at a time. A step that ran short of memory, or of room on the disk
    while others ran beside it, waits until nothing else runs, and is then tried once more. A step's
    outcome is to be applied before the next is asked for: what needs it begins after that.
    """

    def __init__(self, plan: Plan, runner: Runner, end: End, most: int) -> None:
        self._steps = plan.steps
        places = {s.cell: i for i, s in enumerate(plan.steps)}
        self._missing = [sum(n in places for n in s.waits_for) for s in plan.steps]
        self._readers: dict[Cell, list[int]] = {}
        for i, step in enumerate(plan.steps):
            for need in step.waits_for:
                self._readers.setdefault(need, []).append(i)
        self._ready = [i for i, missing in enumerate(self._missing) if not missing]
        heapify(self._ready)
        self._begun: set[int] = set()
        self._runner, self._end, self._most = runner, end, most
        self._running: dict[Future[Outcome], int] = {}
        self._short: list[tuple[int, str, Outcome]] = []
        self._had_neighbours: set[int] = set()
        self._spent: dict[int, float] = {}
        self._alone: int | None = None
        self.ended: dict[Cell, Result] = {}

    def outcomes(self, *, fail_fast: bool) -> Generator[Outcome]:
        """Give what came of each step as it ends. Interrupted, break off what runs, wait for it."""
        try:
            while self._ready or self._running or self._short:
                for outcome in chain(self._hand_out(), self._next()):
                    yield outcome
                    if fail_fast and outcome.result.status == Status.FAILED:
                        yield from self._drop()
        except BaseException:
            self._runner.stop()
            raise
        finally:
            self._runner.close()

    def _hand_out(self) -> Iterator[Outcome]:
        """Hand out what is ready; give the ends of steps that have nothing to do."""
        if self._short and not self._running:
            self._alone, why, first = self._short.pop(0)
            self._spent[self._alone] = first.result.seconds
            self._submit(self._alone, retry=why)
        while self._ready and len(self._running) < self._most and not self._draining:
            i = heappop(self._ready)
            self._begun.add(i)
            step = self._steps[i]
            bad = self._unmet(step)
            if bad or step.action != Action.BUILD:
                yield self._ended(step, self._end(step, bad))
                continue
            if self._running:
                self._had_neighbours.update((i, *self._running.values()))
            self._submit(i)

    def _unmet(self, step: Step) -> Result | None:
        """Give the end of what a step needs and won't have: of what failed, before what waits."""
        ended = (self.ended.get(need) for need in step.needs)
        bad = [result for result in ended if result and not _good(result)]
        failed = (result for result in bad if result.status is not Status.WAITING)
        return next(failed, bad[0] if bad else None)

    def _submit(self, i: int, *, retry: str | None = None) -> None:
        self._running[self._runner.submit(Task(self._steps[i], retry))] = i

    @property
    def _draining(self) -> bool:
        """Whether nothing is begun, for the sake of a step that runs or is to run alone."""
        return bool(self._short) or self._alone is not None

    def _next(self) -> Iterator[Outcome]:
        done = wait(self._running, timeout=_LISTEN, return_when=FIRST_COMPLETED).done
        for future in done:
            i, outcome = self._running.pop(future), future.result()
            result = outcome.result
            if i != self._alone and (why := self._may_go_better(i, result)):
                self._short.append((i, why, outcome))
                continue
            self._alone = None if i == self._alone else self._alone
            spent = result.seconds + self._spent.get(i, 0.0)
            outcome = outcome._replace(result=result._replace(seconds=spent))
            yield self._ended(self._steps[i], outcome)

    def _may_go_better(self, i: int, result: Result) -> str | None:
        """Say for what a step is worth another try; a disk it filled by itself is no reason."""
        why = shortage(result.error)
        return why if why == OUT_OF_MEMORY or i in self._had_neighbours else None

    def _ended(self, step: Step, outcome: Outcome) -> Outcome:
        """Note a step's end, and which steps it makes ready."""
        self.ended[step.cell] = outcome.result
        for i in self._readers.get(step.cell, ()):
            self._missing[i] -= 1
            if not self._missing[i] and i not in self._begun:
                heappush(self._ready, i)
        return outcome

    def _drop(self) -> Iterator[Outcome]:
        """Give up on all steps that have not begun, and on second tries."""
        yield from (self._ended(self._steps[i], first) for i, _, first in self._short)
        self._short.clear()
        for i, step in enumerate(self._steps):
            if i not in self._begun:
                self._begun.add(i)
                reason = "stopped at the first failure"
                blocked = Result(step.table, step.partition, Status.BLOCKED, reason)
                self.ended[step.cell] = blocked
                yield Outcome(blocked)
        self._ready.clear()


def _good(result: Result) -> bool:
    return result.status in (Status.PUBLISHED, Status.BUILT, Status.FRESH)
