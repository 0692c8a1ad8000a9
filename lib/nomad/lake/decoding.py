"""The bytes of a `manifest.json` → a `Manifest`. Nothing in it is believed that wasn't looked at.

Its names lead nowhere but to the folder it lies in, and it is of the partition it lies under.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime
from functools import lru_cache
from typing import Any

from nomad.dates import FIRST, LAST, Span
from nomad.errors import CorruptManifest
from nomad.lake.layout import MANIFEST, is_past, locate, manifest_in
from nomad.lake.manifest import VERSION, DataFile, Input, Manifest, input_of
from nomad.lake.words import command_for, named
from nomad.names import TableName, is_plain
from nomad.partitions import parse
from nomad.schema import Column
from nomad.store.base import ELSEWHERE, Store


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
    if data == ELSEWHERE:
        raise CorruptManifest(
            "its folder is a symbolic link that leads out of the lake",
            where=key,
            hint=f"put the folder itself in the link's place; or remove the link and {_hint(key)}",
        )
    found = from_json(data, where=key)
    if key not in (manifest_in(found.folder), manifest_in(found.past_folder)):
        raise CorruptManifest(
            f"the manifest of {named(*found.cell)}, run {found.run_id}, not of this folder",
            where=key,
            hint=f"if the folder is a copy, remove it; or else {_hint(key)}",
        )
    return found


def read_manifests(
    store: Store, keys: Iterable[str]
) -> Iterator[tuple[str, Manifest | CorruptManifest | None]]:
    """Read manifests by their keys: each, or why it can't be read, or None where there is none."""
    for key, blob in store.read_all(keys):
        try:
            yield key, lying_at(key, blob.data) if blob else None
        except CorruptManifest as e:
            yield key, e


def _hint(where: str) -> str:
    if is_past(where):
        return "move its folder aside: that version is not kept any more"
    place = locate(where)
    return (
        f"build it anew: {command_for(place.table, place.partition, force=True)}"
        if place
        else "move the file aside"
    )


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
        partition=parse(body["partition_date"]),
        run_id=_plain(body["run_id"]),
        generated_at=_moment(body["generated_at"]),
        files=_files(body["files"]),
        schema=_schema(tuple((c["name"], c["type"], bool(c["nullable"])) for c in body["schema"])),
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
        detected=_mapping(body.get("detected", {})),
        stamps=_mapping(body.get("stamps", {})),
    )


def _files(body: Iterable[dict[str, Any]]) -> tuple[DataFile, ...]:
    files = tuple(_file(f) for f in body)
    if len({f.name for f in files}) < len(files):
        raise ValueError("a file is named twice")
    return files


def _file(body: dict[str, Any]) -> DataFile:
    name = _plain(body["name"])
    return DataFile(name, _count(body["rows"]), _count(body["bytes"]), _text(body["sha256"]))


@lru_cache
def _schema(columns: tuple[tuple[object, object, bool], ...]) -> tuple[Column, ...]:
    """Look at columns once: a table's partitions mostly have the same."""
    return tuple(Column(_text(name), _text(kind), nullable) for name, kind, nullable in columns)


_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def _plain(value: object) -> str:
    """Take the name of a file or folder as nomad gives them: it leads nowhere else."""
    if not isinstance(value, str) or value == MANIFEST or not _NAME.fullmatch(value):
        raise ValueError(f"{value!r} is no name of a file of nomad's")
    return value


@lru_cache
def _table(text: str) -> TableName:
    table = TableName.parse(text)
    if not (is_plain(table.layer) and is_plain(table.name)):
        raise ValueError(f"{text!r} is no table's name")
    return table


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value


def _moment(value: object) -> str:
    if datetime.fromisoformat(_text(value)).tzinfo is None:
        raise ValueError(f"{value!r} has no time zone")
    return str(value)


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


def _input_from_json(body: dict[str, Any]) -> Input:
    partitions = body["partitions"]
    span, count = _span_from_json(partitions), None
    if isinstance(partitions, dict):
        count = _count(partitions["count"])
    return input_of(_text(body["table"]), span, _text(body["content_hash"]), count)


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
