"""What ends a command from outside: Ctrl-C, and the signals TERM and HUP, all in the same way."""

from __future__ import annotations

import signal
import sys
from types import FrameType

_SENT = (signal.SIGTERM, signal.SIGHUP)

_came: list[int] = []


def heed() -> None:
    """Have each of them raise KeyboardInterrupt, but for those that whoever called had ignored."""
    for number in (signal.SIGINT, *_SENT):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _heard)


def code() -> int:
    """Give the exit code of an interrupted command: 130 (Ctrl-C), 143 (TERM) or 129 (HUP)."""
    return 128 + (_came[-1] if _came else signal.SIGINT)


_SOON = 0.05
"""Seconds to the next look at a library that is being imported."""


def _heard(number: int, frame: FrameType | None) -> None:
    """End the command. While it tidies up, only another Ctrl-C is heard.

    A library may swallow what is raised while it is imported: that is waited for. What was
    swallowed elsewhere is no tidying up: the next signal is heard again.
    """
    if number in _SENT and _tidies_up():
        return
    if _importing(frame):
        signal.signal(signal.SIGALRM, lambda _, then: _heard(number, then))
        signal.setitimer(signal.ITIMER_REAL, _SOON)
        return
    _came.append(number)
    raise KeyboardInterrupt


def _tidies_up() -> bool:
    """Whether what TERM or HUP raised is being handled right now."""
    error = sys.exc_info()[1] if any(n in _SENT for n in _came) else None
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__context__
    return error is not None


def over() -> None:
    """Hear no more of them, where one came: the command has ended, and only says so."""
    if any(n in _SENT for n in _came):
        for number in _SENT:
            signal.signal(number, signal.SIG_IGN)


def _importing(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False
