"""What a source is asked by who only looks: one request, and what it says that is there.

Nothing is landed, and what is fetched for a look is gone afterwards. A server is waited for less
long than by a landing, where the source doesn't say itself how long.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from tempfile import mkdtemp

from nomad.config.options import Held, texts
from nomad.config.sources import SourceConfig
from nomad.errors import NomadError, SourceMissing, StepFailed
from nomad.extract.base import OnDisk, Probing, Request
from nomad.files import translated
from nomad.ingest import parts
from nomad.ingest.chunks import SINCE
from nomad.ingest.due_cells import is_dated
from nomad.names import RAW, TableName
from nomad.partitions import Partition
from nomad.run import fetching
from nomad.run.fetching import Each, delivered
from nomad.workspace import Workspace

_log = logging.getLogger(__name__)

_DAYS = 10
"""So far back the newest file is looked for: longer than a holiday."""

_BRIEFLY: Mapping[str, Held] = {"retries": 1, "timeout": 15, "patience": 30}
"""How patient one is who waits at the terminal, by the options of what asks over HTTP."""


def request(workspace: Workspace, source: SourceConfig, day: date | None = None) -> Request:
    """Ask for all of a source, for its first part, or for a date: the latest that may be there.

    Of a source in chunks, it is what lies behind the beginning of the first one.

    Raises:
        ConfigError: an option is wrong in a way that shows only now.
        SourceMissing: it has no part.
    """
    if is_dated(source, workspace.variables):
        made = fetching.request(workspace, source, Partition(day or _latest(workspace, source)))
    else:
        made = fetching.request(workspace, source, None, _first_part(workspace, source))
    connector = workspace.connectors[source.connector]
    known = {o.name for o in connector.options}
    brief = {name: value for name, value in _BRIEFLY.items() if name in known}
    since = made.source.options.get(SINCE)
    return replace(
        made,
        source=made.source._replace(options={**brief, **made.source.options}),
        watermark=None if since is None else str(since),
    )


def _first_part(workspace: Workspace, source: SourceConfig) -> Each:
    for part in parts.of(workspace, source):
        return part
    raise SourceMissing(f"source `{source.name}` has no part: its `each` is empty")


def _latest(workspace: Workspace, source: SourceConfig) -> date:
    """Choose the date of the newest file on this machine; else yesterday, as a server is asked."""
    connector = workspace.connectors[source.connector]
    yesterday = workspace.today - timedelta(days=1)
    if not isinstance(connector, OnDisk):
        return yesterday
    recent = (yesterday - timedelta(days=n) for n in range(_DAYS))
    here = (d for d in (*recent, *_landed(workspace, source)) if _is_here(workspace, source, d))
    return next(here, yesterday)


def _is_here(workspace: Workspace, source: SourceConfig, day: date) -> bool:
    connector = workspace.connectors[source.connector]
    asked = fetching.request(workspace, source, Partition(day))
    return isinstance(connector, OnDisk) and connector.is_here(asked)


def _landed(workspace: Workspace, source: SourceConfig) -> Iterator[date]:
    """Give the last date that was landed; a lake that can't be reached knows none."""
    with suppress(NomadError):
        there = list(workspace.lake.partitions(TableName(RAW, source.name)))
        if there:
            yield max(there).start


# What is there -----------------------------------------------------------------------------------


def seen(workspace: Workspace, source: SourceConfig, day: date | None = None) -> str:
    """Reach a source, and say on one line what is there.

    Of a server that is there and has nothing for the date, that is said.

    Raises:
        Unreachable: it can't be reached, or has nothing at all.
        Refused: what came is not what should have come.
        ConfigError: an option is wrong.
        StepFailed: the connector fell over.
    """
    asked = request(workspace, source, day)
    dated = f"{asked.window}: " if asked.window else ""
    try:
        return f"{dated}{_told(workspace, asked)}"
    except SourceMissing as e:
        if asked.window and _is_at_a_server(asked):
            return f"{dated}it answers, and has nothing"
        raise e.replace(hint=None if day else _elsewhere(workspace, asked)) from e


def _elsewhere(workspace: Workspace, asked: Request) -> str | None:
    """Say where a file was looked for as well."""
    if not asked.window or not isinstance(workspace.connectors[asked.source.connector], OnDisk):
        return None
    return f"nor is that of one of the {_DAYS - 1} days before: check its path, or ask by --dt"


def _told(workspace: Workspace, asked: Request) -> str:
    connector = workspace.connectors[asked.source.connector]
    if isinstance(connector, Probing):
        return _probed(connector, asked)
    with folder(workspace) as into:
        with closing(delivered(connector, replace(asked, limit=1), into)) as files:
            first = next(files, None)
        if first is None:
            raise SourceMissing(f"source `{asked.source.name}` has nothing")
        return f"{first.path.name}, {first.path.stat().st_size:,} bytes"


def _probed(connector: Probing, asked: Request) -> str:
    try:
        return connector.probe(asked)
    except NomadError:
        raise
    except Exception as e:
        _log.exception("source `%s`", asked.source.name)
        raise StepFailed(
            f"source `{asked.source.name}`: connector `{asked.source.connector}` failed:"
            f" {type(e).__name__}: {e}",
            hint="it is a fault of the connector's own",
        ) from e


def _is_at_a_server(asked: Request) -> bool:
    return any("://" in text for text in texts(asked.source.options))


@contextmanager
def folder(workspace: Workspace) -> Iterator[Path]:
    """Have an empty folder for a while, of this command alone."""
    with translated(str(workspace.temporary)):
        path = Path(mkdtemp(dir=workspace.temporary))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
