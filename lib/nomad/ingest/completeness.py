"""Whether what a source delivered is complete, by a condition of its own: else it is waited for."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from nomad.build.inputs import missing
from nomad.catalog.views import relations
from nomad.config.sources import SourceConfig
from nomad.engine import scan
from nomad.engine.instance import Engine, Macro, Session, View
from nomad.engine.question import refuse_writing
from nomad.engine.scan import Files
from nomad.errors import ConfigError, DiskFull, Misuse, NomadError, OutOfMemory, QueryFailed, masked
from nomad.ingest.compared import compared
from nomad.lake.lake import Lake
from nomad.lake.layout import Cell
from nomad.lake.manifest import Manifest
from nomad.names import RAW, TableName
from nomad.run import fetching
from nomad.run.context import Context
from nomad.run.readiness import COMPLETE
from nomad.run.result import Outcome, Result, Status
from nomad.sqlfile.variables import SENTINEL, undated

LANDED, PREVIOUS = "landed", "previous"
_TRIES = 3
"""How often it starts over when a table is replaced while it is read."""


class Judge(NamedTuple):
    """What a condition is asked with."""

    context: Context
    engine: Engine
    source: SourceConfig

    def incomplete(self, cell: Cell, landed: Sequence[Files], rows: int) -> Outcome | None:
        """Tell of rows that don't meet their source's condition; None of those that do.

        Raises:
            ConfigError: it is no condition that DuckDB understands.
            MissingPartition: it reads a table that was never published.
            QueryFailed: DuckDB fails to compute it.
        """
        if COMPLETE not in self.source.options:
            return None
        asked = fetching.request(self.context.workspace, self.source, cell[1])
        condition = str(asked.source.options[COMPLETE])
        if SENTINEL in condition:
            raise self._wrong("has no date to put there", undated(condition))
        found = self._lacking(condition, cell, landed)
        if found is None:
            return None
        told = f" (found {found})" if found else ""
        reason = masked(f"not complete: {' '.join(condition.split())}{told}")
        return Outcome(Result(*cell, Status.WAITING, reason, row_count=rows))

    def _lacking(self, condition: str, cell: Cell, landed: Sequence[Files]) -> str | None:
        """Say what a condition that doesn't hold compared; None where it holds."""
        query, lake = f"SELECT (\n{condition}\n) AS {COMPLETE} FROM {LANDED}", self.context.lake
        for tries_left in reversed(range(_TRIES)):
            with self.engine.session() as session:
                session.make(self._relations(condition, cell, landed, lake))
                try:
                    self._refuse_writing(session, query)
                    ((kind, holds),) = session.execute(_ALL_OF.format(query))
                except (OutOfMemory, DiskFull):
                    raise
                except QueryFailed as e:
                    lake = self.context.lake.remembering()
                    if tries_left:
                        continue
                    self._explain(session, query, condition)
                    raise e.replace(where=self.source.origin) from e
                if kind not in (None, _TRUE_OR_FALSE):
                    raise self._wrong(f"gives {kind}, not true or false", condition)
                return None if holds else compared(session, query)
        raise AssertionError("unreachable")

    def _relations(
        self, condition: str, cell: Cell, landed: Sequence[Files], lake: Lake
    ) -> Iterator[View | Macro]:
        """Give what came, and the tables that a condition may mean, as they are published."""
        project, words = self.context.workspace.project, _words(condition)
        empty, dated = Files((), landed[0].schema), project.partitioned(cell[0])
        for name in self._named(condition):
            found = lake.readable(name, partitioned=project.partitioned(name))
            if found:
                made = relations(project, lake, name, found)
                yield from made if f"{name.name}_dt".lower() in words else made[:1]
            elif name == cell[0]:
                yield View(name.layer, name.name, scan.select([empty], partitioned=dated))
        if PREVIOUS in words:
            files = lake.files(_before(lake, cell))
            yield View("", PREVIOUS, scan.select(files or [empty], partitioned=dated))
        yield View("", LANDED, scan.select(landed, partitioned=False))

    def _named(self, condition: str) -> list[TableName]:
        """Name the tables whose name is among the words of a condition."""
        words, project = _words(condition), self.context.workspace.project
        known = [*(TableName(RAW, s) for s in project.config.sources), *project.order]
        return [n for n in known if not words.isdisjoint({n.name.lower(), f"{n.name.lower()}_dt"})]

    def _refuse_writing(self, session: Session, query: str) -> None:
        try:
            refuse_writing(session, query)
        except Misuse as e:
            raise self._wrong(e.what, query) from e

    def _explain(self, session: Session, query: str, condition: str) -> None:
        """See that a query which failed is one that DuckDB understands.

        Raises:
            ConfigError: it isn't, or gives something else than true or false.
        """
        try:
            (found,) = session.describe(query)
        except QueryFailed as e:
            raise self._unpublished(e, condition) or self._wrong(e.what, condition) from e
        if found.type != _TRUE_OR_FALSE:
            raise self._wrong(f"gives {found.type}, not true or false", condition)

    def _unpublished(self, error: QueryFailed, condition: str) -> NomadError | None:
        """Name the table that a condition reads and nobody has published yet."""
        found = re.search(r'Table with name "?([\w.]+)"? does not exist', error.what)
        lake, project = self.context.lake, self.context.workspace.project
        for name in self._named(condition) if found else ():
            if not lake.latest(name, partitioned=project.partitioned(name)):
                told = missing(name, None)
                what = f"source `{self.source.name}`: `{COMPLETE}`: {told.what}"
                return told.replace(what=what, where=self.source.origin)
        return None

    def _wrong(self, what: str, condition: str) -> ConfigError:
        return ConfigError(
            f"source `{self.source.name}`: `{COMPLETE}`: {what}",
            where=self.source.origin,
            hint=f"`{' '.join(condition.split())}` is asked as `select (…) from {LANDED}`; tables"
            " are written with their layer, like raw.price",
        )


_TRUE_OR_FALSE = "BOOLEAN"
_ALL_OF = (
    f"SELECT any_value(typeof({COMPLETE})),"
    f" coalesce(bool_and(coalesce(try_cast({COMPLETE} AS BOOLEAN), false)), false) FROM ({{}})"
)
"""A condition without an aggregate is to hold for each row; of no row, and for NULL, it doesn't."""


def _words(condition: str) -> set[str]:
    return {w.lower() for w in re.findall(r"\w+", condition)}


def _before(lake: Lake, cell: Cell) -> list[Manifest]:
    """Give the latest earlier date that is published; of what lands whole, the version there is."""
    table, partition = cell
    if partition is None:
        return lake.readable(table, partitions=[None])
    earlier = sorted((p for p in lake.partitions(table) if p < partition), reverse=True)
    return next((found for p in earlier if (found := lake.readable(table, partitions=[p]))), [])
