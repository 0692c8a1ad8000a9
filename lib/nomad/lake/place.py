"""Where a project's lake lives: its store, and what of it belongs to this machine."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from nomad.cache import Cache
from nomad.config.lake import LakeConfig
from nomad.errors import ConfigError
from nomad.hashing import digest
from nomad.lake.layout import MANIFEST
from nomad.locks import Waiter
from nomad.store.base import Store
from nomad.store.local import LocalStore
from nomad.store.requests import Requests

if TYPE_CHECKING:
    from nomad.store.s3 import S3Store


class Place:
    """A folder, or a bucket with a server before it.

    `memory` is the folder of this machine for what may be forgotten; `servers` gives the cache
    there of what servers were found to be like.
    """

    def __init__(
        self,
        root: Path,
        config: LakeConfig,
        *,
        memory: Path,
        waiter: Waiter,
        requests: Requests,
        servers: Callable[[], Cache],
        now: Callable[[], datetime],
    ) -> None:
        self._root, self._config, self._memory = root, config, memory
        self._waiter, self._requests = waiter, requests
        self._servers, self._now = servers, now

    @cached_property
    def store(self) -> Store:
        """The objects.

        Raises:
            ConfigError: DuckDB would take the lake's address, or the catalog's, for something else.
        """
        return self.bucket or self._disk

    @cached_property
    def _disk(self) -> LocalStore:
        folder = self._root / self._config.url
        _refuse_any_letter(folder)
        return LocalStore(folder, self._waiter, told=MANIFEST)

    @cached_property
    def bucket(self) -> S3Store | None:
        """A lake in S3. What a probe of the server finds is kept for a day."""
        if (address := self._config.address) is None:
            return None
        from nomad.store.probe import Kept
        from nomad.store.s3 import S3Store

        _refuse_any_letter(self._root)
        key, day = f"{address.endpoint} {address.bucket}", self._now().date().isoformat()
        kept = Kept(self._servers(), key, day)
        return S3Store(
            address,
            requests=self._requests,
            unsafe=self._config.allow_unsafe_commit,
            known=kept.known,
            learned=kept.learned,
        )

    @cached_property
    def home(self) -> str:
        """Tell this lake from any other: where it is, and on which server."""
        if address := self._config.address:
            return digest(address.url, str(address.endpoint))[:8]
        return digest(self._disk.uri(""))[:8]

    @cached_property
    def scratch(self) -> Path:
        """The folder that all runs of this machine share; from there, `put` is cheap.

        Each live run has its claim in it.
        """
        in_s3 = self._config.address is not None
        return self._memory / "scratch" / self.home if in_s3 else self._disk.scratch

    @property
    def grace(self) -> float:
        """Seconds for which a file that nobody names may be another machine's, still to be named.

        None on a disk: all who write there share the scratch folder, and have their claims there.
        """
        return self._config.grace_seconds if self._config.address else 0.0

    @property
    def shared(self) -> bool:
        """Whether other machines may write to the lake as well."""
        return self.grace > 0


def _refuse_any_letter(folder: Path) -> None:
    if "?" in str(folder):
        raise ConfigError(
            "a folder's name holds `?`, which DuckDB takes for any letter",
            where=str(folder),
            hint="rename that folder, or move the project",
        )
