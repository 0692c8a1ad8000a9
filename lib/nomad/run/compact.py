"""Many small files of a partition become few, with the same rows, by the same publish."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date
from math import ceil
from typing import NamedTuple

from nomad.engine import scan
from nomad.engine.instance import Engine, Session, Staged
from nomad.errors import NomadError, QueryFailed
from nomad.lake.layout import quarantine_folder
from nomad.lake.manifest import DataFile, Manifest, Published
from nomad.names import TableName, quote
from nomad.partitions import of_table
from nomad.run.context import Context, begin
from nomad.run.republish import refused_rows, republish
from nomad.run.result import Outcome, Result, Status
from nomad.workspace import Workspace

_ROWS = quote("all rows")


class Gain(NamedTuple):
    """A partition worth compacting: its files and bytes now, and how many files it will have."""

    over: Published
    target_files: int

    @property
    def manifest(self) -> Manifest:
        """What is published."""
        return self.over.manifest


def worthwhile(
    workspace: Workspace, tables: Iterable[TableName], dates: Sequence[date], target: int
) -> Iterator[Gain]:
    """Find the partitions that have more files than they need at `target` bytes each."""
    for name in tables:
        dated = workspace.project.partitioned(name)
        for partition in of_table(dates, partitioned=dated):
            over = workspace.lake.published(name, partition)
            files = over.manifest.files if over else ()
            wanted = max(1, ceil(sum(f.bytes for f in files) / target))
            if over and wanted < len(files):
                yield Gain(over, wanted)


def compact(
    workspace: Workspace, gains: Sequence[Gain], *, report: Callable[[Result], None]
) -> tuple[str, list[Result]]:
    """Write each partition anew in fewer files, sorted by the contract's key if it has one.

    The content hash must come out as it was; else nothing is published of that partition.
    """
    with begin(workspace, "compact", [g.manifest.cell for g in gains]) as context:
        engine = context.engine()
        results = []
        for gain in gains:
            result = context.apply(_outcome(context, engine, gain))
            report(result)
            results.append(result)
        return context.run.id, results


def _outcome(context: Context, engine: Engine, gain: Gain) -> Outcome:
    try:
        return _published(context, engine, gain)
    except NomadError as e:
        return Outcome(Result(*gain.manifest.cell, Status.FAILED, "compact", error=e))


def _published(context: Context, engine: Engine, gain: Gain) -> Outcome:
    old, lake = gain.manifest, context.lake
    source = scan.select(lake.files([old]), partitioned=False)
    with engine.session() as session:
        staged = list(_staged(context, session, source, gain))
        if session.content_of(staged) != old.content_hash:
            raise QueryFailed(
                "the rows did not come out as they were; nothing is published",
                where=str(old.dest),
                hint="see `nomad doctor`",
            )
    files = [(DataFile("", s.rows, s.bytes, s.sha256), s.path) for s in staged if s.path]
    what = f"{len(old.files)} files are now {len(files)}"
    refused = refused_rows(context, old, quarantine_folder(*old.cell))
    return republish(context, old, files, over=gain.over, refused=refused, reason=what)


def _staged(context: Context, session: Session, source: str, gain: Gain) -> Iterator[Staged]:
    """Write the rows in so many files, one after the other."""
    contract = context.workspace.project.tables[gain.manifest.dest].contract
    order = contract.order_by(c.name for c in gain.manifest.schema) if contract else ""
    session.execute(f"CREATE OR REPLACE TEMP TABLE {_ROWS} AS FROM ({source}){order}")
    rows = max(1, ceil(gain.manifest.row_count / gain.target_files))
    columns = ", ".join(quote(c.name) for c in gain.manifest.schema)
    for i in range(gain.target_files):
        part = f"SELECT {columns} FROM {_ROWS} LIMIT {rows} OFFSET {i * rows}"
        file = f"{gain.manifest.dest}-{gain.manifest.partition}-{i}.parquet"
        path = context.run.scratch / file
        staged = session.stage(part, session.describe(part), path)
        if staged.path:
            yield staged
