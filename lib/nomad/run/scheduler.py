"""Walks a plan: hands out its steps, several side by side, each after those it needs."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import closing
from functools import partial
from heapq import heapify, heappop, heappush
from itertools import chain

from nomad.plan.steps import Action, Cell, Plan, Step
from nomad.project.project import Table
from nomad.run.context import attempt
from nomad.run.result import OUT_OF_MEMORY, Result, Status, shortage
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
    A rehearsal builds everything in scratch and publishes nothing.

    Raises:
        Busy: another live run is building one of the plan's cells.
    """
    cells = [s.cell for s in plan.steps if s.action == Action.BUILD]
    with attempt(
        workspace,
        "run",
        cells,
        wait=options.wait,
        rehearse=options.rehearse,
        lake=plan.lake,
    ) as going:
        jobs = options.jobs or workspace.config.engine.jobs
        built = [workspace.project.tables[name] for name in {table for table, _ in cells}]
        worker = Worker(going, options, built, jobs=jobs, shares=_instances(built, jobs))
        walk = _Walk(plan, worker, jobs if options.fail_fast else jobs * _LANES)
        with closing(walk.results(fail_fast=options.fail_fast)) as results:
            for result in results:
                report(going.note(result))
                going.renew()
        return going.run_id, [walk.ended[s.cell] for s in plan.steps]


_LANES = 2
"""Steps begun for each job: while some wait for the disk or the server, as many compute.

Not with `fail_fast`, by which as little as may be is begun before the first failure."""


def _instances(built: Iterable[Table], jobs: int) -> int:
    """Count the instances of DuckDB that may run at once: one, unless files need their own."""
    return jobs if any(t.sql.exclusive or t.limited for t in built) else 1


class _Walk:
    """Hands out the steps of a plan, each after those it waits for, in the order of the plan.

    A step that ran short of memory, or of room on the disk while others ran beside it, waits until
    nothing else runs, and is then tried once more.
    """

    def __init__(self, plan: Plan, worker: Worker, most: int) -> None:
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
        self._worker = worker
        self._most = most
        self._running: dict[Future[Result], int] = {}
        self._short: list[tuple[int, str, Result]] = []
        self._accompanied: set[int] = set()
        self._spent: dict[int, float] = {}
        self._alone: int | None = None
        self.ended: dict[Cell, Result] = {}

    def results(self, *, fail_fast: bool) -> Generator[Result]:
        """Give each step's end as it comes. Interrupted, break off what runs and wait for it."""
        with ThreadPoolExecutor(max_workers=self._most) as pool:
            try:
                while self._ready or self._running or self._short:
                    for result in chain(self._hand_out(pool), self._next()):
                        yield result
                        if fail_fast and result.status == Status.FAILED:
                            yield from self._drop()
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                self._worker.stop()
                raise

    def _hand_out(self, pool: ThreadPoolExecutor) -> Iterator[Result]:
        """Hand out what is ready; give the ends of steps that have nothing to do."""
        if self._short and not self._running:
            self._alone, why, first = self._short.pop(0)
            self._spent[self._alone] = first.seconds
            act = partial(self._worker.act, again=why)
            self._running[pool.submit(act, self._steps[self._alone])] = self._alone
        while self._ready and len(self._running) < self._most and not self._draining:
            i = heappop(self._ready)
            self._begun.add(i)
            step = self._steps[i]
            bad = next((n for n in step.needs if not _good(self.ended.get(n))), None)
            if bad or step.action != Action.BUILD:
                yield self._ended(step, self._worker.end(step, bad))
                continue
            if self._running:
                self._accompanied.update((i, *self._running.values()))
            self._running[pool.submit(self._worker.act, step)] = i

    @property
    def _draining(self) -> bool:
        """Whether nothing is begun, for the sake of a step that runs or is to run alone."""
        return bool(self._short) or self._alone is not None

    def _next(self) -> Iterator[Result]:
        done = wait(self._running, timeout=_LISTEN, return_when=FIRST_COMPLETED).done
        for future in done:
            i, result = self._running.pop(future), future.result()
            if i != self._alone and (why := self._may_go_better(i, result)):
                self._short.append((i, why, result))
                continue
            self._alone = None if i == self._alone else self._alone
            spent = result.seconds + self._spent.get(i, 0.0)
            yield self._ended(self._steps[i], result._replace(seconds=spent))

    def _may_go_better(self, i: int, result: Result) -> str | None:
        """Say for what a step is worth another try; a disk it filled by itself is no reason."""
        why = shortage(result.error)
        return why if why == OUT_OF_MEMORY or i in self._accompanied else None

    def _ended(self, step: Step, result: Result) -> Result:
        """Note a step's end, and which steps it makes ready."""
        self.ended[step.cell] = result
        for i in self._readers.get(step.cell, ()):
            self._missing[i] -= 1
            if not self._missing[i] and i not in self._begun:
                heappush(self._ready, i)
        return result

    def _drop(self) -> Iterator[Result]:
        """Give up on all steps that have not begun, and on second tries."""
        yield from (self._ended(self._steps[i], first) for i, _, first in self._short)
        self._short.clear()
        for i, step in enumerate(self._steps):
            if i not in self._begun:
                self._begun.add(i)
                reason = "stopped at the first failure"
                self.ended[step.cell] = Result(step.table, step.partition, Status.BLOCKED, reason)
                yield self.ended[step.cell]
        self._ready.clear()


def _good(result: Result | None) -> bool:
    return result is None or result.status in (Status.PUBLISHED, Status.BUILT, Status.FRESH)
