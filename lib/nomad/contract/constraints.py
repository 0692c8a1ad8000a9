"""dbt's `constraints`, as the tests that they come to."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from nomad.config.yamlfile import Node

KEYS = (
    "type", "name", "columns", "expression", "to", "to_columns", "warn_unenforced",
    "warn_unsupported",
)  # fmt: skip
_POINTED = r"(?i)^\s*(?:references\s+)?([\w.]+)\s*\(\s*(\w+)\s*\)\s*$"

Fault = Callable[[int, str], None]
Found = Iterator[tuple[str, str, dict[str, Node]]]


def tests_of(entry: Node, over: list[str], fault: Fault) -> Found:
    """Give the tests of a constraint over some columns: kind, column, words."""
    kind = str(found.scalar) if (found := entry.get("type")) else ""
    if kind not in _TESTS:
        fault(entry.line, f"no constraint `{kind}` is run here; there is: {', '.join(_TESTS)}")
        return
    words = {"name": name} if (name := entry.get("name")) else {}
    yield from _TESTS[kind](entry, over, words, fault)


def _not_null(_: Node, over: list[str], _words: dict[str, Node], _fault: Fault) -> Found:
    yield from (("not_null", c, {}) for c in over)


def _unique(entry: Node, over: list[str], words: dict[str, Node], _: Fault) -> Found:
    if len(over) == 1:
        yield "unique", over[0], words
        return
    columns = Node([Node(c, entry.line) for c in over], entry.line)
    yield "unique", "", {**words, "columns": columns}


def _primary_key(entry: Node, over: list[str], words: dict[str, Node], fault: Fault) -> Found:
    yield from _not_null(entry, over, words, fault)
    yield from _unique(entry, over, words, fault)


def _check(entry: Node, _over: list[str], words: dict[str, Node], _: Fault) -> Found:
    """A condition of its own, also below a column."""
    condition = {k: v for k in ("expression",) if (v := entry.get(k))}
    yield "expression", "", {**words, **condition}


def _foreign_key(entry: Node, over: list[str], words: dict[str, Node], fault: Fault) -> Found:
    yield "relationships", over[0] if len(over) == 1 else "", {**words, **_parent(entry, fault)}


def _parent(entry: Node, fault: Fault) -> dict[str, Node]:
    """Read what a foreign key points at: `to` with `to_columns`, or `parent (id)`."""
    columns = found.elements() if (found := entry.get("to_columns")) else []
    if (to := entry.get("to")) and len(columns) == 1:
        return {"to": to, "field": columns[0]}
    if match := re.match(_POINTED, said.spelled if (said := entry.get("expression")) else ""):
        return {"to": Node(match[1], entry.line), "field": Node(match[2], entry.line)}
    fault(entry.line, "a foreign key needs `to`, and one column in `to_columns`")
    return {k: Node("", entry.line) for k in ("to", "field")}


_TESTS: dict[str, Callable[[Node, list[str], dict[str, Node], Fault], Found]] = {
    "not_null": _not_null,
    "unique": _unique,
    "primary_key": _primary_key,
    "foreign_key": _foreign_key,
    "check": _check,
}
