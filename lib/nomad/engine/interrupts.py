"""Has a signal break off what DuckDB is at, at once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from threading import Thread
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from concurrent.futures import Future

    import duckdb

    Pending = set[Future[Any]]
    """What is waited for, by threads that can be told to wait no longer."""

_T = TypeVar("_T")

_LISTEN = 0.2
"""Seconds between two looks for a signal that a thread other than the first one got."""

_BREATH = 0.05
"""Seconds between two attempts to break off a query: between two statements one is lost."""


def heeding(con: duckdb.DuckDBPyConnection, act: Callable[[], _T]) -> _T:
    """Run something of a connection so that a signal is heard at once, and breaks it off.

    Python hands signals to the first thread only, which hears none while DuckDB has it. So there a
    second one does the work; in any other thread, whoever waits for that one hears them.
    """
    if threading.current_thread() is not threading.main_thread():
        return act()
    from concurrent.futures import Future, wait  # a plan asks nothing

    answer: Future[_T] = Future()
    Thread(target=_answer, args=(answer, act, _nothing), daemon=True).start()
    try:
        while not wait([answer], timeout=_LISTEN).done:
            pass
    except BaseException:
        while not wait([answer], timeout=_BREATH).done:
            con.interrupt()
        raise
    return answer.result()


def awaited(act: Callable[[], _T], pending: Pending, *, late: Callable[[], object]) -> _T:
    """Wait for what DuckDB can't break off, such as a server that accepts and says nothing.

    A second thread does it. Once a signal comes, or `give_up` is called, that one is left alone: it
    ends by itself, or with nomad, so what it uses must be its own. If it ends, `late` follows.
    """
    from concurrent.futures import Future, InvalidStateError, wait

    answer: Future[_T] = Future()
    pending.add(answer)
    Thread(target=_answer, args=(answer, act, late), daemon=True).start()
    try:
        while not wait([answer], timeout=_LISTEN).done:
            pass
    except BaseException:
        try:
            answer.set_exception(KeyboardInterrupt())
        except InvalidStateError:
            late()
        raise
    finally:
        pending.discard(answer)
    return answer.result()


def give_up(pending: Pending) -> None:
    """Have all that is pending be waited for no longer."""
    from concurrent.futures import InvalidStateError

    for answer in list(pending):
        with suppress(InvalidStateError):  # it has come meanwhile
            answer.set_exception(KeyboardInterrupt())


def _nothing() -> None:
    """Leave it at that."""


def _answer(answer: Future[_T], act: Callable[[], _T], late: Callable[[], object]) -> None:
    from concurrent.futures import InvalidStateError

    error: BaseException | None = None
    try:
        found = act()
    except BaseException as e:  # noqa: BLE001
        error = e
    try:
        answer.set_exception(error) if error else answer.set_result(found)
    except InvalidStateError:  # it was given up
        late()
