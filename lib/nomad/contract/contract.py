"""What a table promises: its columns, and the tests that its rows must pass.

Values only; `read` makes them from a file, `quality` applies them. A NULL breaks `not_null` and
nothing else: as in SQL, what is not known is not false.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from nomad.config.calendars import Calendar
from nomad.errors import ConfigError
from nomad.hashing import digest
from nomad.names import literal, quote

MERGE = "merge"


class Severity(StrEnum):
    """What a broken test does: stop the publish, be told, or take the rows to quarantine."""

    ERROR = "error"
    WARN = "warn"
    QUARANTINE = "quarantine"


class Evolution(StrEnum):
    """Which changes of a table's columns are published: none, or columns that are added."""

    STRICT = "strict"
    ADDITIVE = "additive"


class Kind(StrEnum):
    """What a test tests. ROW_COUNT and NULL_RATE test what is published as a whole, others rows."""

    NOT_NULL = "not_null"
    UNIQUE = "unique"
    ACCEPTED_VALUES = "accepted_values"
    RELATIONSHIPS = "relationships"
    RANGE = "range"
    REGEX = "regex"
    LENGTH = "length"
    EXPRESSION = "expression"
    ROW_COUNT = "row_count"
    NULL_RATE = "null_rate"

    @property
    def by_row(self) -> bool:
        """Whether single rows pass or break it."""
        return self not in (Kind.ROW_COUNT, Kind.NULL_RATE)


STAGED = quote("rows under test")
"""The name under which a row test finds the rows it judges."""


class Column(NamedTuple):
    """One declared column; `type` empty: any type will do."""

    name: str
    type: str = ""
    line: int = 0


@dataclass(frozen=True)
class Test:
    """One test: of what kind, over which columns, how grave, and the words given with it.

    `words` holds numbers, texts, booleans, or tuples of them; `where` limits it to some rows.
    `spelled` is the values of `accepted_values` as they stand in the file.
    """

    name: str
    kind: Kind
    columns: tuple[str, ...]
    severity: Severity = Severity.ERROR
    words: Mapping[str, object] = field(default_factory=dict)
    where: str = ""
    line: int = 0
    spelled: tuple[str, ...] = ()

    @property
    def by_row(self) -> bool:
        """Whether rows break it one by one."""
        return self.kind.by_row

    @property
    def related(self) -> str:
        """The table that `relationships` looks into, as spelled; else empty."""
        return str(self.words["to"]) if self.kind is Kind.RELATIONSHIPS else ""

    def broken(self, types: Mapping[str, str] | None = None) -> str:
        """Write the condition under which a row breaks the test, as SQL; NULL means it does not.

        `types` are those of the columns, by name in small letters; without, texts are compared.
        """
        if self.kind in _BY_TYPE:
            kind = (types or {}).get(self.columns[0].lower(), "")
            condition = _BY_TYPE[self.kind](self, kind)
        else:
            condition = _CONDITIONS[self.kind](self)
        return f"({self.where}\n) AND ({condition})" if self.where else condition

    def fingerprint(self) -> str:
        """Tell what of it can change rows or verdicts."""
        words = repr(sorted(self.words.items()))
        parts = (self.name, self.kind, *self.columns, self.severity, words, self.where)
        return digest(*parts, *(self.spelled if self.spelled != _texts(self) else ()))


@dataclass(frozen=True)
class Limit:
    """How many rows may go to quarantine: a count, or a share of all."""

    count: int | None = None
    share: float | None = None

    def allows(self, bad: int, rows: int) -> bool:
        """Tell whether so many bad rows of so many are few enough."""
        if self.count is not None:
            return bad <= self.count
        return self.share is None or bad <= self.share * rows

    def __str__(self) -> str:
        """As it was written."""
        return f"{self.share:.3%}" if self.share is not None else str(self.count)


