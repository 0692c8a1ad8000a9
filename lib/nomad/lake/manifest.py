"""What a published partition consists of, and what made it: `manifest.json` as a value.

The manifest is the commit. A file that no manifest names is not there.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import cached_property
from sys import intern
from typing import Any, NamedTuple

from nomad.dates import FIRST, LAST, Span
from nomad.errors import CorruptManifest
from nomad.hashing import digest
from nomad.lake.layout import Cell, data_file, folder_key, history_folder, quarantine_folder
from nomad.names import TableName
from nomad.partitions import Partition, text
from nomad.schema import Column, schema_hash

VERSION = 1
ABSENT = "absent"
"""Stands for the content of a partition that is not there."""


class DataFile(NamedTuple):
    """One data file: its name in the partition's folder, rows, bytes and sha256 (hex)."""

    name: str
    rows: int
    bytes: int
    sha256: str


class Input(NamedTuple):
    """What a build read of one input, and the content it found there: plain values.

    `first` and `last` are days (ISO), None for a full table; `partitions` counts those within
    several days.
    """

    table: str
    first: str | None
    last: str | None
    content_hash: str
    partitions: int | None = None

    @property
    def span(self) -> Span | None:
        """The days it read; None for a full table."""
        if self.first is None or self.last is None:
            return None
        return Span(date.fromisoformat(self.first), date.fromisoformat(self.last))


class Facts(NamedTuple):
    """What of a manifest decides whether it is fresh, and what a calendar shows.

    `ending` is that of its files' names, where those are the customary ones; else it is empty.
    """

    run_id: str
    sql_hash: str
    contract_hash: str
    engine: str
    content_hash: str
    rows: int
    files: int
    size: int
    refused: int | None
    inputs: tuple[Input, ...]
    ending: str

    @property
    def names(self) -> list[str]:
        """Name its files; none, where their names are not the customary ones."""
        return [data_file(self.run_id, i, self.ending) for i in range(self.files) if self.ending]

    @property
    def plain(self) -> tuple[Any, ...]:
        """The same as values that any file can keep."""
        return tuple(self._replace(inputs=tuple(map(tuple, self.inputs))))  # type: ignore[arg-type]


class Fault(NamedTuple):
    """Why a manifest tells nothing: a `CorruptManifest` as plain values."""

    what: str
    where: str
    hint: str

    @property
    def error(self) -> CorruptManifest:
        """It, to be raised."""
        return CorruptManifest(self.what, where=self.where, hint=self.hint)


