"""One contract file → a `Contract`. Words as dbt's users know them; all faults at once.

The column blocks of dbt's `schema.yml` are read as they are: `tests` or `data_tests`, arguments
beside a test's name or below `arguments:`, `config: {severity, where}`, `ref('x')`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from nomad.cache import Cache
from nomad.config.yamlfile import Node, read
from nomad.contract import ages
from nomad.contract.conditions import condition, goes_on
from nomad.contract.constraints import KEYS as CONSTRAINT
from nomad.contract.constraints import tests_of
from nomad.contract.contract import (
    MERGE,
    Column,
    Contract,
    Evolution,
    Freshness,
    Kind,
    Limit,
    Severity,
    Test,
)
from nomad.contract.values import default_name, numbered, plain, share, spelled, templates
from nomad.contract.words import (
    BESIDE,
    COLUMN_KEYS,
    COMMON,
    CONFIG,
    KEYS,
    NOT_HERE,
    RENAMED,
    SHORT,
    TEXTS,
    WORDS,
    kind_of,
    no_value,
)
from nomad.errors import ConfigError, page
from nomad.names import RAW, did_you_mean

_REF = r"""^\s*(ref|source)\s*\(\s*(?:['"]\w+['"]\s*,\s*)?['"](\w+)['"]\s*\)\s*$"""


def parse(text: str, *, path: str, table: str, cache: Cache) -> Contract:
    """Read a contract.

    Raises:
        ConfigError: it has faults; the message lists them all, each with its line.
    """
    faults: list[str] = []
    reader = _Reader(path, faults)
    node = reader.own(read(text, path=path, cache=cache), table)
    contract = reader.contract(node)
    if faults:
        raise ConfigError("\n".join(faults), hint=f"{page('contracts.md')} has every key and test")
    return contract


@dataclass
class _Reader:
    path: str
    faults: list[str] = field(default_factory=list)

    def fault(self, line: int, text: str) -> None:
        self.faults.append(f"{self.path}:{line}: {text}")

    def own(self, node: Node, table: str) -> Node:
        """Of a whole dbt file, take the entry of the table."""
        models = node.get("models")
        if models is None:
            return node
        entries = {self.name_of(m): m for m in models.elements()}
        if table not in entries:
            near = did_you_mean(table, entries) or f"it has: {', '.join(entries) or 'none'}"
            self.fault(models.line, f"`models` has no `{table}`: {near}")
        self.known(Node({k: v for k, v in node.items() if k not in BESIDE}, 0), ())
        return entries.get(table, Node({}, models.line))

    def contract(self, node: Node) -> Contract:
        self.known(node, KEYS)
        columns = self.columns(node)
        tests = [
            t
            for c in columns
            for t in (*self.constraints(c, self.name_of(c)), *self.tests(c, self.name_of(c)))
        ]
        tests += [*self.constraints(node, ""), *self.tests(node, "")]
        return Contract(
            path=self.path,
            description=self.text(node, "description"),
            tags=tuple(e.spelled for e in _elements(node, "tags")),
            columns=tuple(self.column(c) for c in columns),
            tests=tuple(self.distinct(tests)),
            unique_key=tuple(e.spelled for e in _elements(node, "unique_key")),
            strategy=self.choice(node, "strategy", ("", MERGE, "replace")).replace("replace", ""),
            evolution=Evolution(self.choice(node, "evolution", tuple(Evolution))),
            max_quarantined=self.limit(node),
            freshness=self.freshness(node),
            lookback=ages.lookback(node, self.fault),
            calendar=ages.calendar(node, self.path, self.fault),
            singular=self.singular(node),
            outdated=ages.outdated(node, self.path),
        )

    # Parts -----------------------------------------------------------------------------------

    def known(self, node: Node, keys: tuple[str, ...]) -> None:
        if not isinstance(node.value, dict):
            self.fault(node.line, "must be `key: value` pairs")
        for key, value in node.items():
            if key not in keys and key in NOT_HERE:
                self.fault(value.line, f"dbt's `{key}` is not read here: {NOT_HERE[key]}")
            elif key not in keys:
                known = f"known: {', '.join(sorted(keys))}" if keys else "take it out"
                self.fault(value.line, f"unknown key `{key}`: {did_you_mean(key, keys) or known}")

    def columns(self, node: Node) -> list[Node]:
        found = []
        for c in _elements(node, "columns"):
            self.known(c, COLUMN_KEYS)
            if self.name_of(c):
                found.append(c)
            else:
                self.fault(c.line, "a column needs a `name`")
        names = [self.name_of(c).lower() for c in found]
        for n, c in zip(names, found, strict=True):
            if names.index(n) != found.index(c):
                self.fault(c.line, f"column `{n}` is there twice")
        return found

    def column(self, node: Node) -> Column:
        kind = self.text(node, "data_type")
        if goes_on(kind):
            self.fault(node.line, f"`data_type` is one type: no `;` (got {kind!r})")
        return Column(self.name_of(node), kind, node.line)

    def name_of(self, node: Node) -> str:
        return self.text(node, "name").strip('"')

    def text(self, node: Node, key: str) -> str:
        found = node.get(key)
        return found.spelled if found else ""

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
        if type(found.scalar) is int and found.scalar >= 0:
            return Limit(count=found.scalar)
        part = share(found.scalar)
        if part is not None and part <= 1:
            return Limit(share=part)
        self.fault(found.line, "`max_quarantined` must be a count or a share like `5%`")
        return None

    def freshness(self, node: Node) -> Freshness | None:
        found = node.get("freshness")
        if found is None or found.value is None:
            return None
        self.known(found, ("warn_after", "error_after"))
        return ages.freshness(found, self.fault)

    def singular(self, node: Node) -> dict[str, Severity]:
        """Read `checks: {fact: severity}` of the files in sql/checks."""
        found = node.get("checks")
        if found and not isinstance(found.value, dict):
            self.fault(found.line, "`checks` must hold `fact: severity` pairs")
        return {k: self.severity(v, str(v.scalar)) for k, v in found.items()} if found else {}

    # Tests -----------------------------------------------------------------------------------

    def tests(self, node: Node, column: str) -> list[Test]:
        entries = [*_elements(node, "tests"), *_elements(node, "data_tests")]
        return [t for e in entries if (t := self.test(e, column)) is not None]

    def constraints(self, node: Node, column: str) -> Iterator[Test]:
        """Read dbt's `constraints`, of a column or of the table, as the tests that they are.

        What a column's tests say as well is said once.
        """
        entries = _elements(node, "tests") + _elements(node, "data_tests")
        named = {(str(e.value), column) for e in entries}
        for entry in _elements(node, "constraints"):
            self.known(entry, CONSTRAINT)
            over = [e.spelled for e in _elements(entry, "columns")] or [column] * bool(column)
            for kind, of, words in tests_of(entry, over, self.fault):
                if not (of and (kind, of) in named) and (t := self.made(kind, words, entry, of)):
                    yield t

    def test(self, node: Node, column: str) -> Test | None:
        """Read one entry: a bare name, or a name with its words; the words may stand beside it."""
        if isinstance(node.value, str):
            return self.made(node.value, {}, node, column)
        pairs = dict(node.items())
        kinds = [k for k in pairs if k not in COMMON]
        if len(kinds) != 1:
            told = f" (got {', '.join(kinds)})" if kinds else ""
            self.fault(node.line, f"a test is one name with its words{told}")
            return None
        (kind,) = kinds
        words = dict(pairs.pop(kind).items()) or self.short(kind, node.get(kind))
        return self.made(kind, {**words, **pairs}, node, column)

    def short(self, kind: str, node: Node | None) -> dict[str, Node]:
        """Take a bare value for the word that is meant, where one is."""
        meant = kind_of(kind)
        told = node is not None and node.value is not None and not isinstance(node.value, dict)
        if not (meant and node and told):
            return {}
        if meant in SHORT:
            return {SHORT[meant]: node}
        self.fault(node.line, no_value(meant, kind, node.spelled))
        return {}

    def made(self, said: str, words: dict[str, Node], node: Node, column: str) -> Test | None:
        kind = kind_of(said)
        if kind is None:
            near = did_you_mean(said, WORDS) or f"there is: {', '.join(sorted(WORDS))}"
            self.fault(node.line, f"no test `{said}`: {near}")
            return None
        words = dict(words)
        for line, text in templates(words.values()):
            self.fault(line, f"`{text}`: no template is filled in here: write what it stands for")
        common = {k: words.pop(k) for k in COMMON if k in words}
        for holder in ("config", "arguments"):
            given = common.pop(holder, Node({}, 0))
            self.known(given, CONFIG if holder == "config" else tuple(dict(given.items())))
            (common if holder == "config" else words).update(dict(given.items()))
        words = {RENAMED.get(k, k): v for k, v in words.items()} if said != kind else words
        if not kind.by_row and "where" in common:
            self.fault(common["where"].line, f"`{kind}` is of the whole table and has no `where`")
        values = self.words(kind, words, node)
        columns = self.over(kind, values, node, column)
        severity = common.get("severity")
        if (enabled := common.get("enabled")) and enabled.scalar is False:
            return None
        return Test(
            name=str(common["name"].scalar) if "name" in common else default_name(kind, columns),
            kind=kind,
            columns=columns,
            severity=self.severity(severity, str(severity.scalar), kind)
            if severity
            else Severity.ERROR,
            words=values,
            where=condition(common.get("where"), "where", self.fault),
            line=node.line,
            spelled=spelled(words.get("values")) if kind is Kind.ACCEPTED_VALUES else (),
        )

    def words(self, kind: Kind, words: dict[str, Node], node: Node) -> dict[str, object]:
        needed, allowed = WORDS[kind]
        found: dict[str, object] = {}
        if "inclusive" in words and kind is Kind.RANGE:
            found["exclusive"] = words.pop("inclusive").scalar is False
        for key, value in words.items():
            if key in NOT_HERE:
                self.fault(value.line, f"dbt's `{key}` is not read here: {NOT_HERE[key]}")
            elif key not in needed + allowed:
                known = needed + allowed
                near = did_you_mean(key, known) or f"it takes: {', '.join(known) or 'nothing'}"
                self.fault(value.line, f"`{kind}` has no `{key}`: {near}")
            found[key] = plain(value)
        for key in needed:
            if key not in words:
                self.fault(node.line, f"`{kind}` needs `{key}`")
                found[key] = ""
        self.sensible(kind, found, node)
        condition(words.get("expression"), "expression", self.fault)
        return found

    def sensible(self, kind: Kind, found: dict[str, object], node: Node) -> None:
        if kind is Kind.RELATIONSHIPS:
            match = re.match(_REF, str(found["to"]))
            found["to"] = f"{RAW}." * (match[1] == "source") + match[2] if match else found["to"]
        for key in ("max_change", *(("max",) if kind is Kind.NULL_RATE else ())):
            if key in found and (part := share(found[key])) is not None:
                found[key] = part
            elif key in found:
                self.fault(node.line, f"`{key}` must be a share like `50%` (got {found[key]!r})")
        counted = ("min", "max", "equal") if kind in (Kind.ROW_COUNT, Kind.LENGTH) else ()
        for key in counted:
            if key in found and type(found[key]) is not int:
                self.fault(node.line, f"`{key}` must be a whole number (got {found[key]!r})")
        for key in (t for t in TEXTS if t in found and not isinstance(found[t], str)):
            self.fault(node.line, f"`{key}` must be a text, in quotes (got {found[key]!r})")
        if "exclusive" in found and not isinstance(found["exclusive"], bool):
            self.fault(node.line, f"`exclusive` must be true or false (got {found['exclusive']!r})")
        bounds = [w for w in WORDS[kind][1] if w != "exclusive"]
        if kind in (Kind.RANGE, Kind.LENGTH, Kind.ROW_COUNT) and not any(
            b in found for b in bounds
        ):
            self.fault(node.line, f"`{kind}` needs a bound: {', '.join(bounds)}")

    def over(
        self, kind: Kind, words: dict[str, object], node: Node, column: str
    ) -> tuple[str, ...]:
        several = words.pop("columns", None)
        if several is not None:
            return several if isinstance(several, tuple) else (str(several),)
        if column:
            return (column,)
        if kind not in (Kind.EXPRESSION, Kind.ROW_COUNT):
            more = ", or needs `columns`" if kind is Kind.UNIQUE else ""
            self.fault(node.line, f"`{kind}` belongs below a column{more}")
        return ()

    def severity(self, node: Node, said: str, kind: Kind | None = None) -> Severity:
        text = said.lower()
        if text not in tuple(Severity):
            self.fault(node.line, f"`severity` must be error, warn or quarantine (got {text!r})")
            return Severity.ERROR
        if text == Severity.QUARANTINE and not (kind and kind.by_row):
            told = f"`{kind}` tests" if kind else "files in sql/checks test"
            self.fault(node.line, f"{told} the table, not its rows: there is none to quarantine")
        return Severity(text)

    def distinct(self, tests: list[Test]) -> list[Test]:
        """See that no two tests bear one name: verdicts are found by it.

        Of those that were given none, the second is `…_2`; two that were given one are a fault.
        """
        seen: dict[str, Test] = {}
        for t in tests:
            name = t.name
            if t.name == default_name(t.kind, t.columns):
                name = next(n for n in numbered(t.name) if n.lower() not in seen)
            elif t.name.lower() in seen:
                self.fault(t.line, f"two tests are called `{t.name}`: give one another `name`")
            seen[name.lower()] = replace(t, name=name)
        return list(seen.values())


def _elements(node: Node, key: str) -> list[Node]:
    found = node.get(key)
    return found.elements() if found else []