class Freshness(NamedTuple):
    """Days after which the latest partition is late."""

    warn_after: float | None = None
    error_after: float | None = None

    @property
    def by_severity(self) -> tuple[tuple[Severity, float | None], ...]:
        """The two limits, the graver one first."""
        return (Severity.ERROR, self.error_after), (Severity.WARN, self.warn_after)


@dataclass(frozen=True)
class Contract:
    """One contract file.

    `lookback` is how many due dates, the last included, each run looks at; `calendar` says which
    are due; `outdated` says which of its words have new names.
    """

    path: str
    description: str = ""
    tags: tuple[str, ...] = ()
    columns: tuple[Column, ...] = ()
    tests: tuple[Test, ...] = ()
    unique_key: tuple[str, ...] = ()
    strategy: str = ""
    evolution: Evolution = Evolution.STRICT
    max_quarantined: Limit | None = None
    freshness: Freshness | None = None
    lookback: int = 0
    calendar: Calendar | None = None
    singular: Mapping[str, Severity] = field(default_factory=dict)
    outdated: tuple[ConfigError, ...] = field(default=(), compare=False, repr=False)

    @property
    def complete(self) -> bool:
        """Whether it names every column with its type: then no other column may be there."""
        return bool(self.columns) and all(c.type for c in self.columns)

    @property
    def quarantines(self) -> bool:
        """Whether a row can go to quarantine by it."""
        return any(t.severity == Severity.QUARANTINE for t in self.tests)

    @property
    def compares(self) -> bool:
        """Whether a date is compared with the one before it."""
        return any("max_change" in t.words for t in self.tests)

    @property
    def conditions(self) -> tuple[str, ...]:
        """What its tests say in SQL."""
        said = (c for t in self.tests for c in (t.where, t.words.get("expression")))
        return tuple(str(c) for c in said if c)

    @property
    def row_tests(self) -> tuple[Test, ...]:
        """The tests that rows pass one by one."""
        return tuple(t for t in self.tests if t.by_row)

    def order_by(self, columns: Iterable[str]) -> str:
        """Write the ORDER BY that sorts rows of these columns by the key; empty without one.

        Example:
            >>> Contract("x", unique_key=("id", "dt")).order_by(["ID", "amount"])
            ' ORDER BY "id"'
        """
        there = {c.lower() for c in columns}
        key = ", ".join(quote(c) for c in self.unique_key if c.lower() in there)
        return f" ORDER BY {key}" if key else ""

    def fingerprint(self) -> str:
        """Digest what can change rows or verdicts: not descriptions, tags or freshness."""
        return digest(
            *(f"{c.name} {c.type}" for c in self.columns),
            *(t.fingerprint() for t in self.tests),
            "key", *self.unique_key,
            self.strategy, self.evolution, str(self.max_quarantined),
        )  # fmt: skip


# Conditions --------------------------------------------------------------------------------------


