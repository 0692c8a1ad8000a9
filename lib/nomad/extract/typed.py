"""Types that a source declares for its columns: what was delivered has to fit, to the last digit.

A cast that DuckDB makes of its own rounds: 1.5 is an INTEGER to it, and 1.23456 a DECIMAL(18,4).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from nomad.engine.instance import Session
from nomad.errors import ConfigError, QueryFailed, Refused
from nomad.names import did_you_mean, literal, quote
from nomad.schema import Column

Types = Mapping[str, str]
"""DuckDB's names of types by the names of columns, in lower case."""


def known(session: Session, types: Mapping[str, str], source: str) -> Types:
    """Give types by the names that DuckDB has for them.

    Raises:
        ConfigError: it has no such type.
    """
    return {name.lower(): _known(session, name, kind, source) for name, kind in types.items()}


def _known(session: Session, name: str, kind: str, source: str) -> str:
    try:
        (column,) = session.describe(f"SELECT CAST(NULL AS {kind}) AS c")
    except (QueryFailed, ValueError) as e:
        raise ConfigError(
            f"source `{source}`: `columns`: `{name}` can't be {kind}",
            where="nomad.yaml",
            hint="write a type of DuckDB's, like VARCHAR, BIGINT, DECIMAL(18,4), DATE, TIMESTAMP",
        ) from e
    return column.type


def applied(schema: Sequence[Column], types: Types, told: str) -> tuple[Column, ...]:
    """Give columns the types that are declared for them.

    Raises:
        Refused: one that is declared is not there.
    """
    names = [c.name for c in schema]
    there = {n.lower() for n in names}
    if lost := next((n for n in types if n not in there), None):
        raise Refused(
            f"there is no column `{lost}`, which `columns` declares",
            where=told,
            hint=did_you_mean(lost, names) or f"there is: {', '.join(names)}",
        )
    return tuple(c._replace(type=types.get(c.name.lower(), c.type)) for c in schema)


def as_text(schema: Sequence[Column], types: Types) -> tuple[Column, ...]:
    """Give columns that have a declared type as the text that was delivered."""
    return tuple(c._replace(type="VARCHAR") if c.name.lower() in types else c for c in schema)


def apart(held: Sequence[Column], types: Types) -> dict[str, str]:
    """Name the columns that are not of their declared type, by their own names."""
    kinds = {c.name: types.get(c.name.lower(), c.type) for c in held}
    return {c.name: kinds[c.name] for c in held if kinds[c.name] != c.type}


def cast(held: Sequence[Column], types: Types) -> str:
    """List columns as SQL, each as its declared type."""
    others = apart(held, types)
    return ", ".join(
        f"CAST({quote(c.name)} AS {others[c.name]}) AS {quote(c.name)}"
        if c.name in others
        else quote(c.name)
        for c in held
    )


def refuse_unfit(
    session: Session, select: str, held: Sequence[Column], types: Types, told: str
) -> None:
    """See that each value is one of its declared type, without a digit or an hour less.

    Raises:
        Refused: one is not; its row and what it is are told.
    """
    own = {c.name: c.type for c in held}
    unfit = {n: _unfit(n, own[n], kind) for n, kind in apart(held, types).items()}
    if not unfit:
        return
    counts = ", ".join(f"count(*) FILTER (WHERE {wrong})" for wrong in unfit.values())
    (found,) = session.execute(f"SELECT {counts} FROM ({select})")
    for name, count in zip(unfit, found, strict=True):
        if count:
            example = _first(session, select, name, unfit[name])
            raise _refused(name, types[name.lower()], count, example, told)


def _first(session: Session, select: str, name: str, wrong: str) -> tuple[int, str]:
    numbered = f"SELECT row_number() OVER () AS place, * FROM ({select})"
    asked = f"SELECT place, {quote(name)}::VARCHAR FROM ({numbered}) WHERE {wrong} LIMIT 1"
    ((place, value),) = session.execute(asked)
    return int(place), str(value)


def _refused(name: str, kind: str, count: int, example: tuple[int, str], told: str) -> Refused:
    place, value = example
    which = f"row {place}" if count == 1 else f"{count} rows"
    also = "" if count == 1 else f", e.g. of row {place}"
    return Refused(
        f"`{name}` of {which} is no {kind}{also}: {value!r}",
        where=told,
        hint="fix the file at its source, or `columns:` of the source; nothing of it was landed",
    )


# What fits -------------------------------------------------------------------------------------

_WHOLE = re.compile(r"U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?")
_DECIMAL = re.compile(r"DECIMAL\(\d+,(\d+)\)")


def _unfit(name: str, held: str, kind: str) -> str:
    """Write the condition that a value of one type is none of another."""
    value = quote(name)
    made = f"TRY_CAST({value} AS {kind})"
    same = " AND ".join(
        (f"{made} IS NOT NULL", *(_of_text(value, made, kind) if held == "VARCHAR" else
         [f"TRY_CAST({made} AS {held}) IS NOT DISTINCT FROM {value}"]))
    )  # fmt: skip
    return f"({value} IS NOT NULL AND NOT ({same}))"


def _of_text(text: str, made: str, kind: str) -> Iterator[str]:
    """Write the conditions that text says just that."""
    bare = f"trim({text})"
    places = "0" if _WHOLE.fullmatch(kind) else (m := _DECIMAL.fullmatch(kind)) and m[1]
    if places:
        digits = literal(rf"[-+]?[0-9]*(\.[0-9]{{0,{places}}}0*)?")
        real = f"TRY_CAST({bare} AS DOUBLE) IS NOT DISTINCT FROM CAST({made} AS DOUBLE)"
        exponent = f"(contains(lower({bare}), 'e') AND {real})"
        yield f"(regexp_full_match({bare}, {digits}) OR {exponent})"
    if kind == "DATE":
        yield f"TRY_CAST({bare} AS TIMESTAMP) IS NOT DISTINCT FROM CAST({made} AS TIMESTAMP)"
    if kind in ("DATE", "TIMESTAMP"):
        yield f"NOT regexp_matches({bare}, {literal(_OFFSET)})"
    if kind.startswith("TIMESTAMP"):
        yield f"NOT regexp_matches({bare}, {literal(_FINER)})"


_OFFSET = r":[0-9.]+ ?(Z|[+-][0-9]{2}(:?[0-9]{2})?)$"
_FINER = r"\.[0-9]{6}0*[1-9]"
"""Less than a millionth of a second, which a TIMESTAMP doesn't hold."""
