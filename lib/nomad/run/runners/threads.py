"""Runs tasks side by side, in threads of this process."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from nomad.run.result import Outcome
from nomad.run.runners.base import Task


class Threads:
    """A pool of threads. `act` does a task; `interrupt` has those that are at work end soon."""

    def __init__(
        self, act: Callable[[Task], Outcome], most: int, *, interrupt: Callable[[], None]
    ) -> None:
        self._act, self._interrupt = act, interrupt
        self._pool = ThreadPoolExecutor(max_workers=most)

    def submit(self, task: Task) -> Future[Outcome]:
        """Begin a task as soon as a thread is free."""
        return self._pool.submit(self._act, task)

    def stop(self) -> None:
        """Break off what runs, and begin nothing more."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._interrupt()

    def close(self) -> None:
        """Wait for the end of what runs."""
        self._pool.shutdown()
