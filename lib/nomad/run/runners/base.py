"""The runner port: what the scheduler asks of whoever runs steps.

A task and its outcome are plain values that pickle. A runner applies nothing: the run's own thread
alone takes note of outcomes.
"""

from __future__ import annotations

from concurrent.futures import Future
from typing import NamedTuple, Protocol

from nomad.plan.steps import Step
from nomad.run.result import Outcome


class Task(NamedTuple):
    """A step to build; `retry` says why it is tried once more, while nothing else runs."""

    step: Step
    retry: str | None = None


class Runner(Protocol):
    """Runs tasks, as many at a time as the scheduler hands out."""

    def submit(self, task: Task) -> Future[Outcome]:
        """Begin a task, now or soon. What goes wrong in it is part of its outcome."""

    def stop(self) -> None:
        """Break off what runs, and begin nothing more."""

    def close(self) -> None:
        """Wait for the end of what runs."""
