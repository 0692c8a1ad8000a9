"""Which files of a source are those that were landed last, by their size and time: none is read.

The stamps of what was landed stand in its manifest. Those of files that were read and found to be
the same, copied anew say, this machine remembers.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from nomad.config.options import texts
from nomad.config.sources import COMMON, SourceConfig
from nomad.engine.version import NAME
from nomad.extract.base import Connector, Request, Stamped
from nomad.hashing import digest
from nomad.lake.manifest import Manifest
from nomad.workspace import Workspace

_VARIABLE = r"(?i)\$\{|\$<(?!PARTITION_DATE\b)"


class Stamps(NamedTuple):
    """The files of a date, or of all, as they are now; none, where that can't be told."""

    workspace: Workspace
    recipe: str
    files: Mapping[str, str]

    def are_of(self, last: Manifest) -> bool:
        """Tell whether the files are those that were landed as `last`, by the same options."""
        if not self.files or not _is_settled(last):
            return False
        landed = self.files == last.stamps and self.recipe == last.sql_hash
        return landed or self.workspace.unchanged.get(self._key(last)) == self._told(last)

    def remember(self, last: Manifest) -> None:
        """Take note that the files were read, and found to be what was landed as `last`."""
        if self.files:
            self.workspace.unchanged.put(self._key(last), self._told(last))

    def _key(self, last: Manifest) -> str:
        return digest(str(last.dest), str(last.partition))

    def _told(self, last: Manifest) -> str:
        files = (f"{name} {stamp}" for name, stamp in sorted(self.files.items()))
        return digest(self.recipe, last.run_id, last.content_hash, *files)


def _is_settled(last: Manifest) -> bool:
    """Tell whether the same files would land as they did: the types of JSON may come out otherwise.

    By another DuckDB, and where a column had no value that tells its type.
    """
    return last.engine == NAME and not any("JSON" in c.type for c in last.schema)


def of(workspace: Workspace, connector: Connector, request: Request, recipe: str) -> Stamps:
    """Look at the files of a window, before they are read: what changes meanwhile shows later."""
    found: Mapping[str, str] = {}
    if isinstance(connector, Stamped) and _is_told_by_files(connector, request.source):
        found = connector.stamps(request)
    return Stamps(workspace, recipe, found if all(found.values()) else {})


def _is_told_by_files(connector: Connector, source: SourceConfig) -> bool:
    """Tell whether the files alone decide what lands: no variable says how they are read.

    One in the path does no harm: it names other files.
    """
    silent = {o.name for o in (*connector.options, *COMMON) if not o.asks}
    options = (v for name, v in source.written.items() if name not in {"path", *silent})
    return not any(re.search(_VARIABLE, text) for value in options for text in texts(value))
