"""Has a signal break off what DuckDB is at, at once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from threading import Thread
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from concurrent.futures import Future

    import duckdb

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
    Thread(target=_answer, args=(answer, act), daemon=True).start()
    try:
        while not wait([answer], timeout=_LISTEN).done:
            pass
    except BaseException:
        while not wait([answer], timeout=_BREATH).done:
            con.interrupt()
        raise
    return answer.result()


def _answer(answer: Future[_T], act: Callable[[], _T]) -> None:
    try:
        answer.set_result(act())
    except BaseException as e:  # noqa: BLE001
        answer.set_exception(e)
