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
from nomad.lake.layout import Cell
from nomad.names import RAW, TableName
from nomad.run import fetching
from nomad.run.context import Context
from nomad.run.readiness import COMPLETE
from nomad.run.result import Outcome, Result, Status
from nomad.sqlfile.variables import SENTINEL, undated

LANDED = "landed"
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
        if self._holds(condition, cell, landed):
            return None
        reason = masked(f"not complete: {' '.join(condition.split())}")
        return Outcome(Result(*cell, Status.WAITING, reason, row_count=rows))

    def _holds(self, condition: str, cell: Cell, landed: Sequence[Files]) -> bool:
        query = f"SELECT (\n{condition}\n) AS {COMPLETE} FROM {LANDED}"
        for tries_left in reversed(range(_TRIES)):
            with self.engine.session() as session:
                session.make(self._relations(condition, cell, landed))
                self._understood(session, query, condition)
                try:
                    return bool(session.execute(_ALL_OF.format(query))[0][0])
                except (OutOfMemory, DiskFull):
                    raise
                except QueryFailed as e:
                    if not tries_left:
                        raise e.replace(where=self.source.origin) from e
        raise AssertionError("unreachable")

    def _relations(
        self, condition: str, cell: Cell, landed: Sequence[Files]
    ) -> Iterator[View | Macro]:
        """Give what came, and the tables that a condition may mean, as they are published now."""
        project, lake = self.context.workspace.project, self.context.lake.remembering()
        schema = landed[0].schema
        for name in self._named(condition):
            found = lake.readable(name, partitioned=project.partitioned(name))
            if found:
                yield from relations(project, lake, name, found)
            elif name == cell[0]:
                empty = scan.select([Files((), schema)], partitioned=project.partitioned(name))
                yield View(name.layer, name.name, empty)
        yield View("", LANDED, scan.select(landed, partitioned=False))

    def _named(self, condition: str) -> list[TableName]:
        """Name the tables whose name is among the words of a condition."""
        words = {w.lower() for w in re.findall(r"\w+", condition)}
        project = self.context.workspace.project
        known = [*(TableName(RAW, s) for s in project.config.sources), *project.order]
        return [n for n in known if not words.isdisjoint({n.name.lower(), f"{n.name.lower()}_dt"})]

    def _understood(self, session: Session, query: str, condition: str) -> None:
        """See that a query only reads, and gives true or false."""
        try:
            refuse_writing(session, query)
            (kind,) = session.describe(query)
        except Misuse as e:
            raise self._wrong(e.what, condition) from e
        except QueryFailed as e:
            raise self._unpublished(e, condition) or self._wrong(e.what, condition) from e
        if kind.type != "BOOLEAN":
            raise self._wrong(f"gives {kind.type}, not true or false", condition)

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


_ALL_OF = f"SELECT coalesce(bool_and(coalesce({COMPLETE}, false)), false) FROM ({{}})"
"""A condition without an aggregate is to hold for each row; of no row, and for NULL, it doesn't."""
