"""One SQL file: its variables, statements, and the tables it reads.

The text is rendered first (a bare `$<PARTITION_DATE>` is no SQL to any parser), then parsed. The
date stays a sentinel of the same shape until a partition is built: a file is parsed once, however
many dates it runs for, and known as plain values from then on.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from nomad.errors import SqlFileError
from nomad.names import quote
from nomad.partitions import Partition
from nomad.sqlfile.lexing import without_values
from nomad.sqlfile.variables import DATE, dated, names_date, render

__all__ = [
    "DATE", "CatalogMacro", "Opinion", "Ref", "SqlFile", "from_body", "names_date",
    "no_opinion", "render", "replacing", "to_body", "used",
]  # fmt: skip


class Ref(NamedTuple):
    """A table as the SQL spells it; `schema` and `database` are empty where it names none."""

    name: str
    schema: str = ""
    database: str = ""
    line: int = 1

    def __str__(self) -> str:
        return ".".join(part for part in (self.database, self.schema, self.name) if part)


class SqlFile(NamedTuple):
    """A parsed file. `setup` runs before `query`, in one session; the date is still open.

    `volatile` says why the result may differ though no input changed, or is None; `exclusive`
    tells that a statement changes settings of the whole DuckDB instance; `outputs` are the names of
    the query's columns, where its text tells them; `ordered`: it says in which order its rows are;
    `same_day`: what it reads for one date it reads for any, and no statement stands before it;
    `listed` are the columns that its statement names, of which the query must yield as many.
    """

    path: str
    description: str
    setup: tuple[str, ...]
    query: str
    line: int
    refs: tuple[Ref, ...]
    partitioned: bool
    volatile: str | None
    exclusive: bool
    sql_hash: str
    outputs: tuple[str, ...] = ()
    ordered: bool = False
    same_day: bool = False
    listed: tuple[str, ...] = ()

    def statements(self, partition: Partition | None) -> tuple[tuple[str, ...], str]:
        """Give the setup statements and the query as they run for one partition."""
        return tuple(dated(s, partition) for s in self.setup), dated(self.query, partition)


Opinion = Callable[[Sequence[str]], Sequence[Any]]
"""How DuckDB parses queries: what `json_serialize_sql` says of each, or None."""


class CatalogMacro(NamedTuple):
    """A macro that a migration of the catalog makes: its schema, its name, and its CREATE."""

    schema: str
    name: str
    text: str

    @property
    def key(self) -> tuple[str, str]:
        """Its schema and its name as DuckDB compares them."""
        return self.schema.lower(), self.name.lower()

    @property
    def statements(self) -> tuple[str, ...]:
        """What makes it in an empty database."""
        made = (f"CREATE SCHEMA IF NOT EXISTS {quote(self.schema)}",) if self.schema else ()
        return (*made, self.text)


_WORD = r"\w+"
_NAME = r'(?:\w+|"(?:[^"]|"")+")'
_DEFINED = (
    r"(?i)\bcreate\s+(?:or\s+replace\s+)?(?:temp(?:orary)?\s+)?(?:macro|function)\s+"
    rf"(?:if\s+not\s+exists\s+)?(?:({_NAME})\s*\.\s*)?({_NAME})"
)


def used(text: str, macros: Sequence[CatalogMacro]) -> tuple[CatalogMacro, ...]:
    """Give the macros of the catalog that a text may call, and those that these call, those first.

    A text's own macro of the same name stands before that of the catalog.
    """
    if not macros:
        return ()
    own = _defined(text)
    found = [m for m in _named(text, macros) if m.key not in own]
    for macro in found:
        found += (m for m in _named(macro.text, macros) if m not in found)
    return tuple(_callees_first([m for m in macros if m in found]))


def _named(text: str, macros: Sequence[CatalogMacro]) -> list[CatalogMacro]:
    words, lower = {w.lower() for w in re.findall(_WORD, text)}, text.lower()
    return [m for m in macros if (n := m.key[1]) in words or (not _is_word(n) and n in lower)]


def _is_word(name: str) -> bool:
    return re.fullmatch(_WORD, name) is not None


def _defined(text: str) -> set[tuple[str, str]]:
    """Give the keys of the macros that a text makes itself."""
    if "create" not in text.lower():
        return set()
    try:
        found = re.findall(_DEFINED, without_values(text, path="query"))
    except SqlFileError:
        return set()
    return {(_plain(schema), _plain(name)) for schema, name in found}


def _plain(name: str) -> str:
    return (name[1:-1].replace('""', '"') if name.startswith('"') else name).lower()


def _callees_first(macros: Sequence[CatalogMacro]) -> list[CatalogMacro]:
    """Put macros that others call before these: DuckDB makes none that calls what isn't there."""
    found: dict[CatalogMacro, None] = {}
    begun: set[CatalogMacro] = set()

    def put(macro: CatalogMacro) -> None:
        if macro not in begun:
            begun.add(macro)
            for other in macros:
                if re.search(rf'\b{re.escape(other.name)}"?\s*\(', macro.text, re.IGNORECASE):
                    put(other)
            found[macro] = None

    for macro in macros:
        put(macro)
    return list(found)


_CREATE = r"(?i)\s*create\s+((?:temp(?:orary)?\s+)?(?:macro|function)\s+)(?:if\s+not\s+exists\s+)?"


def replacing(create: str) -> str:
    """Have a CREATE MACRO take the place of a macro of that name, where there may be one.

    Example:
        >>> replacing("create macro f(x) as x"), replacing("CREATE SCHEMA IF NOT EXISTS s")
        ('CREATE OR REPLACE macro f(x) as x', 'CREATE SCHEMA IF NOT EXISTS s')
    """
    return re.sub(_CREATE, r"CREATE OR REPLACE \1", create, count=1)


def no_opinion(queries: Sequence[str]) -> Sequence[Any]:
    """Know nothing of any query."""
    return [None] * len(queries)


def from_body(body: dict[str, Any]) -> SqlFile:
    """Read a file back from the plain values, as a cache keeps them."""
    refs = tuple(Ref(**r) for r in body["refs"])
    lists = {name: tuple(body[name]) for name in ("setup", "outputs", "listed")}
    return SqlFile(**{**body, **lists, "refs": refs})


def to_body(file: SqlFile) -> dict[str, Any]:
    """Turn a file into plain values."""
    return {**file._asdict(), "refs": [r._asdict() for r in file.refs]}
