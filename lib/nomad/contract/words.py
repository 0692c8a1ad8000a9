"""The words of a contract: its keys, its tests and what each takes, also as dbt spells it."""

from __future__ import annotations

from collections.abc import Mapping

KEYS = (
    "description", "tags", "unique_key", "strategy", "evolution", "columns", "tests", "data_tests",
    "freshness", "restate", "max_quarantined", "checks", "name", "meta", "config", "version",
    "constraints", "access", "group",
)  # fmt: skip
COLUMN_KEYS = (
    "name", "data_type", "description", "tests", "data_tests", "quote", "meta", "tags",
    "constraints", "config",
)  # fmt: skip

WORDS: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "not_null": ((), ()),
    "unique": ((), ("columns",)),
    "accepted_values": (("values",), ("quote",)),
    "relationships": (("to", "field"), ()),
    "range": ((), ("min", "max", "exclusive")),
    "regex": (("pattern",), ()),
    "length": ((), ("min", "max", "equal")),
    "expression": (("expression",), ()),
    "row_count": ((), ("min", "max", "max_change")),
    "null_rate": (("max",), ()),
}
"""The words each test must have, and those it may have."""

ALSO_CALLED = {
    "dbt_utils.expression_is_true": "expression",
    "dbt_utils.unique_combination_of_columns": "unique",
    "dbt_utils.accepted_range": "range",
    "dbt_expectations.expect_column_values_to_match_regex": "regex",
}
RENAMED = {
    "combination_of_columns": "columns", "min_value": "min", "max_value": "max",
    "inclusive": "inclusive", "regex": "pattern",
}  # fmt: skip
COMMON = ("name", "severity", "where", "config", "arguments", "description", "tags", "meta")
CONFIG = ("severity", "where", "tags", "meta", "enabled", "store_failures", "limit", "alias")
SHORT = {"regex": "pattern", "expression": "expression", "accepted_values": "values",
          "null_rate": "max", "unique": "columns"}  # fmt: skip
"""The word meant where a test has a bare value: `regex: '^6'`."""

BESIDE = (
    "models", "version", "sources", "seeds", "snapshots", "analyses", "macros", "exposures",
    "groups", "metrics", "semantic_models", "saved_queries",
)  # fmt: skip
"""What may stand beside `models:` in a file of dbt's: it is of other things than tables here."""

NOT_HERE = {
    "warn_if": "let `severity` be warn, or quarantine with a `max_quarantined`",
    "error_if": "let `severity` be warn, or quarantine with a `max_quarantined`",
    "unit_tests": "take them out; `nomad diff TABLE --staged` shows what a change of SQL does",
    "versions": "let each version be a table of its own",
}
"""Words of dbt's that are refused, and what to write instead."""