def _value(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and not math.isfinite(value):
        return f"CAST({literal(str(value))} AS DOUBLE)"
    return repr(value) if isinstance(value, (int, float)) else literal(str(value))


def _listed(test: Test) -> tuple[object, ...]:
    values = test.words["values"]
    return values if isinstance(values, tuple) else (values,)


def _one(test: Test) -> str:
    return quote(test.columns[0])


def _texts(test: Test) -> tuple[str, ...]:
    """Give the accepted values as YAML reads them."""
    values = (v for v in _listed(test) if v is not None) if "values" in test.words else ()
    return tuple(str(v).lower() if isinstance(v, bool) else str(v) for v in values)


_WHOLE = r"U?(TINYINT|SMALLINT|INTEGER|BIGINT|HUGEINT)"
_SCALED = r"DECIMAL\(\d+,(\d+)\)"
_CAST = r"FLOAT|DOUBLE|DATE|TIME.*|UUID|BOOLEAN"


def _accepted_values(test: Test, kind: str) -> str:
    """Compare as values of the column's type; of a text, a value is what stands in the file.

    dbt's users quote numbers, or not: either meets a column of either kind.
    """
    column = _one(test)
    read = _texts(test)
    spelled = test.spelled or read
    if kind == "BOOLEAN":
        both = zip(read, spelled, strict=True)
        spelled = tuple(r if r in ("true", "false") else s for r, s in both)
    if re.fullmatch(_WHOLE, kind) or re.fullmatch(_SCALED, kind):
        spelled = tuple(s for s in spelled if _fits(s, kind))
    elif not re.fullmatch(_CAST, kind):
        column, kind = f"CAST({column} AS VARCHAR)", "VARCHAR"
    listed = ", ".join(f"TRY_CAST({literal(s)} AS {kind})" for s in spelled)
    found = f"coalesce({column} IN ({listed}), false)" if listed else "false"
    return f"{_one(test)} IS NOT NULL AND NOT {found}"


def _fits(text: str, kind: str) -> bool:
    """Tell whether a number is one of the type as it is: a cast would round it to another one."""
    from decimal import Context, Decimal, InvalidOperation  # most contracts list no numbers

    precise = Context(prec=100)
    scale = int(match[1]) if (match := re.fullmatch(_SCALED, kind)) else 0
    try:
        number = Decimal(text)
        return number == number.quantize(Decimal(1).scaleb(-scale), context=precise)
    except InvalidOperation:
        return True


def _between(subject: str, test: Test) -> str:
    more, less = (">", "<") if test.words.get("exclusive") else (">=", "<=")
    bounds = ((more, test.words.get("min")), (less, test.words.get("max")))
    kept = [f"{subject} {sign} {_value(v)}" for sign, v in bounds if v is not None]
    return f"NOT ({' AND '.join(kept)})"


def _length(test: Test, kind: str) -> str:
    """Count the elements of a list, the entries of a map; of all else the letters."""
    subject = f"length(CAST({_one(test)} AS VARCHAR))"
    if kind.endswith("]"):
        subject = f"len({_one(test)})"
    elif kind.startswith("MAP("):
        subject = f"cardinality({_one(test)})"
    if (exact := test.words.get("equal")) is not None:
        return f"{subject} <> {_value(exact)}"
    return _between(subject, test)


def _unique(test: Test) -> str:
    """Every row whose key another row has as well; a key with a NULL in it is no key."""
    key = ", ".join(quote(c) for c in test.columns)
    there = " AND ".join(f"{quote(c)} IS NOT NULL" for c in test.columns)
    where = f" AND ({test.where})" if test.where else ""
    twice = f"SELECT {key} FROM {STAGED} WHERE {there}{where} GROUP BY ALL HAVING count(*) > 1"
    return f"{there} AND ({key}) IN ({twice})"


def _relationships(test: Test) -> str:
    field_ = quote(str(test.words["field"]))
    parent = quote(f"parent of {test.name}")
    known = f"SELECT {field_} FROM {parent} WHERE {field_} IS NOT NULL"
    return f"{_one(test)} IS NOT NULL AND {_one(test)} NOT IN ({known})"


def _expression(test: Test) -> str:
    said = str(test.words["expression"])
    return f"NOT ({_one(test)} {said}\n)" if test.columns else f"NOT ({said}\n)"


_BY_TYPE: Mapping[Kind, Callable[[Test, str], str]] = {
    Kind.ACCEPTED_VALUES: _accepted_values,
    Kind.LENGTH: _length,
}
"""Those that go by the column's type."""

_CONDITIONS: Mapping[Kind, Callable[[Test], str]] = {
    Kind.NOT_NULL: lambda t: f"{_one(t)} IS NULL",
    Kind.UNIQUE: _unique,
    Kind.RELATIONSHIPS: _relationships,
    Kind.RANGE: lambda t: _between(_one(t), t),
    Kind.REGEX: lambda t: (
        f"NOT regexp_matches(CAST({_one(t)} AS VARCHAR), {_value(t.words['pattern'])})"
    ),
    Kind.EXPRESSION: _expression,
}
