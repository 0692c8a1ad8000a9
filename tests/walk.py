"""Walk a protocol through every interleaving of its actors, with a crash after every step.

An actor is a plain function over a store. It is re-run from its beginning with the answers it has
had so far, up to its next call; so no threads are needed, and a point in time is a value: what the
store holds, and the answers of each actor. A point that several schedules lead to is visited once;
how many schedules there are is counted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from nomad.store.memory import MemoryStore

Actor = Callable[[Any], Any]
CALLS = ("read", "write", "write_if", "put", "move", "delete", "list", "folders")


class Pause(BaseException):
    """An actor has come to a call that it has no answer for yet."""

    def __init__(self, call: str, words: tuple[Any, ...], named: dict[str, Any]) -> None:
        super().__init__(call)
        self.call, self.words, self.named = call, words, named


class Replay:
    """A store that gives an actor the answers it had, then stops it at the next call."""

    def __init__(self, answers: tuple[Any, ...]) -> None:
        self._answers = iter(answers)

    def __getattr__(self, call: str) -> Callable[..., Any]:
        def answer(*words: Any, **named: Any) -> Any:
            for given in self._answers:
                return given
            raise Pause(call, words, named)

        return answer


@dataclass(frozen=True)
class Ended:
    """How an actor came to its end: what it gave back, or the error it raised."""

    value: Any = None
    error: Exception | None = None


@dataclass(frozen=True)
class Point:
    """A moment: the store's objects, and per actor its answers so far, or None if it crashed."""

    objects: tuple[tuple[str, bytes], ...]
    answers: tuple[tuple[Any, ...] | None, ...]


@dataclass
class Walk:
    """`check(objects, ends)` is called at every point; `ends` has None for an actor under way."""

    actors: tuple[Actor, ...]
    check: Callable[[Mapping[str, bytes], list[Ended | None]], None]
    crashes: int = 1
    seen: dict[Point, int] = field(default_factory=dict)
    crashed: int = 0

    def from_(self, objects: Mapping[str, bytes]) -> int:
        """Visit every point that can be reached; give the number of schedules."""
        start = Point(tuple(sorted(objects.items())), tuple(() for _ in self.actors))
        return self._visit(start, self.crashes)

    def _visit(self, point: Point, crashes: int) -> int:
        if point in self.seen:
            return self.seen[point]
        pauses = [self._advance(i, a) for i, a in enumerate(point.answers)]
        self.check(dict(point.objects), [p if isinstance(p, Ended) else None for p in pauses])
        schedules = 0
        for i, pause in enumerate(pauses):
            if isinstance(pause, Pause):
                schedules += self._visit(_after(point, i, pause), crashes)
                if crashes:
                    self.crashed += 1
                    schedules += self._visit(_without(point, i), crashes - 1)
        self.seen[point] = schedules or 1
        return self.seen[point]

    def _advance(self, i: int, answers: tuple[Any, ...] | None) -> Pause | Ended | None:
        return None if answers is None else self._resume(i, answers)

    @cache  # noqa: B019
    def _resume(self, i: int, answers: tuple[Any, ...]) -> Pause | Ended:
        try:
            return Ended(value=self.actors[i](Replay(answers)))
        except Pause as pause:
            return pause
        except Exception as e:  # noqa: BLE001
            return Ended(error=e)

    def __hash__(self) -> int:
        return id(self)


def _after(point: Point, i: int, pause: Pause) -> Point:
    """Carry out the call an actor waits in."""
    store = MemoryStore()
    store.objects = dict(point.objects)
    answer = getattr(store, pause.call)(*pause.words, **pause.named)
    if pause.call in ("list", "folders"):
        answer = tuple(answer)
    answers = tuple(
        (*a, answer) if j == i and a is not None else a for j, a in enumerate(point.answers)
    )
    return Point(tuple(sorted(store.objects.items())), answers)


def _without(point: Point, i: int) -> Point:
    answers = tuple(None if j == i else a for j, a in enumerate(point.answers))
    return Point(point.objects, answers)
