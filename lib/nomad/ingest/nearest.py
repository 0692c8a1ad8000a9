"""Which landed partition a new one is held against."""

from __future__ import annotations

from bisect import bisect_left

from nomad.errors import CorruptManifest
from nomad.lake.lake import Lake
from nomad.lake.layout import Cell
from nomad.lake.manifest import Manifest
from nomad.names import TableName
from nomad.partitions import Partition


class Nearest:
    """Gives the partition before a date; a table is looked at once, when it is first asked for.

    Where looking costs requests, what this machine knows of the table will do.
    """

    def __init__(self, lake: Lake) -> None:
        self._lake = lake
        self._partitions: dict[TableName, list[Partition]] = {}
        self._known: dict[Cell, Manifest] = {}

    def of(self, table: TableName, partition: Partition | None) -> Manifest | None:
        """Give the manifest of the partition before another, else of the first there is.

        Of a full table it is that of the version there is. One that can't be read tells nothing.
        """
        near: Partition | None = None
        if partition:
            there = self._listed(table)
            if not there:
                return None
            near = there[max(bisect_left(there, partition) - 1, 0)]
        try:
            return self._known.get((table, near)) or self._lake.manifest(table, near)
        except CorruptManifest:
            return None

    def landed(self, table: TableName, partition: Partition | None) -> None:
        """Take note of a partition that has just been published."""
        self._known.pop((table, partition), None)
        there = self._listed(table) if partition else []
        if partition and partition not in there[(at := bisect_left(there, partition)) : at + 1]:
            there.insert(at, partition)

    def _listed(self, table: TableName) -> list[Partition]:
        if table not in self._partitions:
            known = self._remembered(table)
            self._known |= {m.cell: m for m in known}
            there = (m.partition for m in known if m.partition)
            self._partitions[table] = sorted(there if known else self._lake.partitions(table))
        return self._partitions[table]

    def _remembered(self, table: TableName) -> list[Manifest]:
        if not self._lake.listing.shared:
            return []
        return self._lake.every(table, partitioned=True, fresh=False)
