"""JSON read whole: types that hold for every row, and no number rounded.

DuckDB reads a number as BIGINT, HUGEINT or DOUBLE. A file with one that none of them holds exactly
is written anew, with that number as text, and so is one with numbers in what is text or a DECIMAL;
all else stays as delivered.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from nomad.engine.instance import Session
from nomad.engine.joined import of_json, retyped
from nomad.engine.typenames import leaves_as, text_alone
from nomad.errors import QueryFailed
from nomad.extract import exact
from nomad.extract.exact import Exact, Numbers
from nomad.extract.renames import renamed
from nomad.extract.spelling import by_types
from nomad.names import literal, quote
from nomad.schema import NO_ROWS, Column

_LONG = r"[0-9][0-9.]{15}|[0-9][eE][-+]?[0-9]{3}"
"""Where a number may be longer than a DOUBLE is exact: 15 digits always are."""

_NUMBER = r"(?:^|[:\[,\s])(-?[0-9]+(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?)"
_LONG_WHOLE = r"(^|[^0-9.eE+-])-?[0-9]{16,}([^0-9.eE]|$)"

_DAY = r"\d{4}-\d\d-\d\d"
_MOMENT = _DAY + r"[ T]\d\d:\d\d(:\d\d(\.\d{1,6})?)?"
_ZONED = _MOMENT + r"(Z|[+-]\d\d(:\d\d)?)"
_TIMES = (("DATE", _DAY), ("TIMESTAMP", _MOMENT), ("TIMESTAMP WITH TIME ZONE", _ZONED))
"""Types that text is read as where all of a column is spelled so, each with its spelling."""


class Prepared(NamedTuple):
    """A file that tells its columns' types: the one that was landed, or what was made of it.

    `renamed` are its columns' new names, `rounds` is that a number may not be read as written.
    """

    path: Path
    renamed: Mapping[str, str] = MappingProxyType({})
    rounds: bool = False


def beside(path: Path) -> Path:
    """Name the file that is made of another to find its types."""
    return path.with_name(f".{path.name}.prepared{path.suffix}")


def prepare(session: Session, path: Path, rename: Mapping[str, str]) -> Prepared:
    """Make a file of one where a number would be rounded, or a column is to have another name."""
    rounds = _rounds(session, path)
    if not rename and not rounds:
        return Prepared(path)
    numbers = Numbers()
    clashes = exact.clashes(_values(session, path, numbers)) if rounds else frozenset()
    if not (rename or clashes or numbers.inexact):
        return Prepared(path)
    new = renamed(_structure(session, path), rename) if rename else {}
    as_told, target = Exact(clashes, new), beside(path)
    exact.write(target, (as_told.written(value) for value in _values(session, path, numbers)))
    return Prepared(target, new, rounds)


def settle(session: Session, path: Path, prepared: Prepared, schema: Sequence[Column]) -> None:
    """Leave a file as it is read by the types of its columns: each number as it was spelled.

    DuckDB spells a number anew where it makes text of it, and makes a DECIMAL by way of a DOUBLE.
    """
    if prepared.rounds or _is_changed(session, prepared.path, schema):
        change = by_types({c.name: c.type for c in schema}, prepared.renamed)
        exact.write(path, (change(value) for value in _values(session, path, Numbers())))
        if prepared.path != path:
            prepared.path.unlink()
    elif prepared.path != path:
        prepared.path.replace(path)


def _values(session: Session, path: Path, numbers: Numbers) -> Iterator[Any]:
    return exact.values(session, f"SELECT json::VARCHAR {_objects(path)}", numbers)


def _is_changed(session: Session, path: Path, schema: Sequence[Column]) -> bool:
    decimals = [c for c in schema if "DECIMAL" in c.type]
    texts = [c for c in schema if text_alone(c.type)]
    return bool(decimals and _is_rounded(session, path, decimals)) or bool(
        texts and _has_odd_numbers(session, path) and _has_numbers(session, path, texts)
    )


def _is_rounded(session: Session, path: Path, decimals: Sequence[Column]) -> bool:
    """Tell whether numbers are others than their text says; what is no number, others refuse."""
    names = [quote(c.name) for c in decimals]
    texts = (f"TRY_CAST({n} AS {c.type})" for n, c in zip(names, decimals, strict=True))
    spelled = _as(path, {c.name: leaves_as(c.type, "VARCHAR") for c in decimals})
    try:
        read = session.execute(
            f"SELECT {_sums(names)} {_as(path, {c.name: c.type for c in decimals})}"
        )
        return read != session.execute(f"SELECT {_sums(texts)} {spelled}")
    except QueryFailed:
        return False


_ODD = r"[0-9]\.[0-9]+0([^0-9]|$)|[0-9][eE]|0\.0000|[0-9]{16}"
"""A number, perhaps, that DuckDB would spell otherwise."""


def _has_odd_numbers(session: Session, path: Path) -> bool:
    where = f"regexp_matches(json, {literal(_ODD)})"
    return bool(session.execute(f"SELECT 1 {_objects(path)} WHERE {where} LIMIT 1"))


def _has_numbers(session: Session, path: Path, texts: Sequence[Column]) -> bool:
    """Tell whether there is perhaps a number with decimal places in what is read as text."""
    kinds = {c.name: text_alone(c.type) or "JSON" for c in texts}
    told = " OR ".join(_odd_within(quote(name), kind) for name, kind in kinds.items())
    try:
        return bool(session.execute(f"SELECT 1 {_as(path, kinds)} WHERE {told} LIMIT 1"))
    except QueryFailed:  # it isn't of that type: others refuse it
        return False


def _odd_within(name: str, kind: str) -> str:
    if kind == "JSON":
        alone = f"NOT starts_with({name}::VARCHAR, '\"')"
        return f"({alone} AND regexp_matches({name}::VARCHAR, {literal(_PLACES)}))"
    return f"regexp_matches(to_json({name})::VARCHAR, {literal(_PLACES)})"


_PLACES = r"(^|[:,\[])-?[0-9]+(\.|[eE])"


def _sums(values: Iterable[str]) -> str:
    return ", ".join(f"sum(hash({value}))" for value in values)


def columns(session: Session, path: Path) -> tuple[Column, ...]:
    """Name the columns and types that hold for all rows; none, where there are no rows.

    Raises:
        QueryFailed: the file is no JSON, or has what no table can hold.
    """
    found = _described(session, path)
    _refuse_odd_names(session, path, [c.name for c in found])
    if [c.name for c in found] == ["json"] and not _any(session, path, f"NOT ({_NO_FIELD})"):
        return NO_ROWS if _any(session, path, "true") else ()
    return _settled(session, path, found)


def _described(session: Session, path: Path) -> Sequence[Column]:
    """Name the columns and types as DuckDB finds them, or as maps what it can't make structs of."""
    try:
        return session.describe(_whole(path))
    except QueryFailed as e:
        found = _maps(_structure(session, path)) if "Duplicate name" in e.what else None
        if found is None:
            raise
        return found


