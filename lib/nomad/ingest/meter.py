"""The port of who shows how far a landing is: how much there is to fetch, and what has come."""

from __future__ import annotations

from typing import Protocol


class Meter(Protocol):
    """Hears of each date and part that is fetched, in whatever thread that is."""

    def expect(self, count: int) -> None:
        """Take note that so many more are to be fetched."""

    def ended(self, rows: int) -> None:
        """Take note that one has ended, well or badly, and how many rows came."""


class Unseen:
    """Shows nothing."""

    def expect(self, count: int) -> None:
        """Do nothing."""

    def ended(self, rows: int) -> None:
        """Do nothing."""
