"""A partition in words: how it is called, and the command that makes it."""

from __future__ import annotations

from nomad.names import RAW, TableName
from nomad.partitions import Partition, folder


def named(table: TableName, partition: Partition | None) -> str:
    """Name a partition or a full table.

    Example:
        >>> from nomad.partitions import parse
        >>> named(TableName("ods", "x"), parse("2024-01-02")), named(TableName("ods", "x"), None)
        ('ods.x dt=2024-01-02', 'ods.x')
    """
    return f"{table} {folder(partition)}".rstrip()


def command_for(
    table: TableName, partition: Partition | None = None, *, force: bool = False
) -> str:
    """Give the command that publishes a partition or a table; by `force`, whatever is there.

    Example:
        >>> command_for(TableName("ods", "x")), command_for(TableName("raw", "y"), force=True)
        ('nomad run x', 'nomad extract y --force')
    """
    act = "extract" if table.layer == RAW else "run"
    day = f" --dt {partition}" if partition else ""
    return f"nomad {act} {table.name}{day}{' --force' if force else ''}"
