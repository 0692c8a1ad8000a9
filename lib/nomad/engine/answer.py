"""A query's answer with its values as they are: as DuckDB's own texts, or as JSON can hold them.

Python has no month, no infinite date and no nanosecond; what went through it came out as another
value. Texts are made by DuckDB itself.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any, NamedTuple

from nomad.engine.faults import Place, guarded
from nomad.engine.interrupts import heeding
from nomad.engine.session import Session
from nomad.errors import QueryFailed
from nomad.names import quote

if TYPE_CHECKING:
    from duckdb.sqltypes import DuckDBPyType

    from nomad.engine.session import Relation

_NUMBERS = frozenset(
    {
        *(f"{u}{t}" for u in ("", "u") for t in ("tinyint", "smallint", "integer", "bigint")),
        "hugeint", "uhugeint", "float", "double", "decimal",
    }
)  # fmt: skip
_AS_TEXT = ("interval", "timestamp_ns")
_INFINITE = ("date", "timestamp", "timestamp_s", "timestamp_ms", "timestamp with time zone")
_NESTED = ("list", "array", "struct", "map")


class Answer(NamedTuple):
    """The columns' names, whether each holds numbers, and the rows."""

    columns: list[str]
    numeric: list[bool]
    rows: list[tuple[Any, ...]]


def in_text(session: Session, query: str, *, at: Place | None = None) -> Answer:
    """Run a query; every value is DuckDB's own text of it, or None."""
    if (relation := _relation(session, query, at)) is None:
        return Answer([], [], [])
    told = relation.project("CAST(COLUMNS(*) AS VARCHAR)")
    return _answer(relation, _rows(session, told, at))


def in_json(session: Session, query: str, *, at: Place | None = None) -> Answer:
    """Run a query; values are Python's, and a text where Python has none for it."""
    if (relation := _relation(session, query, at)) is None:
        return Answer([], [], [])
    casts = [_kept(f"c{i}", t) for i, t in enumerate(relation.types)]
    if all(cast == (f"c{i}", "NULL") for i, cast in enumerate(casts)):
        return _answer(relation, _rows(session, relation, at))
    listed = ", ".join(f"{value}, {text}" for value, text in casts)
    names = ", ".join(f"c{i}" for i in range(len(casts)))
    view = quote("the answer")
    wide = relation.query("the answer", f"SELECT {listed} FROM {view} AS t({names})")
    rows = _rows(session, wide, at)
    return _answer(relation, [tuple(map(_either, row[::2], row[1::2])) for row in rows])


def _relation(session: Session, query: str, at: Place | None) -> Relation | None:
    """Bind a query; one that can't be is run, since then DuckDB says in which line."""
    try:
        return guarded(lambda: session.con.sql(query), at)
    except QueryFailed:
        session.query(query, at=at)
        raise


def _rows(session: Session, relation: Relation, at: Place | None) -> list[tuple[Any, ...]]:
    """Run a relation; the SQL that DuckDB writes of it is not the user's, and not shown."""
    return guarded(lambda: heeding(session.con, relation.fetchall), at, marked=False)


def _answer(relation: Relation, rows: list[tuple[Any, ...]]) -> Answer:
    return Answer(list(relation.columns), [t.id in _NUMBERS for t in relation.types], rows)


def _either(value: object, text: object) -> object:
    return value if text is None else text


def _kept(name: str, kind: DuckDBPyType) -> tuple[str, str]:
    """Write the value of a column, and its text (or texts) where that says more, as SQL."""
    if kind.id == "interval":
        return "NULL", f"CAST({name} AS VARCHAR)"
    if kind.id == "timestamp_ns":
        return "NULL", f"replace(CAST({name} AS VARCHAR), ' ', 'T')"
    if kind.id in _INFINITE:
        return name, f"CASE WHEN isinf(CAST({name} AS TIMESTAMP)) THEN CAST({name} AS VARCHAR) END"
    value = f"CAST({name} AS {_plain(kind, _AS_TEXT)})" if _loses(kind, _AS_TEXT) else name
    if not _loses(kind, _INFINITE):
        return value, "NULL"
    texts = f"CAST({name} AS {_plain(kind, _AS_TEXT + _INFINITE)})"
    return value, f"CASE WHEN contains(CAST({name} AS VARCHAR), 'infinity') THEN {texts} END"


def _loses(kind: DuckDBPyType, types: Collection[str]) -> bool:
    """Tell whether a nested type holds one of some that Python cuts short."""
    if kind.id not in _NESTED:
        return kind.id in types
    return any(_loses(c, types) for _, c in _within(kind))


def _within(kind: DuckDBPyType) -> list[tuple[str, DuckDBPyType]]:
    """Name the types that a nested one is made of; the size of an array is not one."""
    from duckdb.sqltypes import DuckDBPyType

    return [(n, c) for n, c in kind.children if isinstance(c, DuckDBPyType)]


def _plain(kind: DuckDBPyType, types: Collection[str]) -> str:
    """Write a type with texts in place of some that Python cuts short."""
    if not _loses(kind, types):
        return str(kind)
    if kind.id not in _NESTED:
        return "VARCHAR"
    of = [(n, _plain(c, types)) for n, c in _within(kind)]
    if kind.id == "struct":
        return f"STRUCT({', '.join(f'{quote(n)} {c}' for n, c in of)})"
    if kind.id == "map":
        return f"MAP({of[0][1]}, {of[1][1]})"
    return f"{of[0][1]}[]"
