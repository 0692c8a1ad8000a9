"""How much of what is asked for a run lands: what ended in a certain way, so many requests."""

from __future__ import annotations

from collections.abc import Collection, Container
from threading import Event, Lock
from typing import NamedTuple

from nomad.config.sources import SourceConfig
from nomad.errors import Misuse, Stopped
from nomad.ingest.due_cells import SourceCell
from nomad.ingest.meter import Meter
from nomad.ingest.progress import ALL, Fetched, Progress
from nomad.ingest.progress import read as read_progress
from nomad.names import counted
from nomad.workspace import Workspace


class Budget:
    """The requests that a run may make to servers, whatever the source; `most` 0: any number.

    Memory is `shared` while several sources land at once. `stopped` is that the run is broken off.
    """

    def __init__(self, most: int = 0) -> None:
        self._most, self._count, self._lock = most, 0, Lock()
        self.exceeded = False
        self.stopped = Event()
        self.shared = False

    def spend(self) -> None:
        """Count a request that is about to be made.

        Raises:
            Stopped: as many have been made as may be.
            KeyboardInterrupt: the run is broken off.
        """
        self.heed()
        with self._lock:
            if self._most and self._count >= self._most:
                self.exceeded = True
                raise self.why
            self._count += 1

    @property
    def why(self) -> Stopped:
        """Say that no more requests are made, and how the next run goes on."""
        return Stopped(
            f"stopped after {counted(self._most, 'request')}",
            hint="run again with `--only failed,missing,waiting` to go on from there",
        )

    def heed(self) -> None:
        """See that the run goes on, before something is done that stays.

        Raises:
            KeyboardInterrupt: it is broken off, in its own thread.
        """
        if self.stopped.is_set():
            raise KeyboardInterrupt

    def sleep(self, seconds: float) -> None:
        """Wait, unless the run is broken off meanwhile."""
        self.stopped.wait(seconds)
        self.heed()


class Extent(NamedTuple):
    """What of each source is fetched, by how its last fetch ended, and by how many requests.

    Without `only`, that is all; `progress` tells of each source and part. `meter` hears how far it
    is.
    """

    only: Collection[str]
    progress: Progress
    budget: Budget
    meter: Meter

    @staticmethod
    def of(workspace: Workspace, only: Collection[str], most: int, meter: Meter) -> Extent:
        """Read how far each source is, where that matters.

        Raises:
            Misuse: `only` names an end that there isn't.
        """
        if strays := sorted(set(only) - set(Fetched)):
            raise Misuse(f"`{strays[0]}` is none of {', '.join(Fetched)}")
        progress = read_progress(workspace) if only else Progress()
        return Extent(only, progress, Budget(most), meter)

    def wants(self, source: str, part: str, *, there: bool = False) -> bool:
        """Tell whether a part is to be fetched; one that never was is missing, if not `there`."""
        never = Fetched.DONE if there else Fetched.MISSING
        return not self.only or self.progress.ended.get((source, part or ALL), never) in self.only

    def wants_cell(self, cell: SourceCell) -> bool:
        """Tell whether a source is asked for a date, or for all; of parts, each is asked about.

        A date before those asked for that never came isn't missed.
        """
        ended = self.progress.ended.get(cell.named)
        if cell.again and self.only and ended in (None, Fetched.MISSING):
            return False
        return cell.source.in_parts or self.wants(*cell.named)

    def wants_part(self, source: SourceConfig, part: str, known: Container[str]) -> bool:
        """Tell whether a part is to be fetched, where the `known` ones are landed.

        For a date that waits, any of them may have what is lacking.
        """
        there = part in known
        if there and source.options.get("once"):
            return False
        late = Fetched.WAITING in self.only and source.name in self.progress.waiting
        return late or self.wants(source.name, part, there=there)
