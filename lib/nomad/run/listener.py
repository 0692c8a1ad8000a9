"""The listener port: who wants to know what a run publishes."""

from __future__ import annotations

from typing import Protocol

from nomad.lake.manifest import Over, Published


class Listener(Protocol):
    """Hears of each commit of a run, from the run's own thread, once the run knows of it."""

    def published(self, new: Published, old: Over | None) -> None:
        """Hear that `new` is published, and what it superseded."""
