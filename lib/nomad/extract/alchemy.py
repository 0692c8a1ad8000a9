"""The way to any database that SQLAlchemy knows: its one adapter."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nomad.errors import ConfigError, NomadError, Refused, SourceMissing, Unreachable, hide
from nomad.extract import frames
from nomad.extract.asking import (
    bounds,
    chosen,
    column_named,
    named,
    refuse_twins,
    relation,
    takes_valueless,
)
from nomad.extract.base import Bounds, Request
from nomad.extract.extras import needing
from nomad.extract.lines import Odd
from nomad.schema import Column

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

_AT_A_TIME = 10_000
"""Rows that are asked for at once."""


@contextmanager
def connected(request: Request) -> Iterator[Connection]:
    """Connect to the database of a source's `url`.

    Raises:
        ConfigError: SQLAlchemy or the driver is not installed, or what is asked is not understood.
        Unreachable: the database can't be reached, or doesn't let one in.
        Refused: a value can't be handed over.
        SourceMissing: a SQLite file is not there.
    """
    with needing("connector `sql` needs SQLAlchemy", "sql"):
        from sqlalchemy import exc
    try:
        with _engine(request).connect().execution_options(stream_results=True) as connection:
            yield connection
    except (exc.SQLAlchemyError, ImportError, Odd) as e:
        raise _translated(e, request) from e


def _engine(request: Request) -> Engine:
    import sqlalchemy
    from sqlalchemy.pool import NullPool

    url = sqlalchemy.make_url(str(request.source.options["url"]))
    hide(url.password or "")
    if url.get_backend_name() == "sqlite" and url.database and url.database != ":memory:":
        path = request.root / url.database
        if not path.is_file():
            raise SourceMissing(
                f"source `{request.source.name}` has no file {path.name}",
                where=str(path),
                hint="check `url:` in nomad.yaml",
            )
        url = url.set(database=str(path))
    return sqlalchemy.create_engine(url, poolclass=NullPool)


# Asking ----------------------------------------------------------------------------------------


def save(connection: Connection, request: Request, path: Path) -> int:
    """Write the rows that a source asks for as Parquet; tell how many there are."""
    from sqlalchemy import text

    columns = described(connection, request)
    valueless = takes_valueless(request)
    select, values = _select(connection, request, columns, valueless=valueless)
    with closing(connection.execute(text(select), values)) as result:
        return frames.write(path, _batches(result, list(result.keys())), request.limit)


def described(connection: Connection, request: Request) -> tuple[Column, ...]:
    """Name the columns of the table or query; their types are known by their values alone."""
    from sqlalchemy import text

    nothing = f"SELECT * FROM {_relation(connection, request)} WHERE 1 = 0"
    with closing(connection.execute(text(nothing))) as result:
        columns = tuple(Column(name, "") for name in list(result.keys()))
    refuse_twins(request, columns)
    return columns


def seen(connection: Connection, request: Request) -> str:
    """Say what is there: the kind of database, its version, how many columns."""
    columns = described(connection, request)
    dialect = connection.dialect
    version = ".".join(map(str, getattr(dialect, "server_version_info", None) or ()))
    return f"{dialect.name} {version}, {named(request)}, {len(columns)} columns"


def _relation(connection: Connection, request: Request) -> str:
    return _bare(relation(request, connection.dialect.identifier_preparer.quote_identifier))


def _bare(sql: str) -> str:
    r"""Keep SQLAlchemy from taking a colon for the mark of a parameter.

    Example:
        >>> _bare("select '12:30', a::date")
        "select '12\\:30', a\\:\\:date"
    """
    return sql.replace(":", r"\:")


def _select(
    connection: Connection, request: Request, columns: Sequence[Column], *, valueless: bool
) -> tuple[str, dict[str, object]]:
    """Write the SELECT, and the values that it compares with."""
    quote = connection.dialect.identifier_preparer.quote_identifier
    listed = ", ".join(_bare(quote(c.name)) for c in chosen(request, columns))
    where = request.source.options.get("where")
    conditions = [f"({_bare(str(where))}\n)"] if where else []
    values: dict[str, object] = {}
    for n, (option, sign, text) in enumerate(bounds(request)):
        named = str(request.source.options.get(option, option))
        name = _bare(quote(column_named(named, option, request, columns).name))
        values[f"bound_{n}"] = _like(_first(connection, request, name), text, request)
        condition = f"{name} {sign} :bound_{n}"
        conditions.append(f"({condition} OR {name} IS NULL)" if valueless else condition)
    told = f"\nWHERE {' AND '.join(conditions)}" if conditions else ""
    return f"SELECT {listed}\nFROM {_relation(connection, request)}{told}", values


def extremes(connection: Connection, request: Request) -> Bounds | None:
    """Ask for the lowest and the highest watermark."""
    from sqlalchemy import text

    columns = described(connection, request)
    mark = str(request.source.options["watermark"])
    quote = connection.dialect.identifier_preparer.quote_identifier
    name = _bare(quote(column_named(mark, "watermark", request, columns).name))
    select, values = _select(connection, request, columns, valueless=False)
    asked = f"SELECT min({name}), max({name}) FROM (\n{select}\n) AS bounded"
    with closing(connection.execute(text(asked), values)) as result:
        found = result.fetchone()
    return Bounds(*map(_spelled, found)) if found and None not in found else None


def _spelled(value: object) -> str:
    """Write a value as the same one is, once it is landed."""
    return value.isoformat(" ") if isinstance(value, datetime) else str(value)


def _first(connection: Connection, request: Request, name: str) -> object:
    """Give any value of a column, by which its type is told."""
    from sqlalchemy import text

    asked = f"SELECT {name} FROM {_relation(connection, request)} WHERE {name} IS NOT NULL"
    with closing(connection.execute(text(asked))) as result:
        row = result.fetchone()
    return row[0] if row else ""


def _like(value: object, text: str, request: Request) -> object:
    """Read a text as what a column holds."""
    try:
        match value:
            case int() if not isinstance(value, bool):
                return int(text)
            case float() | Decimal():
                return type(value)(text)
            case datetime():
                moment = datetime.fromisoformat(text)
                naive = moment.tzinfo is None
                return moment.replace(tzinfo=UTC) if value.tzinfo and naive else moment
            case date():
                return date.fromisoformat(text[:10])
            case str():
                return text
    except (ValueError, ArithmeticError):
        pass
    raise ConfigError(
        f"source `{request.source.name}`: `{text}` can't be compared with a"
        f" `{type(value).__name__}`, as the column has them",
        where=request.source.origin,
        hint="go by a column of numbers, dates, time stamps or texts",
    )


def _batches(result: Any, names: Sequence[str]) -> Iterator[object]:
    """Give the rows, some at a time, as tables of Arrow; the first is empty, and has the names."""
    digits = [(d[4], d[5]) for d in result.cursor.description]
    yield frames.of_values(names, [[] for _ in names], digits)
    for rows in result.partitions(_AT_A_TIME):
        yield frames.of_values(names, list(zip(*rows, strict=True)), digits)


# What went wrong -------------------------------------------------------------------------------

_UNKNOWN = r"no such (table|column)|does not exist|doesn't exist|[Uu]nknown column|syntax"
_RIGHTS = r"denied|not authorized"


def _translated(e: Exception, request: Request) -> NomadError:
    """Say what SQLAlchemy or the driver said, without SQL and without address."""
    from sqlalchemy import exc

    said = str(getattr(e, "orig", None) or e).strip().partition("\n")[0]
    kind: type[NomadError] = Refused
    hint = "cast it in a `query`"
    if isinstance(e, ImportError):
        kind, hint = ConfigError, "install the driver that `url` names"
    elif isinstance(e, exc.ArgumentError):
        kind, hint = ConfigError, "write `url` like postgresql+psycopg://user@host/database"
    elif isinstance(e, exc.DBAPIError) and re.search(_RIGHTS, said):
        kind, hint = Unreachable, "check user and password, and have SELECT granted"
    elif isinstance(e, exc.ProgrammingError) or re.search(_UNKNOWN, said):
        kind, hint = ConfigError, "was it renamed or dropped? see `table`, `query` and `where`"
    elif isinstance(e, (exc.OperationalError, exc.InterfaceError)):
        kind, hint = Unreachable, "is the server up, and is this its address?"
    return kind(f"source `{request.source.name}`: {said}", where=request.source.origin, hint=hint)
