"""Which landed partition a new one is held against."""

from __future__ import annotations

from bisect import bisect_left
from datetime import date

from nomad.dates import Partition
from nomad.errors import CorruptManifest
from nomad.lake.lake import Lake
from nomad.lake.manifest import Manifest
from nomad.names import TableName


class Nearest:
    """Gives the partition before a date; a table is looked at once, when it is first asked for.

    Where looking costs requests, what this machine knows of the table will do.
    """

    def __init__(self, lake: Lake) -> None:
        self._lake = lake
        self._days: dict[TableName, list[date]] = {}
        self._known: dict[tuple[TableName, Partition], Manifest] = {}

    def of(self, table: TableName, day: Partition) -> Manifest | None:
        """Give the manifest of the partition before a date, else of the first there is.

        Of a full table it is that of the version there is. One that can't be read tells nothing.
        """
        days = self._listed(table) if day else []
        near = days[max(bisect_left(days, day) - 1, 0)] if day and days else None
        if day and not near:
            return None
        try:
            return self._known.get((table, near)) or self._lake.manifest(table, near)
        except CorruptManifest:
            return None

    def landed(self, table: TableName, day: Partition) -> None:
        """Take note of a partition that has just been published."""
        self._known.pop((table, day), None)
        days = self._listed(table) if day else []
        if day and day not in days[(at := bisect_left(days, day)) : at + 1]:
            days.insert(at, day)

    def _listed(self, table: TableName) -> list[date]:
        if table not in self._days:
            known = self._remembered(table)
            self._known |= {m.cell: m for m in known}
            days = (m.partition_date for m in known if m.partition_date)
            self._days[table] = sorted(days if known else self._lake.days(table))
        return self._days[table]

    def _remembered(self, table: TableName) -> list[Manifest]:
        if not self._lake.listing.shared:
            return []
        return self._lake.every(table, partitioned=True, fresh=False)
