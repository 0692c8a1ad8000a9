"""A partition in words: how it is called, and the command that makes it."""

from __future__ import annotations

from nomad.dates import Partition, folder
from nomad.names import RAW, TableName


def named(table: TableName, partition: Partition) -> str:
    """Name a partition or a full table.

    Example:
        >>> from datetime import date
        >>> named(TableName("ods", "x"), date(2024, 1, 2)), named(TableName("ods", "x"), None)
        ('ods.x dt=2024-01-02', 'ods.x')
    """
    return f"{table} {folder(partition)}".rstrip()


def command_for(table: TableName, partition: Partition = None, *, force: bool = False) -> str:
    """Give the command that publishes a partition or a table; by `force`, whatever is there.

    Example:
        >>> command_for(TableName("ods", "x")), command_for(TableName("raw", "y"), force=True)
        ('nomad run x', 'nomad extract y --force')
    """
    act = "extract" if table.layer == RAW else "run"
    day = f" --dt {partition}" if partition else ""
    return f"nomad {act} {table.name}{day}{' --force' if force else ''}"