def _maps(structure: Mapping[str, object]) -> list[Column] | None:
    """Give the columns of rows of texts and of objects of texts, those as maps.

    Names in a map may differ only in case, those in a struct may not. None where rows hold more.

    Example:
        >>> _maps({"id": "VARCHAR", "fields": {"a": "VARCHAR", "A": "VARCHAR"}})[1].type
        'MAP(VARCHAR, VARCHAR)'
        >>> _maps({"a": "VARCHAR", "A": {"b": "VARCHAR", "B": {"c": "VARCHAR"}}})
    """
    kinds = {name: _map(held) for name, held in structure.items()}
    if None in kinds.values() or len({n.lower() for n in kinds}) < len(kinds):
        return None
    return [Column(name, str(kind)) for name, kind in kinds.items()]


def _map(held: object) -> str | None:
    if isinstance(held, dict):
        texts = all(kind in ("VARCHAR", "NULL") for kind in held.values())
        return "MAP(VARCHAR, VARCHAR)" if texts else None
    return {"VARCHAR": "VARCHAR", "NULL": "JSON"}.get(str(held))


def _structure(session: Session, path: Path) -> dict[str, object]:
    """Give the names of all rows as they are spelled, each with what it holds."""
    (told,) = session.execute(f"SELECT json_group_structure(json) {_objects(path)}")[0]
    found = json.loads(told)
    return found if isinstance(found, dict) else {}


_NO_FIELD = "json_type(json) = 'NULL' OR (json_type(json) = 'OBJECT' AND json_keys(json) = [])"
"""Whether a row has no field: `json` is then not the name of one, but DuckDB's own."""


def _any(session: Session, path: Path, condition: str) -> bool:
    return bool(session.execute(f"SELECT 1 {_objects(path)} WHERE {condition} LIMIT 1"))


def _file(path: Path) -> str:
    """Name the file to a reader, which is to take no column from the folders above it."""
    return f"[{literal(str(path))}], format='auto', hive_partitioning=false"


def _whole(path: Path) -> str:
    return f"FROM read_json({_file(path)}, sample_size=-1)"


def _objects(path: Path) -> str:
    """Read each row as its text, character by character as delivered."""
    return f"FROM read_json_objects({_file(path)})"


def _as(path: Path, types: Mapping[str, str]) -> str:
    told = ", ".join(f"{literal(n)}: {literal(kind)}" for n, kind in types.items())
    return f"FROM read_json({_file(path)}, columns={{{told}}})"


def _as_text(path: Path, names: Iterable[str]) -> str:
    return _as(path, dict.fromkeys(names, "VARCHAR"))


# Names -----------------------------------------------------------------------------------------


