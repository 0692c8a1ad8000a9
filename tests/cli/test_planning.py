"""A plan that takes long says so, to someone who waits at a terminal."""

from __future__ import annotations

import io
import sys
from threading import Event

from nomad.cli import plan


class Screen(io.StringIO):
    """A terminal that tells when something was written."""

    def __init__(self) -> None:
        super().__init__()
        self.written = Event()

    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> int:
        count = super().write(text)
        if text.endswith("\n"):
            self.written.set()
        return count


def test_what_takes_long_is_said_on_a_terminal(monkeypatch):
    monkeypatch.setattr(sys, "stderr", screen := Screen())

    with plan._said("planning 3 tables over 5 dates …", after=0.0):
        assert screen.written.wait(10)

    assert screen.getvalue() == "planning 3 tables over 5 dates …\n"


def test_what_is_quick_or_no_terminal_is_not_told(monkeypatch):
    monkeypatch.setattr(sys, "stderr", screen := Screen())
    with plan._said("planning …", after=600.0):
        pass
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    with plan._said("planning …", after=0.0):
        pass

    assert screen.getvalue() == ""
