"""What a published partition consists of, and what made it: `manifest.json` as a value.

The manifest is the commit. A file that no manifest names is not there.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from sys import intern
from typing import Any, NamedTuple

from nomad.errors import CorruptManifest
from nomad.names import RAW, TableName, is_plain
from nomad.partition import FIRST, LAST, Partition, Span, folder, from_folder, parse_day

FILE = "manifest.json"
SUCCESS = "_SUCCESS"
HISTORY = "_history"
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
    """What of a manifest decides whether it is fresh, and what a calendar shows; plain values.

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
    inputs: tuple[InputFact, ...]
    ending: str

    @property
    def names(self) -> list[str]:
        """Name its files; none, where their names are not the customary ones."""
        return [_data_file(self.run_id, i, self.ending) for i in range(self.files) if self.ending]


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
    def folder(self) -> str:
        """Where it lies in the lake while it is published."""
        return f"{self.dest.key}/{folder(self.partition_date)}".rstrip("/")

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
            intern(self._ending),
        )

    @property
    def _ending(self) -> str:
        """What all files' names end in after the run's id and their number; or ''."""
        if not self.files or not (found := self.files[0].name.partition("-0.")[2]):
            return ""
        wanted = [_data_file(self.run_id, i, f".{found}") for i in range(len(self.files))]
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


def _data_file(run_id: str, number: int, ending: str) -> str:
    return f"{run_id}-{number}{ending}"


def from_json(data: bytes, *, where: str) -> Manifest:
    """Read a manifest's file, wherever it lies.

    Raises:
        CorruptManifest: the file is not a manifest, or one of a later format.
    """
    try:
        return _from_body(json.loads(data), where)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as e:
        what = f"not a manifest nomad can read ({_briefly(e)})"
        raise CorruptManifest(what, where=where, hint=_hint(where)) from e


def lying_at(key: str, data: bytes) -> Manifest:
    """Read the manifest that lies at a key of the lake, published or in the history.

    Raises:
        CorruptManifest: it can't be read, or is that of another place: in a copied folder, say.
    """
    found = from_json(data, where=key)
    if key not in (f"{found.folder}/{FILE}", f"{HISTORY}/{found.folder}/{found.run_id}/{FILE}"):
        raise CorruptManifest(
            f"the manifest of {named(*found.cell)}, run {found.run_id}, not of this folder",
            where=key,
            hint=f"if the folder is a copy, remove it; or else {_hint(key)}",
        )
    return found


def named(table: TableName, partition: Partition) -> str:
    """Name a partition or a full table in words.

    Example:
        >>> named(TableName("ods", "x"), date(2024, 1, 2)), named(TableName("ods", "x"), None)
        ('ods.x dt=2024-01-02', 'ods.x')
    """
    return f"{table} {folder(partition)}".rstrip()


def again(table: TableName, partition: Partition) -> str:
    """Give the command that publishes a partition anew, whatever is there.

    Example:
        >>> again(TableName("ods", "x"), date(2024, 1, 2))
        'nomad run x --dt 2024-01-02 --force'
    """
    command = "extract" if table.layer == RAW else "run"
    day = f" --dt {partition}" if partition else ""
    return f"nomad {command} {table.name}{day} --force"


def cell_of(key: str) -> tuple[TableName, Partition] | None:
    """Tell by its key whose manifest, data or refused rows an object is.

    Example:
        >>> cell_of("ods/x/dt=2024-01-02/manifest.json")
        (TableName(layer='ods', name='x'), datetime.date(2024, 1, 2))
    """
    parts = [p for p in key.split("/")[:-1] if not p.startswith("_")]
    if len(parts) < _LAYER_AND_NAME:
        return None
    day = from_folder(parts[2]) if len(parts) > _LAYER_AND_NAME else None
    return TableName(parts[0], parts[1]), day


_LAYER_AND_NAME = 2


def _hint(where: str) -> str:
    if where.startswith(f"{HISTORY}/"):
        return "move its folder aside: that version is not kept any more"
    cell = cell_of(where)
    return f"build it anew: {again(*cell)}" if cell else "move the file aside"


def _briefly(e: Exception) -> str:
    told = f"no {e}" if isinstance(e, KeyError) else str(e)
    return told if len(told) < _WIDE else f"{told[:_WIDE]}…"


_WIDE = 100


def _from_body(body: dict[str, Any], where: str) -> Manifest:
    version = body["manifest_version"]
    if version != VERSION or isinstance(version, bool):
        raise CorruptManifest(
            f"manifest_version is {_briefly(ValueError(version))}, this nomad knows {VERSION}",
            where=where,
            hint=f"update nomad; or {_hint(where)}",
        )
    quarantined = body.get("quarantined")
    return Manifest(
        dest=_table(_text(body["dest"])),
        partition_date=parse_day(body["partition_date"]),
        run_id=_plain(body["run_id"]),
        generated_at=_text(body["generated_at"]),
        files=_files(body["files"]),
        schema=tuple(_column(c) for c in body["schema"]),
        content_hash=_text(body["content_hash"]),
        sql_hash=_text(body["sql_hash"]),
        contract_hash=_text(body["contract_hash"]),
        engine=_text(body["engine"]),
        stats=_mapping(body["stats"]),
        inputs=tuple(_input_from_json(i) for i in body["inputs"]),
        checks=tuple(_check(c) for c in body["checks"]),
        previous=None if body["previous"] is None else _plain(body["previous"]),
        dialect=_mapping(body.get("dialect", {})),
        quarantined=None if quarantined is None else _file(quarantined),
    )


def _files(body: Iterable[dict[str, Any]]) -> tuple[DataFile, ...]:
    files = tuple(_file(f) for f in body)
    if len({f.name for f in files}) < len(files):
        raise ValueError("a file is named twice")
    return files


def _file(body: dict[str, Any]) -> DataFile:
    name = _plain(body["name"])
    return DataFile(name, _count(body["rows"]), _count(body["bytes"]), _text(body["sha256"]))


def _column(body: dict[str, Any]) -> Column:
    return Column(_text(body["name"]), _text(body["type"]), bool(body["nullable"]))


_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def _plain(value: object) -> str:
    """Take the name of a file or folder as nomad gives them: it leads nowhere else."""
    if not isinstance(value, str) or value == FILE or not _NAME.fullmatch(value):
        raise ValueError(f"{value!r} is no name of a file of nomad's")
    return value


def _table(text: str) -> TableName:
    table = TableName.parse(text)
    if not (is_plain(table.layer) and is_plain(table.name)):
        raise ValueError(f"{text!r} is no table's name")
    return table


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value


def _count(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise TypeError(f"{value!r} is no count")
    return value


def _check(body: dict[str, Any]) -> Mapping[str, Any]:
    _text(body["test"]), _text(body["status"]), _count(body["failed"])
    return body


def _mapping(value: object) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise TypeError(f"{value!r} is no mapping")
    return value


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
        count = _count(partitions["count"])
    return Input(_text(body["table"]), span, _text(body["content_hash"]), count)


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
