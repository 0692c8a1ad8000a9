"""Which partitions of each input a query can read. DuckDB's optimizer says it; nobody guesses.

The query is bound to a stand-in of the input: one empty Parquet file in a hive folder whose `dt` is
NULL, so that any comparison would drop the file and the optimizer reports the filter by which it
did. (A stand-in with a date loses the filters that this date happens to pass.) The calendar then
tells which days the filter keeps. What no filter bounds, or what can't be explained, reads all.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import date
from pathlib import Path
from threading import Lock
from typing import NamedTuple

from nomad.cache import Cache
from nomad.dates import ALL
from nomad.engine import scan
from nomad.engine.down import named
from nomad.engine.instance import Engine, Place, Session, Settings, View
from nomad.engine.version import VERSION
from nomad.errors import QueryFailed
from nomad.hashing import digest
from nomad.names import TableName, literal
from nomad.partitions import COLUMN, Grain, Partition, folder_named
from nomad.plan.explained import days_of, filters_of, of_setup
from nomad.plan.reads import InputRead, from_body, to_body, union
from nomad.schema import Column, schema_hash

_UNSOUND = (
    "statistics_propagation", "late_materialization", "join_filter_pushdown", "top_n",
    "top_n_window_elimination", "window_self_join", "common_subplan",
)  # fmt: skip
"""Optimizers that look at the stand-in's (absent) data, or scan an input a second time."""

_IDLE = (
    "column_lifetime", "common_aggregate", "common_subexpressions", "compressed_materialization",
    "duplicate_groups", "limit_pushdown", "reorder_filter", "row_group_pruner",
    "sampling_pushdown", "sum_rewriter", "unused_columns",
)  # fmt: skip
"""Optimizers that move no filter towards a scan, and take time.

Not those of joins: a right join that is turned into a left one lets filters through.
"""

_NAMING = r"(?i)\bas\s*\(\s*select\b[^()]*'\d{4}-\d\d-\d\d'"
"""A CTE that may be of constants."""

ANY_DAY = Partition(date(2000, 1, 1))
"""Stands for a partition, where whatever one will do."""

_MOST_SESSIONS = 16
"""Sessions kept open with inputs bound to them."""


class Relation(NamedTuple):
    """An input as a query sees it: the names it is spelled by, its columns, partitioned or not.

    A spelling is (schema, name); an empty schema stands for the bare name.
    """

    spellings: tuple[tuple[str, str], ...]
    schema: tuple[Column, ...]
    partitioned: bool

    @property
    def fingerprint(self) -> str:
        """Tells two relations apart, for the cache."""
        return digest(repr(self.spellings), schema_hash(self.schema), str(self.partitioned))


Relations = Mapping[TableName, Relation]


