"""Conditions that a value doesn't fit its declared type: to the last digit, as deep as it goes.

A cast that DuckDB makes of its own rounds numbers and times, and leaves out offsets.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from nomad.engine.typenames import bare, element_of, fields_of, leaves_as, parts_of, shape
from nomad.names import literal


def unfit(value: str, held: str, kind: str, *, of_json: bool = False, depth: int = 0) -> str:
    """Write the condition that a value (SQL) of one type is none of another.

    `of_json` is that text of a list, a struct or a map is spelled as JSON has it. `depth` is how
    many lists it lies within.
    """
    if held == kind:
        return "false"
    if shape(kind) in _MADE_OF_OTHERS and held in ("VARCHAR", "JSON"):
        texts = leaves_as(kind, "VARCHAR")
        read = f"TRY_CAST({value} AS JSON)" if of_json else value
        read = f"TRY_CAST({read} AS {texts})"
        wrong = f"{read} IS NULL OR {unfit(read, texts, kind, depth=depth)}"
        return f"({value} IS NOT NULL AND ({wrong}))"
    match shape(held), shape(kind):
        case "[", "[":
            return _any_unfit(value, element_of(held), element_of(kind), depth)
        case "STRUCT", "STRUCT":
            return _or(_unfit_fields(value, held, kind, depth))
        case "MAP", "MAP":
            pairs = zip(("keys", "values"), parts_of(held), parts_of(kind), strict=True)
            return _or(
                _any_unfit(f"map_{which}({value})", own, other, depth)
                for which, own, other in pairs
            )
        case _:
            return _unfit_leaf(value, held, kind)


_MADE_OF_OTHERS = ("[", "STRUCT", "MAP")


def _or(conditions: Iterator[str]) -> str:
    return f"({' OR '.join(conditions)})"


def _any_unfit(values: str, held: str, kind: str, depth: int) -> str:
    one = f"_{depth}"
    wrong = unfit(one, held, kind, depth=depth + 1)
    if wrong == "false":
        return wrong
    return f"len(list_filter({values}, lambda {one}: {wrong})) > 0"


def _unfit_fields(value: str, held: str, kind: str, depth: int) -> Iterator[str]:
    """Write the conditions for the fields of a struct; one that would go unread doesn't fit."""
    wanted = {bare(name).lower(): below for name, below in fields_of(kind)}
    for name, below in fields_of(held):
        field = f"struct_extract({value}, {literal(bare(name))})"
        other = wanted.get(bare(name).lower())
        yield unfit(field, below, other, depth=depth) if other else f"{field} IS NOT NULL"


def _unfit_leaf(value: str, held: str, kind: str) -> str:
    made = f"TRY_CAST({value} AS {kind})"
    if held == "VARCHAR":
        fits = _of_text(value, made, kind)
    elif "TIME ZONE" in held and kind in _ZONELESS:
        return f"({value} IS NOT NULL)"
    else:
        fits = iter([f"TRY_CAST({made} AS {held}) IS NOT DISTINCT FROM {value}"])
    same = " AND ".join((f"{made} IS NOT NULL", *fits))
    return f"({value} IS NOT NULL AND NOT ({same}))"


# What text says ----------------------------------------------------------------------------------

_WHOLE = re.compile(r"U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?")
_DECIMAL = re.compile(r"DECIMAL\(\d+,(\d+)\)")

_PLACES = {
    "TIME": 6, "TIME WITH TIME ZONE": 6, "TIME_NS": 9, "TIMESTAMP_S": 0, "TIMESTAMP_MS": 3,
    "TIMESTAMP": 6, "TIMESTAMP WITH TIME ZONE": 6, "TIMESTAMP_NS": 9,
}  # fmt: skip
"""How many digits of a second a type holds."""

_ZONELESS = ("DATE", *(kind for kind in _PLACES if "ZONE" not in kind))


def _of_text(text: str, made: str, kind: str) -> Iterator[str]:
    """Write the conditions that text says just that."""
    bare_text = f"trim({text})"
    places = "0" if _WHOLE.fullmatch(kind) else (m := _DECIMAL.fullmatch(kind)) and m[1]
    if places:
        digits = literal(rf"[-+]?[0-9]*(\.[0-9]{{0,{places}}}0*)?")
        real = f"TRY_CAST({bare_text} AS DOUBLE) IS NOT DISTINCT FROM CAST({made} AS DOUBLE)"
        exponent = f"(contains(lower({bare_text}), 'e') AND {real})"
        yield f"(regexp_full_match({bare_text}, {digits}) OR {exponent})"
    if kind == "DATE":
        yield f"TRY_CAST({bare_text} AS TIMESTAMP) IS NOT DISTINCT FROM CAST({made} AS TIMESTAMP)"
    if kind in _ZONELESS:
        yield f"NOT regexp_matches({bare_text}, {literal(_OFFSET)})"
    if kind.startswith("TIME") and not kind.startswith("TIMESTAMP"):
        yield f"NOT regexp_matches({bare_text}, {literal(_DAY)})"
    if kind in _PLACES:
        finer = rf":[0-9]{{1,2}}\.[0-9]{{{_PLACES[kind]}}}0*[1-9]"
        yield f"NOT regexp_matches({bare_text}, {literal(finer)})"


_OFFSET = r"(?i):[0-9.]+ ?(Z|UTC|[+-][0-9]{2}(:?[0-9]{2}){0,2})$"
_DAY = r"^[0-9]+[-/]"
