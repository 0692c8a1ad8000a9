"""Which parts of a source a run fetches; what it doesn't reach of them is noted as waiting."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from nomad.config.sources import COMMON, SourceConfig
from nomad.engine.instance import Engine
from nomad.errors import NomadError, Stopped
from nomad.extract.base import Connector, Known, Request
from nomad.hashing import digest
from nomad.ingest import parts
from nomad.ingest.extent import Extent
from nomad.ingest.progress import note_part
from nomad.lake import pieces
from nomad.lake.pieces import Placed
from nomad.names import TableName
from nomad.run.context import Context
from nomad.run.fetching import Each
from nomad.workspace import Workspace


class Landing(NamedTuple):
    """One source, and what it is landed with."""

    context: Context
    engine: Engine
    source: SourceConfig
    table: TableName
    recipe: str
    force: bool
    extent: Extent

    @property
    def connector(self) -> Connector:
        """What brings its data."""
        return self.context.workspace.connectors[self.source.connector]

    def note(self, request: Request, rows: int | None, error: NomadError | None = None) -> None:
        """Note that a fetch has ended: in the journal, and for who watches."""
        note_part(self.context, self.table, window_of(request), rows=rows, error=error)
        self.extent.meter.ended(rows or 0)


def recipe_of(workspace: Workspace, source: SourceConfig) -> str:
    """Digest the options that say what a source is asked for, before secrets are filled in."""
    declared = (*workspace.connectors[source.connector].options, *COMMON)
    others = {option.name for option in declared if not option.asks}
    written = {k: v for k, v in source.written.items() if k not in others}
    return digest(source.connector, repr(sorted(written.items())))


def window_of(request: Request) -> str:
    """Name the part that is asked for; empty for all of a source."""
    return str(request.window or "")


def landed(landing: Landing, latest: Mapping[str, Placed]) -> dict[str, Known]:
    """Tell what was landed of each part by the same options."""
    return {
        key: Known(part.stamp, part.size, part.sha256)
        for key, (piece, part) in latest.items()
        if piece.recipe == landing.recipe
    }


def wanted(landing: Landing, known: Mapping[str, Known]) -> list[Each]:
    """Name the parts to be fetched, where the `known` ones are landed."""
    every = parts.of(landing.context.workspace, landing.source)
    return [p for p in every if landing.extent.wants_part(landing.source, p.name, known)]


def pass_over(landing: Landing, names: Iterable[str], why: Stopped) -> None:
    """Note of parts that they wait."""
    for name in names:
        note_part(landing.context, landing.table, name, error=why)


def pass_over_all(landing: Landing, why: Stopped) -> None:
    """Note of all parts that are wanted that they wait."""
    there = pieces.whole(pieces.read(landing.context.store, landing.table))
    known = {} if landing.force else landed(landing, pieces.latest(there))
    pass_over(landing, (part.name for part in wanted(landing, known)), why)
