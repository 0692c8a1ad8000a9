"""What ends a command from outside: Ctrl-C, and the signals TERM and HUP, all in the same way."""

from __future__ import annotations

import signal
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

    A library may swallow what is raised while it is imported: that is waited for.
    """
    if _importing(frame):
        signal.signal(signal.SIGALRM, lambda _, then: _heard(number, then))
        signal.setitimer(signal.ITIMER_REAL, _SOON)
        return
    _came.append(number)
    if number in _SENT:
        for other in _SENT:
            signal.signal(other, signal.SIG_IGN)
    raise KeyboardInterrupt


def _importing(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False
