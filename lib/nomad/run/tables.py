"""Walks a plan: hands out its steps, several side by side, each after those it needs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from itertools import islice

from nomad.plan import BUILD, Cell, Plan, Step
from nomad.run.attempt import BLOCKED, BUILT, FAILED, FRESH, PUBLISHED, Result, attempt
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
    cells = [s.cell for s in plan.steps if s.action == BUILD]
    with attempt(
        workspace,
        "run",
        cells,
        wait=options.wait,
        rehearse=options.rehearse,
        lake=plan.lake,
    ) as going:
        worker = Worker(going, options)
        walk = _Walk(plan, worker, options.jobs or workspace.config.engine.jobs)
        for result in walk.results(fail_fast=options.fail_fast):
            report(going.note(result))
            going.renew()
        return going.run_id, [walk.ended[s.cell] for s in plan.steps]


class _Walk:
    """Hands out the steps of a plan, each after those it needs."""

    def __init__(self, plan: Plan, worker: Worker, jobs: int) -> None:
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


def _good(result: Result | None) -> bool:
    return result is None or result.status in (PUBLISHED, BUILT, FRESH)
