"""Types that a source declares for its columns: what was delivered has to fit, to the last digit.

A cast that DuckDB makes of its own rounds: 1.5 is an INTEGER to it, and 1.23456 a DECIMAL(18,4).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from nomad.engine.instance import Session
from nomad.errors import ConfigError, QueryFailed, Refused
from nomad.extract.fitting import unfit
from nomad.names import did_you_mean, quote
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
    session: Session,
    select: str,
    held: Sequence[Column],
    types: Types,
    told: str,
    *,
    of_json: bool = False,
) -> None:
    """See that each value is one of its declared type, without a digit or an hour less.

    `of_json` is that text of a list, a struct or a map is spelled as JSON has it.

    Raises:
        Refused: one is not; its row and what it is are told.
    """
    own = {c.name: c.type for c in held}
    wrong = {
        name: unfit(quote(name), own[name], kind, of_json=of_json)
        for name, kind in apart(held, types).items()
    }
    if not wrong:
        return
    counts = ", ".join(f"count(*) FILTER (WHERE {condition})" for condition in wrong.values())
    (found,) = session.execute(f"SELECT {counts} FROM ({select})")
    for name, count in zip(wrong, found, strict=True):
        if count:
            example = _first(session, select, name, wrong[name])
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
