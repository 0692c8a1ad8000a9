"""nomad.yaml as a JSON Schema, for editors: of the very keys that reading it allows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nomad.config.calendars import CALENDAR
from nomad.config.keys import KEYS, MAPS
from nomad.config.options import Declares
from nomad.config.sources import COMMON

DIALECT = "https://json-schema.org/draft/2020-12/schema"

Schema = dict[str, Any]

_FROM_ENVIRONMENT: Schema = {"type": "string", "pattern": r"\$\{"}
_TEXT: Schema = {"type": ["string", "null"]}
_SWITCH: Schema = {"anyOf": [{"type": ["boolean", "null"]}, _FROM_ENVIRONMENT]}
_SINGLE: Schema = {"type": ["string", "number", "boolean", "null"]}


def _whole(least: int) -> Schema:
    return {"anyOf": [{"type": "integer", "minimum": least}, {"type": "null"}, _FROM_ENVIRONMENT]}


def _one_of(*words: str) -> Schema:
    return {"anyOf": [{"enum": [*words, None]}, _FROM_ENVIRONMENT]}


TOLD: Mapping[str, tuple[Schema, str]] = {
    "timezone": (_TEXT, "What yesterday means, and the time zone of SQL sessions."),
    "layers": (
        {"type": ["array", "null"], "items": {"type": "string", "pattern": r"^[A-Za-z_]\w*$"}},
        "The folders of sql/, which are also the schemas.",
    ),
    "naming": (_one_of("strict", "free"), "free: a table's name need not start with its layer."),
    "calendar": (
        dict(CALENDAR.schema),
        "Which dates are due: a table, a query, a file, or none (every date).",
    ),
    "lake": ({}, "Where published data lies."),
    "lake.url": (_TEXT, "The lake's folder, from the project's; or s3://bucket/prefix."),
    "lake.history": (
        {"anyOf": [{"type": ["integer", "null"], "minimum": 0}, {"type": "string"}]},
        "Superseded versions kept per partition: a count, or an age like `30 days`.",
    ),
    "lake.grace": (_TEXT, "How long other machines leave young files in S3 alone: an age."),
    "lake.endpoint": (_TEXT, "The S3 server, http://… or https://…"),
    "lake.region": (_TEXT, "What requests are signed for."),
    "lake.style": (_one_of("path", "virtual"), "Where the bucket's name goes."),
    "lake.ca": (_TEXT, "A file of certificates to trust."),
    "lake.allow_unsafe_commit": (_SWITCH, "Write to a server without conditional writes."),
    "engine": ({}, "What DuckDB may use."),
    "engine.memory_limit": (_TEXT, "A share of the memory at hand like 70%, or a size like 4GB."),
    "engine.jobs": (_whole(1), "Queries side by side."),
    "engine.lock_wait": (_whole(1), "Seconds to wait for what another command holds."),
    "extract": ({}, "How sources land."),
    "extract.parallel": (_whole(1), "Sources side by side."),
    "vars": (
        {"type": ["object", "null"], "additionalProperties": _SINGLE},
        "Variables: $<NAME> in SQL.",
    ),
    "attach": (
        {"type": ["object", "null"], "additionalProperties": {"type": "string"}},
        "Databases opened read-only in every session, as name: address.",
    ),
    "sources": ({}, "What `nomad extract` lands; each is read in SQL as raw.<name>."),
    "environments": ({}, "Overlays by name, chosen with --env or NOMAD_ENV."),
    "connector": ({}, "What brings the data."),
}  # fmt: skip
"""What may stand at each key, and a sentence for whoever points at it."""


def schema(connectors: Mapping[str, Declares]) -> Schema:
    """Give the schema of nomad.yaml, whose sources may have these connectors."""
    return {
        "$schema": DIALECT,
        "title": "nomad.yaml",
        **_file(connectors, whole=True),
        "$defs": {"environment": _file(connectors, whole=False)},
    }


def _file(connectors: Mapping[str, Declares], *, whole: bool) -> Schema:
    """Give the schema of the file, or of what may be laid over it."""
    keys: Schema = {}
    for key in KEYS:
        head, _, last = key.rpartition(".")
        holder = keys
        if head:
            holder = keys.setdefault(head, _branch(head))["properties"]
        holder[last] = _told(key)
    for key in MAPS:
        if key == "environments":
            if whole:
                keys[key] = _told(key, _named({"$ref": "#/$defs/environment"}))
        else:
            sources = [_connector(n, c, whole=whole) for n, c in connectors.items()]
            keys[key] = _told(key, _named({"anyOf": sources}) if key == "sources" else {})
    return _closed(keys)


def _told(key: str, more: Mapping[str, Any] | None = None) -> Schema:
    kind, sentence = TOLD.get(key, ({}, ""))
    return {"description": sentence, **kind, **(more or {})}


def _branch(key: str) -> Schema:
    return {**_told(key), **_closed({}), "type": ["object", "null"]}


def _closed(properties: Schema) -> Schema:
    return {"type": "object", "properties": properties, "additionalProperties": False}


def _named(one: Schema) -> Schema:
    return {"type": ["object", "null"], "additionalProperties": one}


def _connector(name: str, declared: Declares, *, whole: bool) -> Schema:
    properties = {"connector": _told("connector", {"const": name})}
    properties |= {option.name: option.schema for option in (*declared.options, *COMMON)}
    needed = ["connector", *(o.name for o in declared.options if o.required)]
    return {**_closed(properties), **({"required": needed} if whole else {})}
