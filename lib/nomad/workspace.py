"""A project, opened: its configuration, tables, lake and engine, each made when first asked for."""

from __future__ import annotations

import copy
import shutil
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from datetime import UTC, date, datetime
from functools import cached_property
from pathlib import Path
from typing import Self

from nomad import config, partition, project, pruning
from nomad.cache import Cache
from nomad.engine.duck import Engine, Session, Settings
from nomad.errors import ConfigError, MissingPartition
from nomad.lake import Lake
from nomad.names import TableName
from nomad.store.base import Store
from nomad.store.local import LocalStore
from nomad.store.overlay import OverlayStore

_CACHE = ".nomad"


class Workspace:
    """One project folder and all that hangs on it. Use it as a context manager."""

    def __init__(
        self,
        root: Path,
        *,
        environ: Mapping[str, str],
        environment: str | None = None,
        variables: Mapping[str, str] | None = None,
    ) -> None:
        self.root = root.resolve()
        self.config = config.load(self.root, environ=environ, environment=environment)
        given = {k.upper(): v for k, v in (variables or {}).items()}
        self.variables = {**self.config.vars, **given}
        self._caches: list[Cache] = []
        self._sessions = ExitStack()
        self.rehearsing = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Keep what was learned, and leave nothing behind."""
        for cache in self._caches:
            cache.save()
        self._sessions.close()
        if "temporary" in self.__dict__:
            shutil.rmtree(self.temporary, ignore_errors=True)

    def now(self) -> datetime:
        """Tell the time, in UTC."""
        return datetime.now(UTC)

    @property
    def today(self) -> date:
        """The day it is in the project's time zone."""
        return partition.today(self.config.timezone, self.now().astimezone())

    @cached_property
    def project(self) -> project.Project:
        """The project's tables."""
        return project.load(
            self.config,
            cache=self._cache("sql"),
            opinion=self._second_opinion,
            variables=self.variables,
        )

    def _second_opinion(self, statement: str) -> set[str] | None:
        return self._blank.table_names(statement)

    @cached_property
    def _blank(self) -> Session:
        """A session without any table, for as long as the workspace is open."""
        return self._sessions.enter_context(self.reader.session())

    @cached_property
    def store(self) -> Store:
        """Where the lake lives."""
        url = self.config.lake.url
        if "://" in url:
            raise ConfigError(
                f"`lake.url` is `{url}`: this version writes to a folder",
                where=self.config.origins.get("lake.url"),
                hint="set it to a folder, e.g. `lake`",
            )
        folder = self.root / url
        if hive := [p for p in folder.parts if p.lower().startswith(f"{partition.COLUMN}=")]:
            raise ConfigError(
                f"the lake lies below `{hive[0]}`, which reads as the date of a partition",
                where=str(folder),
                hint="move the project, or set `lake.url` to a folder elsewhere",
            )
        return LocalStore(folder)

    @cached_property
    def lake(self) -> Lake:
        """What is published."""
        return Lake(self.store)

    def files(self, table: TableName, day: partition.Partition) -> list[str]:
        """Give the addresses of a partition's files.

        Raises:
            MissingPartition: nothing is published there.
        """
        found = self.lake.manifest(table, day)
        if found is None:
            what = f"{table} has no dt={day}" if day else f"{table} was never published"
            raise MissingPartition(what, hint=f"see `nomad show {table.name}`")
        return [uri for group in self.lake.files([found]) for uri in group.uris]

    def rehearsal(self, folder: Path) -> Workspace:
        """The same project over an overlay: what is published stays in `folder`."""
        twin = copy.copy(self)
        twin.store = OverlayStore(self.store, folder)
        twin.lake = Lake(twin.store)
        twin.rehearsing = True
        return twin

    @cached_property
    def temporary(self) -> Path:
        """A folder for this command alone, outside the lake."""
        return Path(tempfile.mkdtemp(prefix="nomad-")).resolve()

    @cached_property
    def pruner(self) -> pruning.Pruner:
        """Tells which partitions a query reads."""
        given = self.config
        found = pruning.Pruner(
            self.temporary, self._cache("reads"), attach=given.attach, timezone=given.timezone
        )
        self._sessions.callback(found.close)
        return found

    @cached_property
    def reader(self) -> Engine:
        """An engine for questions: its scratch lies outside the lake."""
        return self.engine(self.temporary)

    def engine(self, scratch: Path) -> Engine:
        """Make an engine that works in a scratch folder and reads the project and its lake."""
        given = self.config
        folders = (self.root, self.root / given.lake.url)
        settings = Settings(
            memory_limit=given.engine.memory_limit,
            scratch=scratch,
            allowed=folders,
            timezone=given.timezone,
            attach=given.attach,
        )
        engine = Engine(settings)
        self._sessions.callback(engine.close)
        return engine

    def _cache(self, name: str) -> Cache:
        cache = Cache(self.root / _CACHE / f"{name}.json")
        self._caches.append(cache)
        return cache