def _refuse_odd_names(session: Session, path: Path, names: Sequence[str]) -> None:
    """Refuse names that DuckDB would replace by its own, and then read nothing there.

    Of two that differ only in case it numbers the second; one without a letter it calls `C0`.
    """
    lower = {n.lower() for n in names}
    numbered = (re.fullmatch(r"(.*)_\d+", n, re.DOTALL) for n in names)
    if not any((m and m[1].lower() in lower) for m in numbered) and not any(
        re.fullmatch(r"C\d+", n) for n in names
    ):
        return
    seen: dict[str, str] = {}
    for name in _structure(session, path):
        if not name:
            raise QueryFailed("a value has no name")
        if (twin := seen.setdefault(name.lower(), name)) != name:
            raise QueryFailed(f"`{twin}` and `{name}` differ only in case")


# Types -----------------------------------------------------------------------------------------


def _settled(session: Session, path: Path, found: Sequence[Column]) -> tuple[Column, ...]:
    """Take dates and times only where every text is spelled as one; where rows differ, text."""
    names = [c.name for c in found if c.type == "JSON" or _is_text(c)]
    found = [c if c.name in names else _nested(session, path, c) for c in found]
    if not names:
        return tuple(found)
    facts = [f for n in names for f in (f"count({quote(n)})", *_spellings(n))]
    (row,) = session.execute(f"SELECT {', '.join(facts)} {_as_text(path, names)}")
    each = len(_TIMES) + 1
    told = {n: row[i * each : (i + 1) * each] for i, n in enumerate(names)}
    return tuple(c._replace(type=_type(c, told[c.name])) if c.name in told else c for c in found)


_TIME_WITHIN = r"TIMESTAMP WITH TIME ZONE|TIMESTAMP\w*|DATE|TIME|UUID"


def _plain(kind: str) -> str:
    """Have text within lists and structs stay text.

    Example:
        >>> _plain("STRUCT(date DATE, t TIMESTAMP[])")
        'STRUCT(date VARCHAR, t VARCHAR[])'
    """
    return retyped(kind, _TIME_WITHIN, "VARCHAR")


def _nested(session: Session, path: Path, column: Column) -> Column:
    """Settle a list, struct or map: what differs in kind within it is text, as on its own.

    Where nothing is there at all (`[]`, or null in each row) DuckDB says JSON too, and that stays:
    a later date tells the type. Values of several kinds are never all dates.
    """
    kind = _plain(column.type)
    if of_json(kind, "DATE") != kind:
        try:
            session.execute(f"SELECT max({quote(column.name)}::VARCHAR)"
                            f" {_as(path, {column.name: of_json(kind, 'DATE')})}")  # fmt: skip
        except QueryFailed:
            kind = of_json(kind, "VARCHAR")
    return column._replace(type=kind)


def _is_text(column: Column) -> bool:
    return column.type in ("VARCHAR", "UUID", "TIME") or column.type in (t for t, _ in _TIMES)


def _spellings(name: str) -> Iterator[str]:
    """Ask of each type whether every text is one of its values, spelled in full."""
    for kind, spelling in _TIMES:
        text = quote(name)
        good = f"regexp_full_match({text}, {literal(spelling)})"
        good += f" AND try_cast({text} AS {kind}) IS NOT NULL"
        yield f"coalesce(bool_and({good}) FILTER ({text} IS NOT NULL), false)"


def _type(column: Column, told: Sequence[Any]) -> str:
    count, *fits = told
    if column.type == "JSON":
        return "VARCHAR" if count else column.type
    return next((kind for (kind, _), fit in zip(_TIMES, fits, strict=True) if fit), "VARCHAR")


# Numbers ---------------------------------------------------------------------------------------


def _rounds(session: Session, path: Path) -> bool:
    """Tell whether some number may not be read as it was written."""
    long = (
        f"SELECT json::VARCHAR AS t {_objects(path)} WHERE regexp_matches(json, {literal(_LONG)})"
    )
    numbers = f"SELECT unnest(regexp_extract_all(t, {literal(_NUMBER)}, 1)) AS n FROM ({long})"
    (row,) = session.execute(
        f"SELECT count(*) FILTER (NOT exact), count(*) FILTER (whole)"
        f" FROM (SELECT regexp_full_match(n, '-?[0-9]+') AS whole,"
        " CASE WHEN whole THEN try_cast(n AS BIGINT) IS NOT NULL"
        " ELSE coalesce(try_cast(n AS DOUBLE)::VARCHAR = n, false) END AS exact"
        f" FROM ({numbers}) WHERE length(n) > 15 OR contains(lower(n), 'e'))"
    )
    return bool(row[0]) or (bool(row[1]) and _wholes_among_reals(session, path))


def _wholes_among_reals(session: Session, path: Path) -> bool:
    """Tell whether a column of DOUBLE may hold a whole number that is none of its values."""
    names = [c.name for c in _described(session, path) if "DOUBLE" in c.type]
    if not names:
        return False
    asked = (f"coalesce(bool_or(regexp_matches({quote(n)}, {literal(_LONG_WHOLE)})), false)"
             for n in names)  # fmt: skip
    return bool(session.execute(f"SELECT {' OR '.join(asked)} {_as_text(path, names)}")[0][0])
