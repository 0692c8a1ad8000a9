"""What a source asks of a database: a table or a query, columns, rows; and its options for that."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path

from nomad.config.options import NUMBER, TEXT, TEXTS, Held, Option
from nomad.dates import FIRST, LAST, Span
from nomad.errors import ConfigError, SourceMissing
from nomad.extract.base import Landed, Request
from nomad.names import did_you_mean
from nomad.schema import Column

# Options ---------------------------------------------------------------------------------------


def _alone(value: Held, given: Mapping[str, Held]) -> str | None:
    del value
    return "can't stand beside `query`: one of them is read" if "query" in given else None


def asks(_value: Held, given: Mapping[str, Held]) -> str | None:
    """Say of what tells where a database is that nothing is asked of it."""
    needs = "needs a `table` or a `query` beside it"
    return None if "table" in given or "query" in given else needs


def _whole(value: Held, given: Mapping[str, Held]) -> str | None:
    twice = next((o.name for o in _PARTS if o.name in given), None)
    return f"can't stand beside `{twice}`: it says that, too" if twice else asks(value, given)


_PARTS = (
    Option("host", "The server.", TEXT, rule=asks),
    Option("port", "Its port, where it is not the usual one.", NUMBER),
    Option("database", "The name of the database.", TEXT, rule=asks),
    Option("user", "Who asks.", TEXT),
    Option("password", "From the environment: ${…}.", TEXT),
)
SERVER = (Option("dsn", "The address, in place of its parts.", TEXT, rule=_whole), *_PARTS)
"""Where a server is."""

FILE = (Option("path", "The file, from the project's folder.", TEXT, required=True, rule=asks),)
"""Where a database is that is a file."""


def located(request: Request) -> Path:
    """Find the file of a database.

    Raises:
        SourceMissing: it is not there.
    """
    path = request.root / str(request.source.options["path"])
    if path.is_file():
        return path
    raise SourceMissing(
        f"source `{request.source.name}` has no file {path.name}",
        where=str(path),
        hint="check `path:` in nomad.yaml",
    )


OPTIONS = (
    Option("table", "Whose rows are landed: `name` or `schema.name`.", TEXT, rule=_alone),
    Option("query", "A SELECT in the database's own SQL; it may name $<PARTITION_DATE>.", TEXT),
    Option("select", "A list of the columns to take; default all.", TEXTS),
    Option("where", "A condition in the database's own SQL.", TEXT),
)
"""What every connector of a database knows."""


def relation(request: Request, name: Callable[[str], str]) -> str:
    """Write the table or the query of a source's options, as it stands behind FROM.

    Raises:
        ConfigError: there is neither.
    """
    options = request.source.options
    if query := options.get("query"):
        return f"(\n{str(query).strip().rstrip(';')}\n) AS q"
    if not (table := options.get("table")):
        raise ConfigError(
            f"source `{request.source.name}` needs a `table` or a `query`",
            where=request.source.origin,
        )
    schema = options.get("schema")
    parts = [str(schema), str(table)] if schema else str(table).split(".", 1)
    return ".".join(map(name, parts))


# One SELECT --------------------------------------------------------------------------------------


def refuse_twins(request: Request, columns: Sequence[Column]) -> None:
    """Refuse names that differ only in case, of which no reader could tell one from the other."""
    names = [c.name.lower() for c in columns]
    if twice := next((c.name for c in columns if names.count(c.name.lower()) > 1), None):
        raise ConfigError(
            f"source `{request.source.name}`: two columns are called `{twice}`",
            where=request.source.origin,
            hint="name the columns apart in a `query`; case is no help",
        )


def chosen(request: Request, columns: Sequence[Column]) -> list[Column]:
    """Choose the columns that are taken: those of `select`, or all."""
    given = request.source.options.get("select")
    if given is None:
        return list(columns)
    names = given if isinstance(given, list) else [given]
    return [column_named(str(name), "select", request, columns) for name in names]


def column_named(name: str, option: str, request: Request, columns: Sequence[Column]) -> Column:
    """Find a column by its name; case counts where it has to.

    Raises:
        ConfigError: there is none.
    """
    like = [c for c in columns if c.name.lower() == name.lower()]
    found = next((c for c in like if c.name == name), like[0] if like else None)
    if found:
        return found
    names = [c.name for c in columns]
    raise ConfigError(
        f"source `{request.source.name}`: `{option}`: there is no column `{name}`",
        where=request.source.origin,
        hint=did_you_mean(name, names) or f"there is: {', '.join(names)}",
    )


def bounds(request: Request) -> Iterator[tuple[str, str, str]]:
    """Give the option that names a column, a sign, and the value that it is compared with."""
    window = request.window
    if request.watermark is not None:
        yield "watermark", ">=", request.watermark
    if request.until is not None:
        yield "watermark", "<", request.until
    if isinstance(window, Span):
        by = "watermark" if "watermark" in request.source.options else "dt"
        if window.first > FIRST:
            yield by, ">=", str(window.first)
        if window.last < LAST:
            yield by, "<", str(window.last + timedelta(days=1))


def takes_valueless(request: Request) -> bool:
    """Tell whether rows without a watermark are asked for, too: the first chunk of a load does."""
    if request.watermark is None:
        return request.until is not None
    return request.watermark == str(request.source.options.get("since"))


def landed(request: Request, path: Path, count: int) -> Iterator[Landed]:
    """Give the file of so many rows; of none, nothing where only what is new was asked for.

    Raises:
        SourceMissing: a date, a range or a part has no row.
    """
    if count or (request.watermark is None and request.window is None):
        yield Landed(path, request.window)
    elif request.watermark is None:
        raise _missing(request)


def _missing(request: Request) -> SourceMissing:
    """Say that there is no row for what is asked for."""
    window = request.window
    told = f"{window.first} … {window.last}" if isinstance(window, Span) else str(window)
    return SourceMissing(
        f"source `{request.source.name}` has no row for {told}",
        where=request.source.origin,
        hint="check the date (a holiday?), and `where` or `query` in nomad.yaml",
    )


def named(request: Request) -> str:
    """Say in a word or two what is read."""
    options = request.source.options
    return "query" if "query" in options else f"table {options.get('table', options.get('path'))}"
