"""What is published right now: manifests by table and date. Reads only.

The manifest decides; no file is looked for that none names.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date
from typing import NamedTuple

from nomad.engine.scan import Files
from nomad.manifest import FILE, Input, Manifest, combine, from_json
from nomad.names import TableName
from nomad.partition import Partition, Span, folder, from_folder
from nomad.store.base import Store

ABSENT = "absent"
"""Stands for the content of a partition that is not there."""

_FEW_DAYS = 62
"""Up to so many days are asked for one by one; a longer span lists the table's folder."""


class Published(NamedTuple):
    """A manifest and the version of its file, which the next commit compares."""

    manifest: Manifest
    version: str


def folder_key(table: TableName, partition: Partition) -> str:
    """Name a partition's folder in the lake."""
    return f"{table.key}/{folder(partition)}".rstrip("/")


def manifest_key(table: TableName, partition: Partition) -> str:
    """Name the manifest's object."""
    return f"{folder_key(table, partition)}/{FILE}"


class Lake:
    """The published state behind a store. `remember` keeps each manifest once read."""

    def __init__(self, store: Store, *, remember: bool = False) -> None:
        self.store = store
        self._kept: dict[str, Published | None] | None = {} if remember else None
        self._dates: dict[TableName, tuple[date, ...]] = {}

    def remembering(self) -> Lake:
        """Give a view of this lake that reads each manifest once."""
        return Lake(self.store, remember=True)

    def published(self, table: TableName, partition: Partition) -> Published | None:
        """Give what is published of a partition, or None.

        Raises:
            LakeError: the lake can't be reached, or the manifest can't be read.
        """
        key = manifest_key(table, partition)
        if self._kept is not None and key in self._kept:
            return self._kept[key]
        blob = self.store.read(key)
        found = Published(from_json(blob.data, where=key), blob.version) if blob else None
        if self._kept is not None:
            self._kept[key] = found
        return found

    def manifest(self, table: TableName, partition: Partition) -> Manifest | None:
        """Give a partition's manifest, or None."""
        found = self.published(table, partition)
        return found.manifest if found else None

    def dates(self, table: TableName) -> tuple[date, ...]:
        """List the folders of partitions, in order; one may lack a manifest still."""
        if self._kept is not None and table in self._dates:
            return self._dates[table]
        names = self.store.folders(table.key)
        found = tuple(day for n in names if (day := from_folder(n)) is not None)
        self._dates[table] = found
        return found

    def manifests(
        self, table: TableName, *, partitioned: bool, spans: Iterable[Span] = (Span(),)
    ) -> list[Manifest]:
        """Give the manifests of a full table (at most one), or of the days within spans."""
        if not partitioned:
            found = self.manifest(table, None)
            return [found] if found else []
        days = (day for span in spans for day in self._days(table, span))
        return [m for day in days if (m := self.manifest(table, day)) is not None]

    def _days(self, table: TableName, span: Span) -> Iterator[date]:
        if span.bounded and span.days <= _FEW_DAYS:
            return iter(span)
        return (day for day in self.dates(table) if day in span)

    def latest(self, table: TableName, *, partitioned: bool) -> Manifest | None:
        """Give the manifest of the latest partition, for its schema."""
        if not partitioned:
            return self.manifest(table, None)
        days = reversed(self.dates(table))
        return next((m for d in days if (m := self.manifest(table, d)) is not None), None)

    def files(self, manifests: Iterable[Manifest]) -> list[Files]:
        """Group the files of manifests that share a schema, in the order of the manifests."""
        groups: dict[tuple[str, str], tuple[list[str], Manifest]] = {}
        for m in manifests:
            base = folder_key(m.dest, m.partition_date)
            key = (m.schema_hash, repr(sorted(m.dialect.items())))
            uris, _ = groups.setdefault(key, ([], m))
            uris += [self.store.uri(f"{base}/{f.name}") for f in m.files]
        return [Files(tuple(uris), m.schema, m.dialect) for uris, m in groups.values()]


def as_input(table: TableName, span: Span | None, manifests: Iterable[Manifest]) -> Input:
    """Record what was read of one input: a full table, a day, or a span of days."""
    found = list(manifests)
    if span is None or span.one is not None:
        return Input(str(table), span, found[0].content_hash if found else ABSENT)
    hashes = {m.partition_date: m.content_hash for m in found if m.partition_date is not None}
    return Input(str(table), span, combine(hashes), len(hashes))
