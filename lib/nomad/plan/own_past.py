"""What a table may ask of itself: earlier dates, without a gap since its first one."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import date

from nomad.errors import CycleError, MissingPartition, page
from nomad.lake.lake import Lake
from nomad.lake.words import command_for
from nomad.partitions import Partition, of_days
from nomad.plan.reads import InputRead
from nomad.project.project import Table


def refuse(
    lake: Lake,
    table: Table,
    *,
    partition: Partition | None,
    reads: Iterable[InputRead],
    allow_missing: bool,
) -> None:
    """See that what a table asks of itself is earlier than what it writes, and is there.

    Before its first date it has no past, and reads it as empty; a gap since then is an error.

    Raises:
        CycleError: it asks for the date it writes.
        MissingPartition: it asks for a date that is not published, though an earlier one is.
    """
    asked = [day for r in reads if r.table == table.name for day in r.asked]
    if partition is None or not asked:
        return
    refuse_same_date(table, partition, asked)
    absent = [p for p in of_days(asked) if lake.manifest(table.name, p) is None]
    if not absent or allow_missing:
        return
    past = lake.manifests(table.name, partitioned=True, spans=[max(absent).past])
    began = min((m.partition for m in past if m.partition), default=partition)
    if gap := next((p for p in absent if p > began), None):
        raise MissingPartition(
            f"{table.name} has no {gap.folder}, but earlier dates",
            where=table.sql.path,
            hint=f"`{command_for(table.name, gap)}` makes it; where no source has that date"
            f", read the latest earlier one ({page('sql.md')}); `--allow-missing` reads it as"
            " empty",
        )


def refuse_same_date(table: Table, partition: Partition, asked: Collection[date]) -> None:
    """See that a table does not ask itself for the date it writes.

    Raises:
        CycleError: it does.
    """
    if partition.start in asked:
        raise CycleError(
            f"`{table.name}` reads the partition it writes",
            where=table.sql.path,
            hint="a table may read its own earlier partitions: dt < '$<PARTITION_DATE>'",
        )
