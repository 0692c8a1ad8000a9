"""Which tables by date read all partitions of an input, and why: each new day makes them stale.

What is found is kept by the query's hash, so that a listing asks neither lake nor engine again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from nomad.cache import Cache
from nomad.dates import ALL
from nomad.engine.version import VERSION
from nomad.errors import NomadError
from nomad.hashing import digest
from nomad.names import TableName
from nomad.plan.inputs import Inputs
from nomad.project.project import Project, Table

_FORMAT = "2"


class FullScan(NamedTuple):
    """An input of which a query reads every partition, whatever its own date, and why."""

    table: TableName
    why: str

    def __str__(self) -> str:
        return f"{self.table}: {self.why}"


def full_scans(
    project: Project, table: Table, cache: Cache, inputs: Callable[[], Inputs]
) -> tuple[FullScan, ...]:
    """Name what a table by date reads in all partitions; of a full table nothing.

    Before an input was extracted, or where the query doesn't fit its inputs, that is not known, and
    nothing is named.
    """
    dated = [n for n in table.query.tables if n != table.name and project.partitioned(n)]
    if not table.partitioned or not dated:
        return ()
    key = digest("full scans", _FORMAT, VERSION, table.sql.sql_hash, *map(str, dated))
    if (kept := cache.get(key)) is None:
        scans = _asked(table, inputs)
        if scans is None:
            return ()
        cache.put(key, kept := [[str(scan.table), scan.why] for scan in scans])
    return tuple(FullScan(TableName.parse(name), why) for name, why in kept)


def _asked(table: Table, inputs: Callable[[], Inputs]) -> list[FullScan] | None:
    try:
        reads = inputs().for_any_date(table.query)
        full = [r.table for r in reads or () if r.spans == ALL]
        unsure = full and not table.sql.volatile and not inputs().fits(table.query)
    except NomadError:
        return None
    if reads is None or unsure:
        return None
    others = [name for name in full if name != table.name]
    why = _why(table) if others else ""
    return [FullScan(name, why) for name in others]


def _why(table: Table) -> str:
    if table.sql.volatile:
        return f"it {table.sql.volatile}, so its filters are not asked for"
    from nomad.sqlfile.bounds import unbounded_by

    return unbounded_by(table.sql.query)
