"""Where in the lake each object lies, and what of a version is read from there.

Pure text: names and manifests in, keys and addresses out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date
from typing import NamedTuple

from nomad.dates import Partition, Span, folder, from_folder
from nomad.engine.scan import Files
from nomad.lake.manifest import FILE, Input, Manifest, combine
from nomad.names import TableName
from nomad.schema import Column

ABSENT = "absent"
"""Stands for the content of a partition that is not there."""


class Published(NamedTuple):
    """A manifest and the version of its file, which the next commit compares."""

    manifest: Manifest
    version: str


class Broken(NamedTuple):
    """What a commit may replace, but no reader can use: its manifest is none, or a file is gone.

    `version` is that of the manifest's file; `rest` is what it names, where it can be read.
    """

    version: str
    manifest: None = None
    rest: Manifest | None = None


Over = Published | Broken
"""What a commit replaces."""


def folder_key(table: TableName, partition: Partition) -> str:
    """Name a partition's folder in the lake."""
    return f"{table.key}/{folder(partition)}".rstrip("/")


def manifest_key(table: TableName, partition: Partition) -> str:
    """Name the manifest's object."""
    return f"{folder_key(table, partition)}/{FILE}"


QUARANTINE = "_quarantine"
REFUSED = (
    Column("_test", "VARCHAR"), Column("_column", "VARCHAR"), Column("_value", "VARCHAR"),
    Column("_tests", "VARCHAR[]"), Column("_row_number", "BIGINT"),
    Column("_source_file", "VARCHAR"), Column("_run_id", "VARCHAR"),
)  # fmt: skip
"""What is told of a refused row beside its own columns."""


def quarantine_key(manifest: Manifest) -> str:
    """Name the object of a version's refused rows; it must have some."""
    assert manifest.quarantined
    folder = folder_key(manifest.dest, manifest.partition_date)
    return f"{QUARANTINE}/{folder}/{manifest.quarantined.name}"


def data_files(manifests: Iterable[Manifest], uri: Callable[[str], str]) -> list[Files]:
    """Group the files of manifests that share a schema, in the order of the manifests."""
    groups: dict[tuple[str, str], tuple[list[str], Manifest]] = {}
    for m in manifests:
        key = (m.schema_hash, repr(sorted(m.dialect.items())))
        uris, _ = groups.setdefault(key, ([], m))
        uris += [uri(f"{m.folder}/{f.name}") for f in m.files]
    return [Files(tuple(uris), m.schema, m.dialect) for uris, m in groups.values()]


def refused_files(manifests: Iterable[Manifest], uri: Callable[[str], str]) -> list[Files]:
    """Group the files of refused rows by schema: the table's columns, then what is wrong."""
    groups: dict[str, tuple[list[str], Manifest]] = {}
    for m in manifests:
        if m.quarantined:
            uris, _ = groups.setdefault(m.schema_hash, ([], m))
            uris.append(uri(quarantine_key(m)))
    return [Files(tuple(uris), (*m.schema, *REFUSED), {}) for uris, m in groups.values()]


def day_of(key: str) -> date | None:
    """Tell of which date a manifest is by its key; None for a full table's, and any deeper one."""
    parts = key.split("/")
    return from_folder(parts[2]) if len(parts) == _DATED else None


_DATED = 4
"""Parts of the key of a partition's manifest: layer, name, date, and itself."""


def belongs(key: str, *, partitioned: bool) -> bool:
    """Tell of a manifest's key whether it is one of a table by date, or of a full one."""
    return day_of(key) is not None if partitioned else key.count("/") == _DATED - 2


def as_input(table: TableName, span: Span | None, manifests: Iterable[Manifest]) -> Input:
    """Record what was read of one input: a full table, a day, or a span of days."""
    found = list(manifests)
    if span is None or span.one is not None:
        return Input(str(table), span, found[0].content_hash if found else ABSENT)
    hashes = {m.partition_date: m.content_hash for m in found if m.partition_date is not None}
    return Input(str(table), span, combine(hashes), len(hashes))
