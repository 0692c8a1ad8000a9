"""The one type that holds the values of two others; pure text, as DuckDB names types."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from functools import reduce

from nomad.engine.typenames import element_of, fields_of, parts_of, shape

_DECIMAL = r"DECIMAL\((\d+),\s*(\d+)\)"
_MOST_DIGITS = 38
_DIGITS = {
    "TINYINT": 3, "SMALLINT": 5, "INTEGER": 10, "BIGINT": 19, "HUGEINT": 38,
    "UTINYINT": 3, "USMALLINT": 5, "UINTEGER": 10, "UBIGINT": 20, "UHUGEINT": 38,
}  # fmt: skip
_SIGNED = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT")
_UNSIGNED = ("UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT")
_REAL = ("FLOAT", "DOUBLE")
_EXACT_IN_FLOAT = ("TINYINT", "SMALLINT", "UTINYINT", "USMALLINT", "BOOLEAN")
_TIMES = (
    "DATE", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP", "TIMESTAMP_NS", "TIMESTAMP WITH TIME ZONE",
)  # fmt: skip
_APART = {"TIMESTAMP_NS", "TIMESTAMP WITH TIME ZONE"}
"""One is finer, the other an instant."""

_TIME = r"\bTIME"
_LONG = r"\b(U?BIGINT|U?HUGEINT|DECIMAL)\b"


def joined(one: str, other: str) -> str | None:
    """Name the type that holds what either does; None where there is none.

    Of whole numbers and reals it is DOUBLE, which rounds some: see `may_round`.

    Example:
        >>> joined("BIGINT", "VARCHAR"), joined("DATE", "BIGINT")
        ('VARCHAR', None)
        >>> joined("STRUCT(a BIGINT)", 'STRUCT(A DOUBLE, "b c" DATE)[]')
        >>> joined("STRUCT(a BIGINT)[]", 'STRUCT(A DOUBLE, "b c" DATE)[]')
        'STRUCT(a DOUBLE, "b c" DATE)[]'
        >>> joined("STRUCT(a BIGINT, b DOUBLE)", "MAP(VARCHAR, BIGINT)")
        'MAP(VARCHAR, DOUBLE)'
    """
    if other in (one, UNKNOWN):
        return one
    if one == UNKNOWN:
        return other
    if "JSON" in (one, other):
        return "JSON"
    join = _JOINS.get((shape(one), shape(other)))
    return join(one, other) if join else None


UNKNOWN = "NULL"
"""The type of what is NULL in each row; any other holds it."""


def retyped(kind: str, was: str, into: str) -> str:
    """Put one type for each of some others (a pattern) within a type; names of fields stay.

    Example:
        >>> retyped('STRUCT(a JSON[], "b JSON" JSON)', "JSON", "DATE")
        'STRUCT(a DATE[], "b JSON" DATE)'
    """
    pattern = rf'"(?:[^"]|"")*"|\b({was})(?=[,)\[]|$)'
    return re.sub(pattern, lambda m: into if m[1] else m[0], kind)


def of_json(kind: str, into: str) -> str:
    """Put another type for each JSON in a type."""
    return retyped(kind, "JSON", into)


def unknown(kind: str) -> str:
    """Give a type of landed JSON, in which JSON says that no value told its type."""
    return of_json(kind, UNKNOWN)


def as_json(kind: str) -> str:
    """Give a type back its JSON where no value told another one."""
    return retyped(kind, UNKNOWN, "JSON")


def would_be_cut(one: str, other: str) -> bool:
    """Tell two types that DuckDB would bring together, though none holds both.

    Example:
        >>> would_be_cut("TIMESTAMP_NS", "TIMESTAMP WITH TIME ZONE")
        True
    """
    apart = joined(one, other) is None
    return apart and all(re.search(_TIME, kind) for kind in (one, other))


def may_round(kind: str, into: str) -> bool:
    """Tell whether a value of one type may become another one, of the type that was joined.

    Example:
        >>> may_round("BIGINT", "DOUBLE"), may_round("INTEGER", "DOUBLE")
        (True, False)
    """
    return kind != into and any(r in into for r in _REAL) and re.search(_LONG, kind) is not None


def common_decimal(kinds: Iterable[str]) -> str | None:
    """Choose the DECIMAL that holds all of some types; None where they are other types.

    DuckDB's own choice has too few decimal places where 38 digits are not enough, and rounds.

    Example:
        >>> common_decimal(["DECIMAL(38,0)", "DECIMAL(18,2)"])
        'DECIMAL(38,2)'
        >>> common_decimal(["INTEGER", "DECIMAL(4,2)"])
        'DECIMAL(12,2)'
    """
    scales = {k: (int(m[1]), int(m[2])) for k in kinds if (m := re.fullmatch(_DECIMAL, k))}
    if not scales or any(k not in scales and k not in _DIGITS for k in kinds):
        return None
    scale = max(s for _, s in scales.values())
    whole = max(p - s for p, s in (scales.get(k, (_DIGITS.get(k, 0), 0)) for k in kinds))
    return f"DECIMAL({min(_MOST_DIGITS, whole + scale)},{scale})"


def _plain(one: str, other: str) -> str | None:
    kinds = {"VARCHAR" if kind.startswith("ENUM(") else kind for kind in (one, other)}
    if "VARCHAR" in kinds:
        return None if "BLOB" in kinds else "VARCHAR"
    if kinds <= set(_TIMES):
        return None if kinds == _APART else max(one, other, key=_TIMES.index)
    if not all(k in (*_DIGITS, *_REAL, "BOOLEAN") or re.fullmatch(_DECIMAL, k) for k in kinds):
        return None
    if real := kinds & set(_REAL):
        fits = all(k in ("FLOAT", *_EXACT_IN_FLOAT) for k in kinds)
        return "FLOAT" if fits and real == {"FLOAT"} else "DOUBLE"
    if "BOOLEAN" in kinds:
        return one if other == "BOOLEAN" else other
    return common_decimal((one, other)) or _whole(one, other)


def _whole(one: str, other: str) -> str | None:
    for ladder in (_SIGNED, _UNSIGNED):
        if one in ladder and other in ladder:
            return max(one, other, key=ladder.index)
    signed, unsigned = (one, other) if one in _SIGNED else (other, one)
    wide = _UNSIGNED.index(unsigned) + 1
    return _SIGNED[max(wide, _SIGNED.index(signed))] if wide < len(_SIGNED) else None


def _lists(one: str, other: str) -> str | None:
    element = joined(element_of(one), element_of(other))
    return element and f"{element}[]"


def _structs(one: str, other: str) -> str | None:
    """Take the fields of both by name; case makes no other field."""
    fields: dict[str, tuple[str, str]] = {}
    for name, kind in (*fields_of(one), *fields_of(other)):
        spelled, before = fields.get(name.lower(), (name, kind))
        both = joined(before, kind)
        if both is None:
            return None
        fields[name.lower()] = (spelled, both)
    return f"STRUCT({', '.join(f'{name} {kind}' for name, kind in fields.values())})"


def _maps(one: str, other: str) -> str | None:
    """See a struct as a map of its fields, as JSON is read where rows have ever other names."""
    pairs = [_pair(t) if shape(t) == "MAP" else _as_pair(t) for t in (one, other)]
    keys = reduce(_either, (k for k, _ in pairs))
    values = reduce(_either, (v for _, v in pairs))
    return f"MAP({keys}, {values})" if keys and values else None


def _either(one: str | None, other: str | None) -> str | None:
    return joined(one, other) if one and other else None


def _pair(kind: str) -> tuple[str | None, str | None]:
    key, value = parts_of(kind)
    return key, value


def _as_pair(struct: str) -> tuple[str | None, str | None]:
    kinds: list[str | None] = [kind for _, kind in fields_of(struct)]
    return "VARCHAR", reduce(_either, kinds)


_JOINS: Mapping[tuple[str, str], Callable[[str, str], str | None]] = {
    ("", ""): _plain,
    ("[", "["): _lists,
    ("STRUCT", "STRUCT"): _structs,
    ("MAP", "MAP"): _maps,
    ("MAP", "STRUCT"): _maps,
    ("STRUCT", "MAP"): _maps,
}
