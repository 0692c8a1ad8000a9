"""The inputs of a query, bound: the files of what it reads, as they are published now."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from nomad.engine import scan
from nomad.engine.instance import View
from nomad.errors import MissingPartition
from nomad.lake.lake import Lake
from nomad.lake.layout import manifest_key
from nomad.lake.manifest import Input, Manifest, as_input
from nomad.lake.words import command_for
from nomad.names import TableName
from nomad.partitions import Partition, of_days
from nomad.plan.reads import InputRead
from nomad.project.references import Query
from nomad.schema import Column


class BoundInput(NamedTuple):
    """One input as it is in the lake: what is recorded of it, and the SELECT of exactly its files.

    `size` is that of all files together, in bytes; `columns` are names and types, of each group of
    files that share them.
    """

    table: TableName
    inputs: tuple[Input, ...]
    select: str
    uris: tuple[str, ...] = ()
    size: int = 0
    columns: tuple[tuple[tuple[str, str], ...], ...] = ()


def bind(
    lake: Lake, query: Query, reads: Iterable[InputRead], *, allow_missing: bool = False
) -> tuple[BoundInput, ...]:
    """Look up the files of what a query reads; of its own table's past, those that are there.

    Raises:
        MissingPartition: a full table or the very date that it asks for is not published.
    """
    try:
        return tuple(
            bind_one(lake, read, allow_missing=allow_missing or read.table == query.table)
            for read in reads
        )
    except MissingPartition as e:
        raise e.replace(where=query.sql.path) from e


def bind_one(lake: Lake, read: InputRead, *, allow_missing: bool = False) -> BoundInput:
    """Look up the files of one input.

    Raises:
        MissingPartition: it is a full table, or asked for by its very date, and not published.
    """
    partitioned = read.spans is not None
    manifests = lake.manifests(read.table, partitioned=partitioned, spans=read.spans or ())
    if not allow_missing:
        _refuse_missing(read, manifests)
    groups = lake.files(manifests)
    if not groups:
        groups = [scan.Files((), read.columns or _latest(lake, read.table, partitioned))]
    return BoundInput(
        read.table,
        _recorded(read, manifests),
        scan.select(groups, partitioned=partitioned),
        uris=tuple(uri for g in groups for uri in g.uris),
        size=sum(m.size for m in manifests),
        columns=tuple(tuple((c.name, c.type) for c in g.schema) for g in groups),
    )


def views(query: Query, bound: Iterable[BoundInput]) -> list[View]:
    """Give the views by which a query finds its inputs, under each name that it spells."""
    return [View(*name, b.select) for b in bound for name in query.spellings(b.table)]


def missing(table: TableName, partition: Partition | None) -> MissingPartition:
    """Say that a partition (or with None, a table) is not published, and what would make it."""
    how = f"`{command_for(table, partition)}` makes it"
    if partition:
        error = MissingPartition(
            f"{table} has no {partition.folder}",
            hint=f"{how}; `--allow-missing` reads it as empty",
        )
    else:
        error = MissingPartition(f"{table} was never published", hint=how)
    error.key = manifest_key(table, partition)
    return error


def _refuse_missing(read: InputRead, manifests: Sequence[Manifest]) -> None:
    there = {m.partition for m in manifests}
    if absent := [p for p in of_days(read.asked) if p not in there]:
        raise missing(read.table, absent[0])
    if read.spans is None and not manifests:
        raise missing(read.table, None)


def _latest(lake: Lake, table: TableName, partitioned: bool) -> tuple[Column, ...]:
    manifest = lake.latest(table, partitioned=partitioned)
    if manifest is None:
        raise missing(table, None)
    return manifest.schema


def _recorded(read: InputRead, manifests: Sequence[Manifest]) -> tuple[Input, ...]:
    if read.spans is None:
        return (as_input(read.table, None, manifests),)
    dated = [(m.partition.start, m) for m in manifests if m.partition]
    return tuple(as_input(read.table, s, [m for day, m in dated if day in s]) for s in read.spans)
