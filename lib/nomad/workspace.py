"""A project, opened: its configuration, tables, lake and engine, each made when first asked for."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from datetime import UTC, date, datetime
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import Self

from nomad import dates
from nomad.cache import Cache
from nomad.catalog import catalog, macros
from nomad.config import config
from nomad.engine.down import named
from nomad.engine.instance import Engine, Remote, Session, Settings, located
from nomad.engine.readable import readable
from nomad.errors import NomadError
from nomad.extract.base import Connector
from nomad.extract.registry import CONNECTORS
from nomad.hashing import digest
from nomad.lake.claims import dead, temporary
from nomad.lake.lake import Lake
from nomad.lake.listing import Listing
from nomad.lake.object_cache import ObjectCache
from nomad.lake.place import Place
from nomad.locks import Waiter
from nomad.names import TableName, literal
from nomad.partitions import Partition
from nomad.plan import pruning
from nomad.plan.full_scans import FullScan, full_scans
from nomad.plan.inputs import Inputs
from nomad.project import project
from nomad.project.project import Table
from nomad.sqlfile.file import CatalogMacro
from nomad.store.base import Store
from nomad.store.requests import Requests

_log = logging.getLogger(__name__)

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
        processes: int = 0,
        who: str = "nomad",
        tell: Callable[[NomadError], None] | None = None,
        connectors: Mapping[str, Connector] = CONNECTORS,
    ) -> None:
        self.tell = tell or (lambda fault: _log.warning("%s", fault))
        self.root = root.resolve()
        self._processes = processes
        self._environ = environ
        self._caches: list[Cache] = []
        self.connectors = connectors
        self.config = config.load(
            self.root,
            environ=environ,
            environment=environment,
            cache=self._cache("yaml"),
            connectors=connectors,
        )
        self.given = {k.upper(): v for k, v in (variables or {}).items()}
        self.variables = {**self.config.vars, **self.given}
        for fault in config.strangers(environ):
            self.tell(fault)
        self.waiter = Waiter(who, self.config.engine.lock_wait)
        self._sessions = ExitStack()
        self._reading = Lock()
        self._readers: dict[tuple[str, ...], Engine] = {}
        self.requests = Requests()
        self.counting = False
        self._told: set[str] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Keep what was learned, and leave nothing behind."""
        for cache in self._caches:
            cache.save()
        self._sessions.close()

    def tell_once(self, fault: NomadError) -> None:
        """Tell of something once, however often this command comes upon it."""
        if str(fault) not in self._told:
            self._told.add(str(fault))
            self.tell(fault)

    def now(self) -> datetime:
        """Tell the time, in UTC."""
        return datetime.now(UTC)

    @property
    def today(self) -> date:
        """The day it is in the project's time zone."""
        return dates.today(self.config.timezone, self.now().astimezone())

    @cached_property
    def project(self) -> project.Project:
        """The project's tables; what is broken among them is told once."""
        found = project.load(
            self.config,
            cache=self._cache("sql"),
            opinion=lambda queries: self.blank.parsed(queries),  # noqa: PLW0108 (made when asked)
            variables=self.variables,
            processes=self._processes,
            macros=self.macros,
        )
        for fault in found.faults:
            self.tell(fault)
        return found

    @cached_property
    def macros(self) -> tuple[CatalogMacro, ...]:
        """The macros that the catalog's migrations make."""
        return macros.defined_by(self.root, self._cache("macros"), lambda: self.blank)

    @cached_property
    def linted(self) -> Cache:
        """What came of binding queries to columns, kept between commands."""
        return self._cache("lint")

    @cached_property
    def calendars(self) -> Cache:
        """The dates of calendars, and what their queries read, kept between commands."""
        return self._cache("calendars")

    @cached_property
    def unchanged(self) -> Cache:
        """The stamps of sources' files that were read and found to be what is landed."""
        return self._cache("unchanged")

    @cached_property
    def blank(self) -> Session:
        """A session without any table, for as long as the workspace is open."""
        return self._sessions.enter_context(Engine(Settings(threads=1, brief=True)).session())

    @cached_property
    def place(self) -> Place:
        """Where the lake lives, and who else works on it."""
        return Place(
            self.root,
            self.config.lake,
            memory=self.root / _CACHE,
            waiter=self.waiter,
            requests=self.requests,
            servers=lambda: self._cache("servers"),
            now=self.now,
        )

    @cached_property
    def store(self) -> Store:
        """The objects of the lake.

        Raises:
            ConfigError: DuckDB would take its address, or the catalog's, for something else.
        """
        return self.place.store

    def check_lake(self) -> None:
        """See that the lake can be written safely, before anything is done for it.

        Raises:
            LakeError: its server doesn't keep to conditional writes, or can't be reached.
        """
        if bucket := self.place.bucket:
            _ = bucket.understands

    @cached_property
    def remote(self) -> Remote | None:
        """How DuckDB reaches the lake, where that is in S3."""
        if not (bucket := self.place.bucket):
            return None
        return Remote(
            bucket.address, bucket.region, bucket.credentials, self.requests, counting=self.counting
        )

    @cached_property
    def lake(self) -> Lake:
        """What is published."""
        name = f"lake-{self.place.home}.db" if self.config.lake.address else "lake.db"
        objects = ObjectCache(self.root / _CACHE / name)
        self._sessions.callback(objects.close)
        return Lake(self.store, listing=Listing(self.store, objects, shared=self.place.shared))

    @property
    def catalog_path(self) -> Path:
        """The catalog's file; each environment has its own."""
        return catalog.path_of(self.root, self.config.environment)

    def refresh_catalog(
        self, lake: Lake | None = None, *, fresh: bool = True, engine: Engine | None = None
    ) -> catalog.Refreshed:
        """Build the catalog anew from the lake as it is, or (not `fresh`) as `lake` knows it."""
        made = catalog.refresh(
            self.project,
            lake or self.lake,
            now=self.now(),
            fresh=fresh,
            remote=self.remote,
            engine=engine,
            waiter=self.waiter,
        )
        self._note_catalogs({made.path.name: self._catalog_basis if made.whole else ""})
        return made

    @property
    def catalog_is_due(self) -> bool:
        """Whether there is no catalog yet, one of another lake or project, or one behind."""
        path = self.catalog_path
        if catalog.is_unfit(path):
            return True
        return self.catalogs.get(path.name) != self._catalog_basis or bool(self.died())

    def died(self, *, own: str = "") -> list[Path]:
        """Name the scratch of runs that died, as the run `own` or a command without one sees it."""
        return dead(self.place.scratch, now=self.now().timestamp(), own=own, waiter=self.waiter)

    def catalog_is_behind(self) -> None:
        """Note that the lake is about to change: until it is renewed, each catalog is due."""
        path = self.catalog_path
        self._note_catalogs({p.name: "" for p in (path, *path.parent.glob("*.duckdb"))})

    @cached_property
    def _catalog_basis(self) -> str:
        return catalog.SCHEMA + digest(self.place.home, *catalog.made_of(self.project))

    @property
    def catalogs(self) -> Cache:
        """What is noted of each catalog; read anew, as others note theirs meanwhile."""
        return Cache(self.root / _CACHE / "catalogs.json")

    def _note_catalogs(self, bases: Mapping[str, str]) -> None:
        noted = self.catalogs
        for name, basis in bases.items():
            noted.put(name, basis)
        noted.save()

    def connecting(self) -> list[str]:
        """Write what opens the catalog in another DuckDB, without a key; one due is made first."""
        if self.catalog_is_due:
            self.refresh_catalog()
        way = self.remote.shown(self._environ) if self.remote else []
        attach = f"ATTACH {literal(str(self.catalog_path))} AS catalog (READ_ONLY)"
        return [*way, attach, "USE catalog"]

    def files(self, table: TableName, partitions: Sequence[Partition | None]) -> list[str]:
        """Give the addresses of the files of partitions; of several, those that are there.

        Raises:
            MissingPartition: nothing is published there.
        """
        there = [m for p in partitions if (m := self.lake.manifest(table, p))]
        found = there or [self.lake.required(table, partitions[0])]
        return [uri for group in self.lake.files(found) for uri in group.uris]

    @cached_property
    def temporary(self) -> Path:
        """A folder for this command alone, outside the lake."""
        return self._sessions.enter_context(temporary(Path(tempfile.gettempdir())))

    @cached_property
    def pruner(self) -> pruning.Pruner:
        """Tells which partitions a query reads."""
        cache, zone = self._cache("reads"), self.config.timezone
        found = pruning.Pruner(lambda: self.temporary, cache, attach=self._attach, timezone=zone)
        self._sessions.callback(found.close)
        return found

    def full_scans(self, table: Table) -> tuple[FullScan, ...]:
        """Name the inputs that a table by date reads in all partitions, and why."""
        kept = self._full_scans
        return full_scans(self.project, table, kept, lambda: self._inputs)

    @cached_property
    def _full_scans(self) -> Cache:
        return self._cache("fullscans")

    @cached_property
    def _inputs(self) -> Inputs:
        """What queries read, by the columns there are as of one moment."""
        return Inputs.of_lake(self.project, self.lake.remembering(), self.pruner)

    def reader(self, texts: Iterable[str] = ()) -> Engine:
        """Give an engine for questions, which name what is attached; its scratch is elsewhere."""
        names = tuple(named(self._attach, texts))
        with self._reading:
            if names not in self._readers:
                self._readers[names] = self.engine(self.temporary, names)
            return self._readers[names]

    def engine(
        self, scratch: Path, texts: Iterable[str] = (), *, remote: bool = True, shares: int = 1
    ) -> Engine:
        """Make an engine that works in a scratch folder and reads the project and its lake.

        It reads what is attached and named in `texts`; without `remote` no lake in S3. So many of
        its instances as `shares` may be open at once.
        """
        settings = Settings(
            memory_limit=self.config.engine.memory_limit,
            scratch=scratch,
            allowed=(self.catalog_path.parent, *self._readable),
            timezone=self.config.timezone,
            attach=named(self._attach, texts),
            remote=self.remote if remote else None,
            shares=shares,
        )
        self._sessions.callback((engine := Engine(settings)).close)
        return engine

    @cached_property
    def _readable(self) -> tuple[Path, ...]:
        return readable(self.config)

    @property
    def _attach(self) -> dict[str, str]:
        return {name: located(a, self.root) for name, a in self.config.attach.items()}

    def _cache(self, name: str) -> Cache:
        cache = Cache(self.root / _CACHE / f"{name}.json")
        self._caches.append(cache)
        return cache
