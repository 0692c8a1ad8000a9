"""The words of a contract: its keys, its tests and what each takes, also as dbt spells it."""

from __future__ import annotations

from collections.abc import Mapping

from nomad.contract.contract import Kind

KEYS = (
    "description", "tags", "unique_key", "strategy", "evolution", "columns", "tests", "data_tests",
    "freshness", "lookback", "restate", "calendar", "max_quarantined", "checks", "name", "meta",
    "config", "version", "constraints", "access", "group",
)  # fmt: skip
COLUMN_KEYS = (
    "name", "data_type", "description", "tests", "data_tests", "quote", "meta", "tags",
    "constraints", "config",
)  # fmt: skip

WORDS: Mapping[Kind, tuple[tuple[str, ...], tuple[str, ...]]] = {
    Kind.NOT_NULL: ((), ()),
    Kind.UNIQUE: ((), ("columns",)),
    Kind.ACCEPTED_VALUES: (("values",), ("quote",)),
    Kind.RELATIONSHIPS: (("to", "field"), ()),
    Kind.RANGE: ((), ("min", "max", "exclusive")),
    Kind.REGEX: (("pattern",), ()),
    Kind.LENGTH: ((), ("min", "max", "equal")),
    Kind.EXPRESSION: (("expression",), ()),
    Kind.ROW_COUNT: ((), ("min", "max", "max_change")),
    Kind.NULL_RATE: (("max",), ()),
}
"""The words each test must have, and those it may have."""

ALSO_CALLED = {
    "dbt_utils.expression_is_true": Kind.EXPRESSION,
    "dbt_utils.unique_combination_of_columns": Kind.UNIQUE,
    "dbt_utils.accepted_range": Kind.RANGE,
    "dbt_expectations.expect_column_values_to_match_regex": Kind.REGEX,
}
RENAMED = {
    "combination_of_columns": "columns", "min_value": "min", "max_value": "max",
    "inclusive": "inclusive", "regex": "pattern",
}  # fmt: skip
COMMON = ("name", "severity", "where", "config", "arguments", "description", "tags", "meta")
CONFIG = ("severity", "where", "tags", "meta", "enabled", "store_failures", "limit", "alias")
TEXTS = ("pattern",)
"""Words whose value is a text: a number or a list would be compared as Python spells it."""

SHORT = {
    Kind.REGEX: "pattern", Kind.EXPRESSION: "expression", Kind.ACCEPTED_VALUES: "values",
    Kind.NULL_RATE: "max", Kind.UNIQUE: "columns",
}  # fmt: skip
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


def kind_of(said: str) -> Kind | None:
    """Tell which test a word means, also as dbt's packages spell it; None for no test.

    Example:
        >>> kind_of("dbt_utils.accepted_range"), kind_of("rang")
        (<Kind.RANGE: 'range'>, None)
    """
    kind = ALSO_CALLED.get(said, said)
    return Kind(kind) if kind in WORDS else None


def no_value(kind: Kind, said: str, got: str) -> str:
    """Say that a test takes no bare value, and what to write.

    Example:
        >>> no_value(Kind.LENGTH, "length", "6")
        '`length` takes no value (got 6): its words are min, max, equal'
    """
    words = ", ".join(word for of_kind in WORDS[kind] for word in of_kind)
    hint = f"its words are {words}" if words else f"write `{said}` alone"
    return f"`{said}` takes no value (got {got or 'a list'}): {hint}"
