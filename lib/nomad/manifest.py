"""What a published partition consists of, and what made it: `manifest.json` as a value.

The manifest is the commit. A file that no manifest names is not there.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from sys import intern
from typing import Any, NamedTuple

from nomad.errors import CorruptManifest
from nomad.names import TableName
from nomad.partition import FIRST, LAST, Partition, Span, parse_day

FILE = "manifest.json"
SUCCESS = "_SUCCESS"
VERSION = 1


class DataFile(NamedTuple):
    """One data file: its name in the partition's folder, rows, bytes and sha256 (hex)."""

    name: str
    rows: int
    bytes: int
    sha256: str


class Column(NamedTuple):
    """One column: DuckDB's name of its type, and whether it may hold NULL."""

    name: str
    type: str
    nullable: bool = True


@dataclass(frozen=True)
class Input:
    """What a build read of one input, and the content it found there.

    `span` is None for a full table; `count` is the number of partitions in a span of several days.
    """

    table: str
    span: Span | None
    content_hash: str
    count: int | None = None

    @property
    def fact(self) -> InputFact:
        """The same as plain values."""
        span = self.span
        first = intern(span.first.isoformat()) if span else None
        last = intern(span.last.isoformat()) if span else None
        return (intern(self.table), first, last, self.content_hash, self.count)


InputFact = tuple[str, str | None, str | None, str, int | None]
"""An input as plain values: table, first and last day (ISO; None: full table), content, count."""


class Facts(NamedTuple):
    """What of a manifest decides whether it is fresh, and what a calendar shows; plain values."""

    run_id: str
    sql_hash: str
    contract_hash: str
    engine: str
    content_hash: str
    rows: int
    files: int
    size: int
    refused: int | None
    inputs: tuple[InputFact, ...]


@dataclass(frozen=True)
class Manifest:
    """One published version of one partition (or of one full table: `partition_date` None).

    `dialect` is how extracted CSV differs from the customary; empty for all else. `quarantined` is
    the file of the rows that were refused, below `_quarantine`.
    """

    dest: TableName
    partition_date: Partition
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

    @property
    def cell(self) -> tuple[TableName, Partition]:
        """Table and date."""
        return (self.dest, self.partition_date)

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(f.bytes for f in self.files)

    @property
    def row_count(self) -> int:
        """Rows in all files."""
        return sum(f.rows for f in self.files)

    @property
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
            tuple(i.fact for i in self.inputs),
        )

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
            "partition_date": self.partition_date and self.partition_date.isoformat(),
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
        if self.quarantined:
            body["quarantined"] = self.quarantined._asdict()
        lines = (f' "{name}": {_encoded(value)}' for name, value in body.items())
        return ("{\n" + ",\n".join(lines) + "\n}\n").encode()


_encoded = json.JSONEncoder(ensure_ascii=False).encode


def from_json(data: bytes, *, where: str) -> Manifest:
    """Read a manifest's file.

    Raises:
        CorruptManifest: the file is not a manifest, or one of a later format.
    """
    try:
        return _from_body(json.loads(data), where)
    except (ValueError, KeyError, TypeError, AttributeError) as e:
        raise CorruptManifest(
            f"not a manifest nomad can read ({e})",
            where=where,
            hint="move the file aside and run the partition again",
        ) from e


def _from_body(body: dict[str, Any], where: str) -> Manifest:
    if body["manifest_version"] != VERSION:
        raise CorruptManifest(
            f"manifest_version is {body['manifest_version']}, this nomad knows {VERSION}",
            where=where,
            hint="update nomad",
        )
    return Manifest(
        dest=TableName.parse(body["dest"]),
        partition_date=parse_day(body["partition_date"]),
        run_id=body["run_id"],
        generated_at=body["generated_at"],
        files=tuple(DataFile(f["name"], f["rows"], f["bytes"], f["sha256"]) for f in body["files"]),
        schema=tuple(Column(c["name"], c["type"], c["nullable"]) for c in body["schema"]),
        content_hash=body["content_hash"],
        sql_hash=body["sql_hash"],
        contract_hash=body["contract_hash"],
        engine=body["engine"],
        stats=body["stats"],
        inputs=tuple(_input_from_json(i) for i in body["inputs"]),
        checks=tuple(body["checks"]),
        previous=body["previous"],
        dialect=body.get("dialect", {}),
        quarantined=DataFile(**body["quarantined"]) if "quarantined" in body else None,
    )


def _input_to_json(found: Input) -> dict[str, Any]:
    return {
        "table": found.table,
        "partitions": _span_to_json(found),
        "content_hash": found.content_hash,
    }


def _span_to_json(found: Input) -> object:
    if found.span is None:
        return None
    if found.count is None:
        return found.span.first.isoformat()
    if found.span == Span():
        return {"all": True, "count": found.count}
    first, last = found.span.first, found.span.last
    return {
        "from": None if first == FIRST else first.isoformat(),
        "to": None if last == LAST else last.isoformat(),
        "count": found.count,
    }


def _input_from_json(body: dict[str, Any]) -> Input:
    partitions = body["partitions"]
    span, count = _span_from_json(partitions), None
    if isinstance(partitions, dict):
        count = int(partitions["count"])
    return Input(body["table"], span, body["content_hash"], count)


def _span_from_json(partitions: object) -> Span | None:
    if partitions is None:
        return None
    if isinstance(partitions, str):
        day = date.fromisoformat(partitions)
        return Span(day, day)
    if not isinstance(partitions, dict):
        raise TypeError(f"`partitions` is {partitions!r}")
    first, last = partitions.get("from"), partitions.get("to")
    return Span(
        date.fromisoformat(first) if first else FIRST, date.fromisoformat(last) if last else LAST
    )


def schema_hash(schema: Iterable[Column]) -> str:
    """Digest names, types and their order.

    Example:
        >>> schema_hash([Column("a", "INTEGER")]) == schema_hash([Column("a", "BIGINT")])
        False
    """
    return digest(*(f"{c.name} {c.type}" for c in schema))


def combine(hashes: Mapping[date, str]) -> str:
    """Digest the content of several partitions; order doesn't matter, dates do."""
    return digest(*(f"{day} {hashes[day]}" for day in sorted(hashes)))


def digest(*parts: str) -> str:
    """Digest texts in their order: 32 hex digits of sha256, each text set off from the next."""
    return digest_framed(framed(part) for part in parts)


def framed(text: str) -> bytes:
    """Encode a text so that it is set off from the next: its length in 8 bytes comes first."""
    data = text.encode()
    return len(data).to_bytes(8, "big") + data


def digest_framed(parts: Iterable[bytes]) -> str:
    """Digest texts that are framed already."""
    return hashlib.sha256(b"".join(parts)).hexdigest()[:32]
