"""A contract as a JSON Schema, for editors: of the very words that reading it allows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from nomad.config.calendars import CALENDAR
from nomad.contract.contract import MERGE, Evolution, Kind, Severity
from nomad.contract.words import (
    ALSO_CALLED,
    BESIDE,
    COLUMN_KEYS,
    COMMON,
    CONFIG,
    KEYS,
    RENAMED,
    WORDS,
)

DIALECT = "https://json-schema.org/draft/2020-12/schema"

Schema = dict[str, Any]

_TEXT: Schema = {"type": ["string", "null"]}
_SINGLE: Schema = {"type": ["string", "number", "boolean", "null"]}
_SHARE: Schema = {"anyOf": [{"type": "number", "minimum": 0}, {"type": "string", "pattern": "%$"}]}
_NAMES: Schema = {"anyOf": [_SINGLE, {"type": "array", "items": {"type": "string"}}]}
_ANY: Schema = {}
_TESTS: Schema = {"anyOf": [{"type": "null"}, {"$ref": "#/$defs/test"},
                  {"type": "array", "items": {"$ref": "#/$defs/test"}}]}  # fmt: skip
_AGE: Schema = {
    "anyOf": [
        {"type": "string", "pattern": r"^\d+(\.\d+)? (minute|hour|day|week)s?$"},
        {
            "type": "object",
            "properties": {"count": {"type": "number"}, "period": {"type": "string"}},
            "additionalProperties": False,
        },
    ]
}
_SEVERITY = {"enum": [*Severity, *map(str.upper, Severity)]}

TOLD: Mapping[str, tuple[Schema, str]] = {
    "description": (_TEXT, "What it is, in a sentence."),
    "tags": (_NAMES, "Words to select by: `nomad run tag:nightly`."),
    "unique_key": (_NAMES, "The columns that tell rows apart; rows are written in its order."),
    "strategy": ({"enum": [MERGE, "replace", None]}, "merge: a full table keeps its old rows."),
    "evolution": (
        {"enum": [Evolution.STRICT, Evolution.ADDITIVE, None]},
        "additive lets new columns in.",
    ),
    "columns": (
        {"type": ["array", "null"], "items": {"$ref": "#/$defs/column"}},
        "The columns; where all have a type, no other may be there.",
    ),
    "tests": (_TESTS, "What rows, or the table, must be like."),
    "data_tests": (_TESTS, "The same, as dbt calls them."),
    "freshness": (
        {
            "type": ["object", "null"],
            "properties": {"warn_after": _AGE, "error_after": _AGE},
            "additionalProperties": False,
        },
        "The age of the latest partition from which it is late.",
    ),
    "lookback": (
        {"anyOf": [{"type": "integer", "minimum": 0}, *_AGE["anyOf"]]},
        "How many dates each run looks at, its own included, e.g. 3 or `3 days`.",
    ),
    "restate": ({**_AGE, "deprecated": True}, "The old word for `lookback`."),
    "calendar": (dict(CALENDAR.schema), "Which dates are due: a table, a query, a file, or none."),
    "max_quarantined": (_SHARE, "Rows that may go to quarantine: a count, or a share like `5%`."),
    "checks": (
        {"type": ["object", "null"], "additionalProperties": _SEVERITY},
        "The severity of files in sql/checks, by their fact.",
    ),
    "name": (_TEXT, "Its name."),
    "data_type": (_TEXT, "Its type, as DuckDB writes it."),
    "quote": (_ANY, "Read, and without effect."),
    "constraints": ({"type": ["array", "null"]}, "dbt's constraints."),
    "access": (_ANY, "Read, and without effect."),
    "group": (_ANY, "Read, and without effect."),
    "meta": (_ANY, "Read, and without effect."),
    "config": (_ANY, "Read as dbt writes it."),
    "version": (_ANY, "Read, and without effect."),
    "severity": (_SEVERITY, "What becomes of a row that breaks it: error, warn or quarantine."),
    "where": (_TEXT, "Limits it to some rows: a condition."),
    "arguments": ({"type": ["object", "null"]}, "The test's words, as dbt writes them."),
    "enabled": (_ANY, "Read, and without effect."),
    "store_failures": (_ANY, "Read, and without effect."),
    "limit": (_ANY, "Read, and without effect."),
    "alias": (_ANY, "Read, and without effect."),
    "values": ({"anyOf": [_SINGLE, {"type": "array"}]}, "The values that may be there."),
    "to": (_TEXT, "The table that it looks into."),
    "field": (_TEXT, "The column there."),
    "min": (_SINGLE, "The least."),
    "max": (_SINGLE, "The most."),
    "equal": ({"type": "integer"}, "The very length."),
    "exclusive": ({"type": "boolean"}, "Whether the bounds themselves are outside."),
    "inclusive": ({"type": "boolean"}, "dbt's word for the opposite of exclusive."),
    "pattern": ({"type": "string"}, "A regular expression; `^…$` for the whole text."),
    "regex": ({"type": "string"}, "The same, as dbt_expectations calls it."),
    "expression": ({"type": "string"}, "A condition in SQL; below a column it begins after it."),
    "max_change": (_SHARE, "By how much the number of rows may differ from the partition before."),
    "combination_of_columns": (_NAMES, "The columns of the key."),
    "min_value": (_SINGLE, "The least."),
    "max_value": (_SINGLE, "The most."),
}
"""What may stand at each word, and a sentence for whoever points at it."""


def schema() -> Schema:
    """Give the schema of a contract; a whole `schema.yml` of dbt's is one, too."""
    contract = _closed(_told(KEYS))
    models = dict.fromkeys(BESIDE, _ANY) | {"models": {"type": "array", "items": contract}}
    return {
        "$schema": DIALECT,
        "title": "A contract of nomad's",
        "anyOf": [contract, {**_closed(models), "required": ["models"]}],
        "$defs": {
            "column": {**_closed(_told(COLUMN_KEYS)), "required": ["name"]},
            "test": {"anyOf": [{"enum": [*WORDS, *ALSO_CALLED]}, _test()]},
        },
    }


def _told(words: Iterable[str]) -> Schema:
    return {w: {"description": TOLD[w][1], **TOLD[w][0]} if w in TOLD else {} for w in words}


def _closed(properties: Schema) -> Schema:
    return {"type": "object", "properties": properties, "additionalProperties": False}


def _test() -> Schema:
    """Give the schema of one test: its name with its words, and what may stand beside it."""
    common = _told(COMMON) | {"config": _closed(_told(CONFIG))}
    kinds = {name: _words(name, common) for name in (*WORDS, *ALSO_CALLED)}
    return {**_closed({**common, **kinds}), "minProperties": 1}


def _words(said: str, common: Schema) -> Schema:
    kind = Kind(ALSO_CALLED.get(said, said))
    own = [w for words in WORDS[kind] for w in words]
    spelled = [*own, *(r for r, w in RENAMED.items() if w in (*own, "inclusive"))]
    properties = {**common, **_told(spelled)}
    sentence = "Of the whole table." if not kind.by_row else "Of each row."
    return {
        "description": sentence,
        "anyOf": [_SINGLE, {"type": "array"}, _closed(properties)],
    }