@dataclass(frozen=True)
class Manifest:
    """One published version of one partition (or of one full table: `partition` None).

    `dialect` is how extracted CSV differs from the customary; empty for all else. `detected` is
    what a source left to be told from its files, `stamps` what changes with each of these.
    `quarantined` is the file of the rows that were refused, below `_quarantine`.
    """

    dest: TableName
    partition: Partition | None
    run_id: str
    generated_at: str
    files: tuple[DataFile, ...]
    schema: tuple[Column, ...]
    content_hash: str
    sql_hash: str
    contract_hash: str
    engine: str
    stats: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    inputs: tuple[Input, ...] = ()
    checks: tuple[Mapping[str, Any], ...] = ()
    previous: str | None = None
    dialect: Mapping[str, str] = field(default_factory=dict)
    quarantined: DataFile | None = None
    detected: Mapping[str, str] = field(default_factory=dict)
    stamps: Mapping[str, str] = field(default_factory=dict)

    @property
    def cell(self) -> Cell:
        """Table and partition."""
        return (self.dest, self.partition)

    @property
    def folder(self) -> str:
        """Where it lies in the lake while it is published."""
        return folder_key(*self.cell)

    @property
    def past_folder(self) -> str:
        """Where it lies once it is superseded."""
        return history_folder(*self.cell, self.run_id)

    @property
    def refused_key(self) -> str | None:
        """The object of its refused rows while it is published; None where it has none."""
        return self.quarantined and f"{quarantine_folder(*self.cell)}/{self.quarantined.name}"

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(f.bytes for f in self.files)

    @property
    def row_count(self) -> int:
        """Rows in all files."""
        return sum(f.rows for f in self.files)

    @property
    def made_at(self) -> datetime:
        """When it was made."""
        return datetime.fromisoformat(self.generated_at).astimezone(UTC)

    @cached_property
    def facts(self) -> Facts:
        """The part of it that a plan goes by; what many have in common is in memory once."""
        return Facts(
            intern(self.run_id),
            intern(self.sql_hash),
            intern(self.contract_hash),
            intern(self.engine),
            self.content_hash,
            self.row_count,
            len(self.files),
            self.size,
            self.quarantined.rows if self.quarantined else None,
            self.inputs,
            intern(self._ending),
        )

    @property
    def _ending(self) -> str:
        """What all files' names end in after the run's id and their number; or ''."""
        if not self.files or not (found := self.files[0].name.partition("-0.")[2]):
            return ""
        wanted = [data_file(self.run_id, i, f".{found}") for i in range(len(self.files))]
        return f".{found}" if wanted == [f.name for f in self.files] else ""

    @property
    def schema_hash(self) -> str:
        """Tells two schemas apart: names, types and their order."""
        return schema_hash(self.schema)

    def to_json(self) -> bytes:
        """Write the manifest's file, keys as the lake format spells them: one on each line."""
        return self._json

    @cached_property
    def _json(self) -> bytes:
        body: dict[str, Any] = {
            "manifest_version": VERSION,
            "dest": str(self.dest),
            "partition_date": text(self.partition),
            "run_id": self.run_id,
            "generated_at": self.generated_at,
            "file_count": len(self.files),
            "row_count": self.row_count,
            "files": [f._asdict() for f in self.files],
            "schema": [c._asdict() for c in self.schema],
            "schema_hash": self.schema_hash,
            "stats": self.stats,
            "content_hash": self.content_hash,
            "sql_hash": self.sql_hash,
            "contract_hash": self.contract_hash,
            "engine": self.engine,
            "inputs": [_input_to_json(i) for i in self.inputs],
            "checks": list(self.checks),
            "previous": self.previous,
        }
        if self.dialect:
            body["dialect"] = dict(self.dialect)
        if self.detected:
            body["detected"] = dict(self.detected)
        if self.stamps:
            body["stamps"] = dict(self.stamps)
        if self.quarantined:
            body["quarantined"] = self.quarantined._asdict()
        lines = (f' "{name}": {_encoded(value)}' for name, value in body.items())
        return ("{\n" + ",\n".join(lines) + "\n}\n").encode()


_encoded = json.JSONEncoder(ensure_ascii=False).encode


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


def newest_first(now: Manifest | None, past: Iterable[Manifest]) -> list[Manifest]:
    """Order a partition's past versions by what each says it superseded; `now` is published.

    Run ids tell the order only where a version between is gone: a clock may have been set back.
    """
    left = {m.run_id: m for m in sorted(past, key=lambda m: m.run_id, reverse=True)}
    found: list[Manifest] = []
    run = now.previous if now else None
    while left:
        superseded = {m.previous for m in left.values()} if run not in left else set()
        newest = next((r for r in left if r not in superseded), next(iter(left)))
        found.append(left.pop(run if run in left else newest))
        run = found[-1].previous
    return found


def _input_to_json(read: Input) -> dict[str, Any]:
    return {
        "table": read.table,
        "partitions": _days_to_json(read),
        "content_hash": read.content_hash,
    }


def _days_to_json(read: Input) -> object:
    if read.partitions is None:
        return read.first
    first = None if read.first == _FIRST else read.first
    last = None if read.last == _LAST else read.last
    if first is None and last is None:
        return {"all": True, "count": read.partitions}
    return {"from": first, "to": last, "count": read.partitions}


_FIRST, _LAST = FIRST.isoformat(), LAST.isoformat()


def combine(hashes: Mapping[Partition, str]) -> str:
    """Digest the content of several partitions; order doesn't matter, dates do."""
    return digest(*(f"{text(p)} {hashes[p]}" for p in sorted(hashes)))


def as_input(table: TableName, span: Span | None, manifests: Iterable[Manifest]) -> Input:
    """Record what was read of one input: a full table, a day, or a span of days."""
    read = list(manifests)
    if span is None or span.one is not None:
        return input_of(str(table), span, read[0].content_hash if read else ABSENT)
    hashes = {m.partition: m.content_hash for m in read if m.partition}
    return input_of(str(table), span, combine(hashes), len(hashes))


def input_of(
    table: str, span: Span | None, content_hash: str, partitions: int | None = None
) -> Input:
    """Put an input together; what many have in common is in memory once."""
    first = intern(span.first.isoformat()) if span else None
    last = intern(span.last.isoformat()) if span else None
    return Input(intern(table), first, last, content_hash, partitions)
