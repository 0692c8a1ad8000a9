"""Says how many steps compute at once, and how long each has waited for that."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import BoundedSemaphore, Lock, local

from nomad.engine.instance import Engine


class Gate:
    """So many steps compute at once, or one that takes the `whole` of it; first come, first served.

    DuckDB divides one large query among the cores as well as two queries would, with half of their
    memory. `_turn` is held while one waits for slots: no two that take the whole hold half of it
    each. Under it only the engine's own lock is taken.
    """

    def __init__(self, most: int, engine: Engine) -> None:
        self._most, self._engine = most, engine
        self._free = BoundedSemaphore(most)
        self._turn = Lock()
        self._mine = local()

    @property
    def waited(self) -> float:
        """The seconds for which the calling thread's step has waited."""
        return getattr(self._mine, "waited", 0.0)

    @waited.setter
    def waited(self, seconds: float) -> None:
        self._mine.waited = seconds

    @contextmanager
    def slot(self, *, whole: bool) -> Iterator[None]:
        """Hold a slot, once one is free."""
        count, began = self._most if whole else 1, time.monotonic()
        with self._turn:
            for _ in range(count):
                self._free.acquire()
            self.waited += time.monotonic() - began
            try:
                self._engine.shared_by(1 if whole else self._most)
            except BaseException:
                self._free.release(count)
                raise
        try:
            yield
        finally:
            self._free.release(count)
