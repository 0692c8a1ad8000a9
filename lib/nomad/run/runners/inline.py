"""Runs each task at once in the calling thread: the order of the scheduler, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future

from nomad.run.result import Outcome
from nomad.run.runners.base import Task


class Inline:
    """A runner for tests; `act` does a task."""

    def __init__(self, act: Callable[[Task], Outcome]) -> None:
        self._act = act

    def submit(self, task: Task) -> Future[Outcome]:
        """Do a task."""
        future: Future[Outcome] = Future()
        future.set_result(self._act(task))
        return future

    def stop(self) -> None:
        """Do nothing: what was begun has ended."""

    def close(self) -> None:
        """Do nothing: what was begun has ended."""
