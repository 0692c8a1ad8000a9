"""Parses files in processes of their own.

The parser's library takes 30 MB, which go with a process, and holds Python's lock, which each
process has to itself.
"""

from __future__ import annotations

import os
import select
import signal
import threading
from collections.abc import Sequence
from contextlib import suppress
from itertools import islice
from typing import Any, BinaryIO, NamedTuple

from nomad.engine.version import load
from nomad.errors import SqlFileError
from nomad.sqlfile.file import Opinion, SqlFile

_WORTHWHILE = 100
"""For so many files more, one more process: to load the library takes as long as to parse them."""


class Text(NamedTuple):
    """A rendered file: how messages name it, the table it makes, and the macros it calls."""

    rendered: str
    path: str
    table: str
    macros: tuple[str, ...] = ()


Parsed = SqlFile | SqlFileError


def parse_all(texts: Sequence[Text], opinion: Opinion, *, processes: int) -> list[Parsed]:
    """Take files apart, in so many processes at most; 0 does it in this one.

    So does a program that has threads: what they hold, a fork would hold for ever.
    """
    count = min(processes, 1 + len(texts) // _WORTHWHILE)
    if not count or not hasattr(os, "fork") or threading.active_count() > 1:
        return _parsed(texts, opinion)
    load()
    shares = [texts[i::count] for i in range(count)]
    begun = [_begin(share, opinion) for share in shares]
    ended = [_end(*child) if child else None for child in begun]
    done = [found or _parsed(share, opinion) for share, found in zip(shares, ended, strict=True)]
    return [done[i % count][i // count] for i in range(len(texts))]


def _parsed(texts: Sequence[Text], opinion: Opinion) -> list[Parsed]:
    """Cut all files first, so that DuckDB is asked once: each question by itself costs more."""
    from nomad.sqlfile.parsing import Cut, finish

    def cut(text: Text) -> Cut | SqlFileError:
        try:
            return Cut(text.rendered, path=text.path, table=text.table, macros=text.macros)
        except SqlFileError as e:
            return e

    def finished(begun: Cut | SqlFileError) -> Parsed:
        if isinstance(begun, SqlFileError):
            return begun
        try:
            return finish(begun, list(islice(answers, len(begun.asked))), opinion=opinion)
        except SqlFileError as e:
            return e

    files = [cut(text) for text in texts]
    answers = iter(opinion([q for f in files if isinstance(f, Cut) for q in f.asked]))
    return [finished(f) for f in files]


def _begin(texts: Sequence[Text], opinion: Opinion) -> tuple[int, BinaryIO] | None:
    """Start a process; give its id, and where its answer comes from. None: there can't be more."""
    import pickle

    try:
        inner, outer = os.pipe()
    except OSError:
        return None
    try:
        child = _forked()
    except OSError:
        os.close(inner)
        os.close(outer)
        return None
    if child:
        os.close(outer)
        return child, os.fdopen(inner, "rb")
    try:
        _let_go(outer)
        threading.Thread(target=_end_with_reader, args=(outer,), daemon=True).start()
        with os.fdopen(outer, "wb") as pipe:
            pickle.dump(_parsed(texts, opinion), pipe)
    finally:
        os._exit(0)


_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def _forked() -> int:
    """Fork, and hear signals after it: what is raised in a hook of a fork, Python swallows.

    To block them would not do, as a thread of a library gets them then. A child dies of them.

    Raises:
        OSError: there can't be more processes.
    """
    came: list[int] = []
    before: dict[signal.Signals, Any] = {}
    child = -1
    try:
        for number in _ENDING:
            if callable(handler := signal.getsignal(number)):
                before[number] = handler
                signal.signal(number, lambda n, _: came.append(n))
        child = os.fork()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler if child else signal.SIG_DFL)
        for heard in came:
            signal.raise_signal(heard)
    return child


def _let_go(outer: int) -> None:
    """Close all but the pipe and what is shown: a lock is held as long as anybody has its file."""
    os.closerange(3, outer)
    os.closerange(outer + 1, os.sysconf("SC_OPEN_MAX"))


def _end_with_reader(outer: int) -> None:
    """Wait until nobody can read the answer any more: whoever began this process was killed."""
    poll = select.poll()
    poll.register(outer, 0)
    while not poll.poll():
        pass
    os._exit(0)


def _end(child: int, pipe: BinaryIO) -> list[Parsed] | None:
    """Read a process's answer; None where it died of something."""
    import pickle

    try:
        with pipe:
            found: list[Parsed] = pickle.load(pipe)  # noqa: S301
            return found
    except (EOFError, pickle.UnpicklingError):
        return None
    finally:
        with suppress(ChildProcessError):  # who ignores SIGCHLD has nobody to wait for
            os.waitpid(child, 0)
