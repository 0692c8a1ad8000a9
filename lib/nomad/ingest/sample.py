"""A few rows of what a source would deliver, as they would land; nothing is landed.

The names and types are those of a landing, of which these rows were all there is.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import NamedTuple

from nomad.config.sources import SourceConfig
from nomad.engine import scan
from nomad.engine.answer import Answer
from nomad.engine.instance import Engine, Session, Staged
from nomad.engine.scan import Files
from nomad.errors import Misuse, SourceMissing
from nomad.extract.base import Landed, Request
from nomad.extract.columns import Shape
from nomad.extract.measure import measure_all
from nomad.files import translated
from nomad.ingest import probing
from nomad.ingest.due_cells import is_dated
from nomad.ingest.pages import joined
from nomad.partitions import Partition
from nomad.run.fetching import delivered, shape_of
from nomad.schema import Column
from nomad.workspace import Workspace

How = Callable[[Session, str], Answer]
"""A way to run a query."""


class Sample(NamedTuple):
    """Rows, their columns, and what of the source they are: a date, a part, or empty for all."""

    of: str
    columns: tuple[Column, ...]
    answer: Answer


def sample(
    workspace: Workspace, source: SourceConfig, day: date | None, *, limit: int, how: How
) -> Sample:
    """Fetch rows of a date, of the first part or of all; `how` says what their values are to be.

    No more is asked for than it takes, where the connector gives what it has bit by bit.

    Raises:
        Misuse: a date is asked for, of a source that has none.
        SourceMissing: the source has nothing there.
        Unreachable: it can't be reached.
        Refused: what came can't be landed.
    """
    if day and not is_dated(source, workspace.variables):
        raise Misuse(
            f"source `{source.name}` is not fetched by date",
            where=source.origin,
            hint="leave out --dt",
        )
    asked = replace(probing.request(workspace, source, day), limit=limit)
    partition = Partition(asked.window) if isinstance(asked.window, date) else None
    shape = shape_of(asked.source, partition)
    engine = workspace.engine(workspace.temporary, remote=False)
    with probing.folder(workspace) as into:
        files = _fetched(workspace, engine, asked, shape, into)
        if not source.in_parts:
            files = joined(files, into)
        query = f"{_read(files, measure_all(engine, files, shape)[0])} LIMIT {limit}"
        with engine.session() as session:
            rows = how(session, query)
            return Sample(str(asked.window or ""), session.describe(query), rows)


def _fetched(
    workspace: Workspace, engine: Engine, asked: Request, shape: Shape, into: Path
) -> list[Landed]:
    """Have files brought until there are rows enough."""
    connector, found, rows = workspace.connectors[asked.source.connector], list[Landed](), 0
    with closing(delivered(connector, asked, into)) as files:
        for file in files:
            found.append(file)
            rows += _count(engine, file, shape)
            if rows >= (asked.limit or 0):
                break
    if not found:
        told = f" for {asked.window}" if asked.window else ""
        raise SourceMissing(f"source `{asked.source.name}` has nothing{told}")
    return found


def _count(engine: Engine, file: Landed, shape: Shape) -> int:
    """Count the rows of a file under another name: to measure one may write it anew."""
    link = file.path.with_name(f"counted-{file.path.name}")
    with translated(str(link)):
        os.link(file.path, link)
    (one,), _ = measure_all(engine, [replace(file, path=link)], shape)
    link.unlink()
    return one.rows


def _read(files: Sequence[Landed], staged: Sequence[Staged]) -> str:
    """Write the SELECT of files, each by its own columns."""
    pairs = zip(files, staged, strict=True)
    groups = [Files((str(file.path),), one.schema, file.dialect) for file, one in pairs]
    return f"SELECT * FROM ({scan.select(groups, partitioned=False)})"
