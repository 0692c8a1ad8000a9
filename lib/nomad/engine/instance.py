"""DuckDB: one instance a process, a fresh session a step.

A session is its own connection with an empty in-memory database of its own. Measured against a new
instance each, that costs a third, and extensions, secrets and the memory limit are shared: DuckDB
deals out memory and threads to the queries of one instance by itself. What sets something for the
whole instance gets one to itself.
"""

from __future__ import annotations

import itertools
from collections.abc import Hashable, Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

from nomad.engine.attach import attach, located
from nomad.engine.faults import Place, guarded
from nomad.engine.interrupts import give_up
from nomad.engine.machine import cores, memory
from nomad.engine.remote import Remote
from nomad.engine.session import Macro, Session, Staged, View, sha256
from nomad.errors import LakeError
from nomad.names import literal
from nomad.schema import Column
from nomad.store.address import Credentials

if TYPE_CHECKING:
    import duckdb

    from nomad.engine.interrupts import Pending

__all__ = [
    "LEAN", "Engine", "Macro", "Place", "Remote", "Session", "Settings", "Staged", "View",
    "database", "located", "sha256",
]  # fmt: skip

LEAN = "SET threads = 1; SET preserve_insertion_order = false"
"""What makes a query need the least memory, as DuckDB's manual has it."""


_PAST_LIMITS = "join_filter_pushdown"
"""Hands a join's keys down to the scan on its other side, past a LIMIT too (DuckDB 1.5.5)."""


@dataclass(frozen=True)
class Settings:
    """How instances are set up.

    `threads` 0 takes what the machine allows; `allowed` are folders and files a query may read;
    `attach` names databases opened read-only; `remote` is the lake, where it is in S3. So many
    instances as there are `shares` may be open at once: each gets one of memory and threads.
    `brief` is for statements that never take long.
    """

    memory_limit: str = "70%"
    threads: int = 0
    scratch: Path | None = None
    allowed: tuple[Path, ...] = ()
    timezone: str | None = None
    attach: Mapping[str, str] = field(default_factory=dict)
    without: tuple[str, ...] = ()
    remote: Remote | None = None
    shares: int = 1
    brief: bool = False


class Engine:
    """Gives out sessions. The instance behind them is made on first use.

    `described` is for what its user knows to have the same columns; it is kept with the engine.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._instance: duckdb.DuckDBPyConnection | None = None
        self._numbers = itertools.count(1)
        self._open: set[duckdb.DuckDBPyConnection] = set()
        self._pending: Pending = set()
        self._lock = Lock()
        self._sharing = 1
        self._alone = Lock()
        self._given: Credentials | None = None
        self._down: dict[str, LakeError] = {}
        self.described: dict[Hashable, tuple[Column, ...]] = {}

    @property
    def remote(self) -> Remote | None:
        """The lake in S3 that its sessions read, if any."""
        return self._settings.remote

    def shared_by(self, sessions: int) -> None:
        """Say how many sessions compute at once: each brings a thread, DuckDB starts the others.

        Of a small query handed to another thread, the handing over would be the larger part.
        """
        with self._lock:
            if sessions != self._sharing:
                self._sharing = sessions
                self._share()

    def _share(self) -> None:
        if con := self._instance:
            count = min(self._sharing, _threads(self._settings))
            guarded(lambda: con.execute(f"SET external_threads = {count}"))

    @contextmanager
    def session(
        self, *, exclusive: bool = False, lean: bool = False, limited: bool = False
    ) -> Iterator[Session]:
        """Open a session; `exclusive` gives it an instance of its own.

        `limited` is for queries with a LIMIT below a join, and has its own instance as well.
        Nothing that a session makes or sets is seen by another one. `lean` is for a query that ran
        out of memory, and while no other session is open: all memory is its own, and it gets by
        with as little as DuckDB can.
        """
        if exclusive or lean or limited:
            settings = replace(self._settings, shares=1) if lean else self._settings
            if limited:
                settings = replace(settings, without=(*settings.without, _PAST_LIMITS))
            alone = self._alone if lean else nullcontext()
            with alone, self._apart(settings, lean=lean) as session:
                yield session
            return
        with self._within(":memory:", self._open) as session:
            yield session

    @contextmanager
    def attached(self, database: str) -> Iterator[Session]:
        """Open a DuckDB file in this instance, which has its extensions loaded already.

        It waits for a lean session to end, as that waits for this one; `interrupt` passes it over.

        Raises:
            QueryFailed: it can't be opened.
        """
        with self._alone, self._within(database, set()) as session:
            yield session

    @contextmanager
    def _apart(self, settings: Settings, *, lean: bool) -> Iterator[Session]:
        """Open a session of an instance of its own."""
        if lean:
            self.close()
        con = guarded(lambda: _connect(settings, self._down, self._pending))
        with _listed(con, self._open):
            if lean:
                guarded(lambda: con.execute(LEAN))
            yield Session(con, self._settings.brief, self._down)
            self._count(con)

    @contextmanager
    def _within(self, database: str, listed: set[duckdb.DuckDBPyConnection]) -> Iterator[Session]:
        """Open a session of the common instance, in a database of its own."""
        con, name = self._cursor()
        with _listed(con, listed):
            session = Session(con, self._settings.brief, self._down)
            session.execute(f"ATTACH {literal(database)} AS {name}; USE {name}")
            try:
                yield session
            finally:
                self._count(con)
                _leave(session, name)

    def _count(self, con: duckdb.DuckDBPyConnection) -> None:
        if self._settings.remote:
            import duckdb

            with suppress(duckdb.Error):
                self._settings.remote.count(con)

    def close(self) -> None:
        """Let go of the instance, and with it of attached databases."""
        with self._lock:
            if self._instance is not None:
                self._instance.close()
                self._instance = None

    def interrupt(self) -> None:
        """Break off whatever runs in any session, or waits for a database to be attached."""
        give_up(self._pending)
        for con in list(self._open):
            con.interrupt()

    def _cursor(self) -> tuple[duckdb.DuckDBPyConnection, str]:
        with self._lock:
            if self._instance is None:
                self._instance = guarded(
                    lambda: _connect(self._settings, self._down, self._pending)
                )
                self._share()
            cursor = self._instance.cursor()
            if self._settings.remote:
                self._given = self._settings.remote.refresh(cursor, self._given)
            return cursor, f"session_{next(self._numbers)}"


@contextmanager
def _listed(
    con: duckdb.DuckDBPyConnection, among: set[duckdb.DuckDBPyConnection]
) -> Iterator[None]:
    among.add(con)
    try:
        yield
    finally:
        among.discard(con)
        con.close()


def _leave(session: Session, name: str) -> None:
    """Drop a session's database; a PIVOT that failed leaves a transaction open, which goes first.

    Without one, to ask for its end would be an error: half as dear as a session.
    """
    import duckdb

    away = f"USE memory; DETACH DATABASE IF EXISTS {name}"
    try:
        session.con.execute(away)
    except (duckdb.Error, RuntimeError):
        with suppress(duckdb.Error):
            session.con.execute("ROLLBACK")
        session.execute(away)


def _threads(settings: Settings) -> int:
    return settings.threads or max(1, cores() // settings.shares)


_UNCACHED = "SET enable_external_file_cache = false"
"""DuckDB keeps what it read of each file, 20 kB of the smallest; the system does so for a disk."""


_GIVEN_BACK = "16MB"
"""What a query frees of more than that goes back to the system; DuckDB keeps up to 512 MiB of it.

