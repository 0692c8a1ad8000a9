"""A project that is opened anew for each call, and once for queries, whose rows outlive a call."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Self

from nomad.errors import Misuse
from nomad.workspace import Workspace


class Opened:
    """A project's folder, with the environment and the variables it is opened with."""

    def __init__(
        self,
        root: str | Path = ".",
        *,
        env: str | None = None,
        variables: Mapping[str, str] | None = None,
    ) -> None:
        self._root, self._env, self._variables = Path(root).resolve(), env, dict(variables or {})
        self._asked = ExitStack()
        self._closed = False
        self._reader: Workspace | None = None
        self._seen = ""
        with self._opened("open"):
            pass

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End all queries; relations that `sql` gave are of no use afterwards."""
        self._closed = True
        self._asked.close()

    @contextmanager
    def _opened(self, method: str) -> Iterator[Workspace]:
        self._refuse_closed()
        with Workspace(
            self._root,
            environ=os.environ,
            environment=self._env,
            variables=self._variables,
            who=f"Warehouse.{method}",
        ) as workspace:
            yield workspace

    def _refuse_closed(self) -> None:
        if self._closed:
            raise Misuse("the warehouse is closed", hint="open it again with `nomad.open`")

    def _reading(self) -> Workspace:
        """Give the project as opened for queries: anew where its files have changed since."""
        self._refuse_closed()
        files = self._files()
        if self._reader is None or self._seen != files:
            self._reader = self._asked.enter_context(self._opened("sql"))
            self._seen = files
        return self._reader

    def _files(self) -> str:
        """Tell the project's files as they are: their names, sizes and times."""
        folders = (self._root / "sql", self._root / "catalog" / "migrations")
        below = (p for folder in folders for p in folder.rglob("*") if p.is_file())
        stats = ((str(p), p.stat()) for p in sorted((self._root / "nomad.yaml", *below)))
        return repr([(path, s.st_mtime_ns, s.st_size) for path, s in stats])