class Pruner:
    """Answers for many queries with one small DuckDB instance of its own, and remembers."""

    def __init__(
        self,
        scratch: Callable[[], Path],
        cache: Cache,
        *,
        attach: Mapping[str, str],
        timezone: str | None = None,
    ) -> None:
        self._scratch = scratch
        self._cache = cache
        self._timezone = timezone or ""
        self._settings = Settings(
            memory_limit="256MB",
            threads=1,
            timezone=timezone,
            attach=attach,
            without=_UNSOUND + _IDLE,
            brief=True,
        )
        self._engines: dict[tuple[str, ...], Engine] = {}
        self._lock = Lock()
        self._opening = Lock()
        self._prepared: dict[str, Session] = {}
        self._open = ExitStack()

    def close(self) -> None:
        """Let go of the instance."""
        self._open.close()
        for engine in self._engines.values():
            engine.close()

    def _engine(self, texts: Sequence[str]) -> Engine:
        """Give an engine that has the databases which some texts name."""
        attach = named(self._settings.attach, texts)
        key = tuple(attach)
        with self._opening:
            if key not in self._engines:
                settings = replace(self._settings, attach=attach, scratch=self._scratch())
                self._engines[key] = Engine(settings)
            return self._engines[key]

    def read(
        self, setup: Sequence[str], query: str, target: TableName, relations: Relations
    ) -> InputRead:
        """Give the days of the partitioned input `target` that the query can read."""
        known = [f"{n} {r.fingerprint}" for n, r in sorted(relations.items())]
        key = digest("reads", "8", VERSION, self._timezone, *setup, query, str(target), *known)
        with self._lock:
            if (kept := self._cache.get(key)) is None:
                scans = self._closely(setup, query, target, relations)
                self._cache.put(key, kept := to_body(union(target, scans)))
        return from_body(target, *kept)

    def schema(
        self,
        setup: Sequence[str],
        query: str,
        relations: Relations,
        *,
        at: Place | None = None,
    ) -> tuple[Column, ...]:
        """Give the columns that a query would have, without running it; `at` is where it is from.

        Raises:
            QueryFailed: the query doesn't fit its inputs.
        """
        with self._engine((*setup, query)).session() as session:
            for relation in relations.values():
                empty = scan.Files((), relation.schema)
                select = scan.select([empty], partitioned=relation.partitioned)
                session.make(View(schema, name, select) for schema, name in relation.spellings)
            for statement in setup:
                session.execute(statement)
            return session.describe(query, at=at)

    def _closely(
        self, setup: Sequence[str], query: str, target: TableName, relations: Relations
    ) -> list[InputRead]:
        """Where a query seems to read all, ask once more with what it names as constants put in."""
        found = self._ask(setup, query, target, relations)
        if setup or all(s.spans != ALL for s in found) or not re.search(_NAMING, query):
            return found
        from nomad.sqlfile.plainer import with_constants

        plainer = with_constants(query)
        return self._ask(setup, plainer, target, relations) if plainer else found

    def _ask(
        self, setup: Sequence[str], query: str, target: TableName, relations: Relations
    ) -> list[InputRead]:
        """Give the days that each scan of the target can read."""
        try:
            if not setup:
                session = self._ready(self._engine([query]), target, relations)
                return days_of(session, target, filters_of(session, query))
            with self._engine((*setup, query)).session() as session:
                self._bind(session, target, relations)
                names = [name for _, name in relations[target].spellings]
                scans = [f for text in setup for f in of_setup(session, text, names)]
                return days_of(session, target, scans + filters_of(session, query))
        except QueryFailed:
            self._forget()  # a PIVOT that failed leaves its transaction open
            return [InputRead(target, ALL)]

    def _ready(self, engine: Engine, target: TableName, relations: Relations) -> Session:
        """Give a session with the inputs bound; a table asks with the same ones for each date."""
        known = (f"{n} {r.fingerprint}" for n, r in sorted(relations.items()))
        key = digest(str(id(engine)), str(target), *known)
        if key not in self._prepared:
            if len(self._prepared) >= _MOST_SESSIONS:
                self._forget()
            session = self._open.enter_context(engine.session())
            self._bind(session, target, relations)
            self._prepared[key] = session
        return self._prepared[key]

    def _forget(self) -> None:
        self._open.close()
        self._prepared.clear()

    def _bind(self, session: Session, target: TableName, relations: Relations) -> None:
        for name, relation in relations.items():
            if name == target:
                self._bind_stand_in(session, relation)
            else:
                self._bind_other(session, relation)

    def _bind_stand_in(self, session: Session, relation: Relation) -> None:
        files = scan.Files((str(self._stand_in(session, relation)),), relation.schema)
        select = scan.select([files], partitioned=True, plain_dt=True)
        session.make(View(schema, name, select) for schema, name in relation.spellings)

    def _bind_other(self, session: Session, relation: Relation) -> None:
        """Stand in for an input not asked about: an empty JSON file, of which nothing is known.

        Of an empty table the optimizer knows that it is empty, and drops what is joined to it.
        """
        path = self._scratch() / "empty.json"
        path.touch()
        dt = (Column(COLUMN, Grain.DAY.type),) if relation.partitioned else ()
        own = tuple(c for c in relation.schema if not (dt and c.name.lower() == COLUMN))
        files = scan.Files((str(path),), own + dt)
        select = scan.select([files], partitioned=False)
        session.make(View(schema, name, select) for schema, name in relation.spellings)

    def _stand_in(self, session: Session, relation: Relation) -> Path:
        """Write (once) an empty Parquet file with the input's columns, in a folder without date."""
        folder = self._scratch() / "stand-in" / schema_hash(relation.schema)
        path = folder / folder_named("__HIVE_DEFAULT_PARTITION__") / "0.parquet"
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            empty = scan.select([scan.Files((), relation.schema)], partitioned=False)
            session.execute(f"COPY ({empty}) TO {literal(str(path))} (FORMAT parquet)")
        return path
