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


def _heard(number: int, _: FrameType | None) -> None:
    """End the command. While it tidies up, only another Ctrl-C is heard."""
    _came.append(number)
    if number in _SENT:
        for other in _SENT:
            signal.signal(other, signal.SIG_IGN)
    raise KeyboardInterrupt