One instance serves a whole run: of TPC-H's queries its peak was 20 MB lower in the middle of ten
runs, 60 in the worst, for a hundredth of the time."""


def _connect(
    settings: Settings, down: dict[str, LakeError], pending: Pending
) -> duckdb.DuckDBPyConnection:
    """Open an instance; a database that can't be attached is `down`, for those that ask for it."""
    import duckdb

    config: dict[str, Any] = {
        "memory_limit": memory(settings.memory_limit, shares=settings.shares),
        "threads": _threads(settings),
        "autoinstall_known_extensions": False,
        "python_enable_replacements": False,
        "allocator_bulk_deallocation_flush_threshold": _GIVEN_BACK,
    }
    if settings.scratch:
        config["temp_directory"] = str(settings.scratch / "spill")
    con = duckdb.connect(config=config)
    con.execute("SET parquet_metadata_cache = true")
    if not settings.remote:
        con.execute(_UNCACHED)
    if settings.timezone:
        con.execute(f"SET GLOBAL TimeZone = {literal(settings.timezone)}")
    if settings.without:
        con.execute(f"SET disabled_optimizers = {literal(','.join(settings.without))}")
    for name, address in settings.attach.items():
        try:
            attach(con, name, address, pending)
        except LakeError as e:
            down[name] = e
    _set_up(con, settings)
    return con


def _set_up(con: duckdb.DuckDBPyConnection, settings: Settings) -> None:
    if settings.remote:
        settings.remote.set_up(con)
    _lock(con, settings)


_DATABASES = (".db", ".ddb", ".duckdb")


def _lock(con: duckdb.DuckDBPyConnection, settings: Settings) -> None:
    """Keep the instance to what it may use; nothing that runs in it can take that back."""
    files = [str(p) for p in settings.allowed if p.is_file()]
    single = set(files)
    folders = [f"{p}/" for p in (*settings.allowed, settings.scratch) if p and str(p) not in single]
    if settings.remote:
        folders.append(f"{settings.remote.address.url}/")
    con.execute(f"SET allowed_directories = [{', '.join(map(literal, folders))}]")
    files += [f"{f}.wal" for f in files if f.endswith(_DATABASES)]  # DuckDB looks for its log
    con.execute(f"SET allowed_paths = [{', '.join(map(literal, files))}]")
    con.execute("SET enable_external_access = false")


_SMALL: dict[str, Any] = {"default_block_size": "16384"}
"""A catalog is many tables of few rows: a block of 256 kB for each costs memory and disk."""


@contextmanager
def database(
    path: str,
    *,
    remote: Remote | None = None,
    allowed: tuple[Path, ...] = (),
    read_only: bool = False,
) -> Iterator[Session]:
    """Open a DuckDB file by itself; it reads what is `allowed`, and the lake in S3."""
    import duckdb

    try:
        con = duckdb.connect(path, config={} if read_only else _SMALL, read_only=read_only)
    except duckdb.Error as e:
        raise LakeError(f"can't be opened: {str(e).splitlines()[0]}", where=path) from e
    settings = Settings(allowed=(Path(path).parent, *allowed), remote=remote)
    try:
        guarded(lambda: _set_up(con, settings))
        yield Session(con)
    finally:
        con.close()
