"""One contract file → a `Contract`. Words as dbt's users know them; all faults at once.

The column blocks of dbt's `schema.yml` are read as they are: `tests` or `data_tests`, arguments
beside a test's name or below `arguments:`, `config: {severity, where}`, `ref('x')`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from nomad.contract import (
    ADDITIVE,
    ERROR,
    MERGE,
    QUARANTINE,
    ROW_KINDS,
    SEVERITIES,
    STRICT,
    TABLE_KINDS,
    Column,
    Contract,
    Freshness,
    Limit,
    Test,
)
from nomad.contract.tree import Node, read
from nomad.errors import ConfigError
from nomad.names import did_you_mean

_KEYS = (
    "description", "tags", "unique_key", "strategy", "evolution", "columns", "tests", "data_tests",
    "freshness", "max_quarantined", "checks", "name", "meta", "config", "version",
)  # fmt: skip
_COLUMN_KEYS = (
    "name", "data_type", "description", "tests", "data_tests", "quote", "meta", "tags",
    "constraints", "config",
)  # fmt: skip

_WORDS: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
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

_ALSO_CALLED = {
    "dbt_utils.expression_is_true": "expression",
    "dbt_utils.unique_combination_of_columns": "unique",
    "dbt_utils.accepted_range": "range",
    "dbt_expectations.expect_column_values_to_match_regex": "regex",
}
_RENAMED = {
    "combination_of_columns": "columns", "min_value": "min", "max_value": "max",
    "inclusive": "inclusive", "regex": "pattern",
}  # fmt: skip
_COMMON = ("name", "severity", "where", "config", "arguments", "description", "tags", "meta")
_SHORT = {"regex": "pattern", "expression": "expression", "accepted_values": "values",
          "null_rate": "max", "unique": "columns"}  # fmt: skip
"""The word meant where a test has a bare value: `regex: '^6'`."""

_REF = re.compile(r"""^\s*(?:ref|source)\s*\(\s*(?:['"]\w+['"]\s*,\s*)?['"](\w+)['"]\s*\)\s*$""")
_DAYS = {"day": 1.0, "hour": 1 / 24, "week": 7.0, "minute": 1 / 1440}


def parse(text: str, *, path: str, table: str) -> Contract:
    """Read a contract.

    Raises:
        ConfigError: it has faults; the message lists them all, each with its line.
    """
    faults: list[str] = []
    node = _own(read(text, path=path), table)
    reader = _Reader(path, faults)
    contract = reader.contract(node)
    if faults:
        raise ConfigError("\n".join(faults), hint="docs/contracts.md has every key and test")
    return contract


def _own(node: Node, table: str) -> Node:
    """Of a whole dbt file, take the entry of the table."""
    models = node.get("models")
    entries = models.elements() if models else []
    found = (m for m in entries if (name := m.get("name")) and name.scalar == table)
    return next(found, node)


@dataclass
class _Reader:
    path: str
    faults: list[str] = field(default_factory=list)

    def fault(self, line: int, text: str) -> None:
        self.faults.append(f"{self.path}:{line}: {text}")

    def contract(self, node: Node) -> Contract:
        self.known(node, _KEYS)
        columns = self.columns(node)
        tests = [
            t for c in columns for t in (*self.constraints(c), *self.tests(c, self.name_of(c)))
        ]
        tests += self.tests(node, "")
        return Contract(
            path=self.path,
            description=self.text(node, "description"),
            tags=tuple(str(e.scalar) for e in _elements(node, "tags")),
            columns=tuple(Column(self.name_of(c), self.text(c, "data_type")) for c in columns),
            tests=tuple(self.distinct(tests)),
            unique_key=tuple(str(e.scalar) for e in _elements(node, "unique_key")),
            strategy=self.choice(node, "strategy", ("", MERGE, "replace")).replace("replace", ""),
            evolution=self.choice(node, "evolution", (STRICT, ADDITIVE)),
            max_quarantined=self.limit(node),
            freshness=self.freshness(node),
            singular=self.singular(node),
        )

    # Parts -----------------------------------------------------------------------------------

    def known(self, node: Node, keys: tuple[str, ...]) -> None:
        if not isinstance(node.value, dict):
            self.fault(node.line, "must be `key: value` pairs")
        for key, value in node.items():
            if key not in keys:
                near = did_you_mean(key, keys) or f"known: {', '.join(sorted(keys))}"
                self.fault(value.line, f"unknown key `{key}`: {near}")

    def columns(self, node: Node) -> list[Node]:
        found = []
        for c in _elements(node, "columns"):
            self.known(c, _COLUMN_KEYS)
            if self.name_of(c):
                found.append(c)
            else:
                self.fault(c.line, "a column needs a `name`")
        names = [self.name_of(c).lower() for c in found]
        for n, c in zip(names, found, strict=True):
            if names.index(n) != found.index(c):
                self.fault(c.line, f"column `{n}` is there twice")
        return found

    def name_of(self, node: Node) -> str:
        return self.text(node, "name")

    def text(self, node: Node, key: str) -> str:
        found = node.get(key)
        return "" if found is None or found.scalar is None else str(found.scalar)

    def choice(self, node: Node, key: str, allowed: tuple[str, ...]) -> str:
        found = node.get(key)
        text = self.text(node, key) or allowed[0]
        if text not in allowed and found:
            told = " or ".join(f"`{a}`" for a in allowed if a)
            self.fault(found.line, f"`{key}` must be {told} (got {text!r})")
        return text

    def limit(self, node: Node) -> Limit | None:
        found = node.get("max_quarantined")
        if found is None:
            return None
        share = _share(found.scalar)
        if share is not None:
            return Limit(share=share)
        if isinstance(found.scalar, int) and found.scalar >= 0:
            return Limit(count=found.scalar)
        self.fault(found.line, "`max_quarantined` must be a count or a share like `5%`")
        return None

    def freshness(self, node: Node) -> Freshness | None:
        found = node.get("freshness")
        if found is None or found.value is None:
            return None
        self.known(found, ("warn_after", "error_after"))
        return Freshness(*(self.days(found.get(k)) for k in ("warn_after", "error_after")))

    def days(self, node: Node | None) -> float | None:
        """Read `2 days`, or dbt's `{count: 2, period: day}`."""
        if node is None:
            return None
        text = str(node.scalar)
        if isinstance(node.value, dict):
            text = f"{self.text(node, 'count')} {self.text(node, 'period')}"
        match = re.fullmatch(r"(\d+(?:\.\d+)?) (minute|hour|day|week)s?", text.strip())
        if match is None:
            self.fault(node.line, f"must be like `2 days` or `36 hours` (got {text!r})")
            return None
        return float(match[1]) * _DAYS[match[2]]

    def singular(self, node: Node) -> dict[str, str]:
        """Read `checks: {fact: severity}` of the files in sql/checks."""
        found = node.get("checks")
        return {k: self.severity(v, str(v.scalar)) for k, v in found.items()} if found else {}

    # Tests -----------------------------------------------------------------------------------

    def tests(self, node: Node, column: str) -> list[Test]:
        entries = [*_elements(node, "tests"), *_elements(node, "data_tests")]
        return [t for e in entries if (t := self.test(e, column)) is not None]

    def constraints(self, node: Node) -> Iterator[Test]:
        """Read dbt's `constraints: [{type: not_null}]`; others are a database's own business."""
        said = {t.scalar for c in _elements(node, "constraints") if (t := c.get("type"))}
        named = {str(e.value) for e in _elements(node, "tests") + _elements(node, "data_tests")}
        for kind in ("not_null", "unique"):
            if kind in said - named and (made := self.made(kind, {}, node, self.name_of(node))):
                yield made

    def test(self, node: Node, column: str) -> Test | None:
        """Read one entry: a bare name, or a name with its words; the words may stand beside it."""
        if isinstance(node.value, str):
            return self.made(node.value, {}, node, column)
        pairs = dict(node.items())
        kinds = [k for k in pairs if k not in _COMMON]
        if len(kinds) != 1:
            told = f" (got {', '.join(kinds)})" if kinds else ""
            self.fault(node.line, f"a test is one name with its words{told}")
            return None
        (kind,) = kinds
        words = dict(pairs.pop(kind).items()) or self.short(kind, node.get(kind))
        return self.made(kind, {**words, **pairs}, node, column)

    def short(self, kind: str, node: Node | None) -> dict[str, Node]:
        word = _SHORT.get(_ALSO_CALLED.get(kind, kind))
        told = node is not None and node.value is not None and not isinstance(node.value, dict)
        return {word: node} if word and node and told else {}

    def made(self, said: str, words: dict[str, Node], node: Node, column: str) -> Test | None:
        kind = _ALSO_CALLED.get(said, said)
        if kind not in _WORDS:
            near = did_you_mean(said, _WORDS) or f"there is: {', '.join(sorted(_WORDS))}"
            self.fault(node.line, f"no test `{said}`: {near}")
            return None
        common = {k: words.pop(k) for k in _COMMON if k in words}
        for holder in ("config", "arguments"):
            given = dict(common.pop(holder, Node({}, 0)).items())
            (common if holder == "config" else words).update(given)
        words = {_RENAMED.get(k, k): v for k, v in words.items()} if said != kind else words
        values = self.words(kind, words, node)
        columns = self.over(kind, values, node, column)
        severity = common.get("severity")
        return Test(
            name=str(common["name"].scalar) if "name" in common else _name(kind, columns),
            kind=kind,
            columns=columns,
            severity=self.severity(severity, str(severity.scalar), kind) if severity else ERROR,
            words=values,
            where=str(common["where"].scalar) if "where" in common else "",
            line=node.line,
        )

    def words(self, kind: str, words: dict[str, Node], node: Node) -> dict[str, object]:
        needed, allowed = _WORDS[kind]
        found: dict[str, object] = {}
        if "inclusive" in words and kind == "range":
            found["exclusive"] = words.pop("inclusive").scalar is False
        for key, value in words.items():
            if key not in needed + allowed:
                known = needed + allowed
                near = did_you_mean(key, known) or f"it takes: {', '.join(known) or 'nothing'}"
                self.fault(value.line, f"`{kind}` has no `{key}`: {near}")
            found[key] = _words(value)
        for key in needed:
            if key not in words:
                self.fault(node.line, f"`{kind}` needs `{key}`")
                found[key] = ""
        self.sensible(kind, found, node)
        return found

    def sensible(self, kind: str, found: dict[str, object], node: Node) -> None:
        if kind == "relationships":
            match = _REF.match(str(found["to"]))
            found["to"] = match[1] if match else found["to"]
        for key in ("max_change", *(("max",) if kind == "null_rate" else ())):
            if key in found and (share := _share(found[key])) is not None:
                found[key] = share
            elif key in found:
                self.fault(node.line, f"`{key}` must be a share like `50%` (got {found[key]!r})")
        if kind in ("range", "length", "row_count") and not found:
            self.fault(node.line, f"`{kind}` needs a bound: {', '.join(_WORDS[kind][1])}")
        if kind == "regex":
            self.pattern(str(found["pattern"]), node)

    def pattern(self, text: str, node: Node) -> None:
        try:
            re.compile(text)
        except re.error as e:
            self.fault(node.line, f"not a regular expression: {e}")

    def over(self, kind: str, words: dict[str, object], node: Node, column: str) -> tuple[str, ...]:
        several = words.pop("columns", None)
        if several is not None:
            return several if isinstance(several, tuple) else (str(several),)
        if column:
            return (column,)
        if kind not in ("expression", "row_count"):
            self.fault(node.line, f"`{kind}` belongs below a column, or needs `columns`")
        return ()

    def severity(self, node: Node, text: str, kind: str = "") -> str:
        if text not in SEVERITIES:
            self.fault(node.line, f"`severity` must be error, warn or quarantine (got {text!r})")
        elif text == QUARANTINE and kind not in ROW_KINDS:
            told = f"`{kind}` tests" if kind in TABLE_KINDS else "files in sql/checks test"
            self.fault(node.line, f"{told} the table, not its rows: there is none to quarantine")
        return text

    def distinct(self, tests: list[Test]) -> list[Test]:
        """See that no two tests bear one name: verdicts are found by it."""
        seen: dict[str, Test] = {}
        for t in tests:
            if t.name in seen:
                self.fault(t.line, f"two tests are called `{t.name}`: give one a `name`")
            seen[t.name] = t
        return tests


def _elements(node: Node, key: str) -> list[Node]:
    found = node.get(key)
    return found.elements() if found else []


def _words(node: Node) -> object:
    plain = node.plain()
    return tuple(plain) if isinstance(plain, list) else plain


def _share(value: object) -> float | None:
    """Read `5%` or 0.05; a whole number is no share."""
    if isinstance(value, float) and value >= 0:
        return value
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*%", str(value))
    return float(match[1]) / 100 if match else None


def _name(kind: str, columns: tuple[str, ...]) -> str:
    """Name a test that bears none: `traded_id_not_null`."""
    return "_".join((*columns, kind))
