"""Sources side by side: one thread for each at work, what came of them applied in the run's own.

A source goes on once its outcome was applied, just as it does alone.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from queue import Empty, SimpleQueue
from threading import Event, Thread
from typing import NamedTuple

from nomad.engine import external
from nomad.engine.instance import Engine
from nomad.run.result import Outcome

_log = logging.getLogger(__name__)

_LISTEN = 0.2
"""Seconds the main thread sleeps at most: a Ctrl-C that another thread got is heard by then."""

_BREATH = 0.05
_PATIENCE = 10.0
"""Seconds to wait for a thread that is broken off; one that hangs in a network dies with nomad."""

Work = Callable[[], Generator[Outcome]]
"""Lands one source; gives what came of it, step by step."""


class _Said(NamedTuple):
    """What a thread says: an outcome to be applied, an error, or (neither) that it has ended."""

    outcome: Outcome | None
    applied: Event
    error: BaseException | None = None


class Stop(NamedTuple):
    """How work is broken off: `said` is heard between two requests, queries are interrupted."""

    said: Event
    engine: Engine

    def interrupt(self) -> None:
        """Break off all queries, those to databases outside as well."""
        self.engine.interrupt()
        external.interrupt()


def side_by_side(works: Sequence[Work], most: int, stop: Stop) -> Iterator[Outcome]:
    """Do works, so many as `most` at a time, and give their outcomes as they come.

    An outcome is to be applied before the next one is asked for. Whoever breaks off, by an error
    as well, breaks off all works; they have ended then.
    """
    if most == 1 or len(works) == 1:
        for work in works:
            yield from work()
        return
    with closing(_threads(works, most, stop)) as outcomes:
        yield from outcomes


def _threads(works: Sequence[Work], most: int, stop: Stop) -> Generator[Outcome]:
    todo, said = deque(works), SimpleQueue[_Said]()
    threads = [
        Thread(target=_walk, args=(todo, said, stop.said), daemon=True, name=f"source-{n}")
        for n in range(min(most, len(works)))
    ]
    for thread in threads:
        thread.start()
    ended = 0
    try:
        while ended < len(threads):
            try:
                outcome, applied, error = said.get(timeout=_LISTEN)
            except Empty:
                continue
            if error:
                raise error
            if outcome is None:
                ended += 1
                continue
            yield outcome
            applied.set()
    finally:
        _end(threads, stop, hurried=ended < len(threads))


def _walk(todo: deque[Work], said: SimpleQueue[_Said], stopped: Event) -> None:
    """Do one work after the other, until there is none left."""
    error: BaseException | None = None
    try:
        while (work := _next(todo)) and not stopped.is_set():
            with closing(work()) as outcomes:
                for outcome in outcomes:
                    said.put(waiting := _Said(outcome, Event()))
                    while not waiting.applied.wait(_LISTEN):
                        if stopped.is_set():
                            return
    except BaseException as e:  # noqa: BLE001 (it is raised in the run's own thread)
        error = e
    finally:
        said.put(_Said(None, Event(), error))


def _next(todo: deque[Work]) -> Work | None:
    try:
        return todo.popleft()
    except IndexError:
        return None


def _end(threads: Sequence[Thread], stop: Stop, *, hurried: bool) -> None:
    """Wait for threads; broken off, they are told so, over and over: an interrupt may be lost."""
    until = time.monotonic() + _PATIENCE
    if hurried:
        stop.said.set()
    while (alive := [t for t in threads if t.is_alive()]) and time.monotonic() < until:
        if hurried:
            stop.interrupt()
        alive[0].join(_BREATH)
    if left := sum(t.is_alive() for t in threads):
        _log.warning("%d sources still wait for an answer; what comes is not landed", left)
