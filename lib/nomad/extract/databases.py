"""What connectors of databases share: one SELECT in the database's own words, landed as Parquet."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

from nomad.config.options import NUMBER, TEXT, TEXTS, Held, Option
from nomad.dates import FIRST, LAST, Span
from nomad.engine.external import External, opened
from nomad.errors import (
    ConfigError,
    DiskFull,
    LakeError,
    NomadError,
    OutOfMemory,
    QueryFailed,
    Refused,
    SourceMissing,
    Unreachable,
)
from nomad.extract.base import Landed, Request
from nomad.names import did_you_mean, free, quote
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


# A kind of database ----------------------------------------------------------------------------


class Fault(NamedTuple):
    """What an error of a database means: the pattern of its text, its kind, and what to do."""

    pattern: str
    kind: type[NomadError]
    hint: str


class Taken(NamedTuple):
    """A column that is read, the expression that brings its values unchanged, and their order.

    Values that land as text, not being one, are in another order there than here. `fault` is a
    condition, and what is wrong with a row of which it is true. `made` is DuckDB's expression of
    what it is to be here, where that is not as it comes.
    """

    column: Column
    expression: str
    in_order: bool = True
    fault: tuple[str, str] | None = None
    made: str | None = None


@dataclass(frozen=True)
class Dialect:
    """What one kind of database does in its own way.

    `address` is where DuckDB attaches it; `passed` makes a table of DuckDB's out of the name of the
    database and a query of its own; `taken` says how each column is read; `compared` writes a
    condition out of a column, a sign and a value; `reason` cuts an error's text down to what the
    database said. `version` is an expression; `relation` is what is read, as behind FROM.
    """

    kind: str
    title: str
    version: str
    address: Callable[[Request], str]
    passed: Callable[[str, str], str]
    quote: Callable[[str], str]
    literal: Callable[[str], str]
    compared: Callable[[Column, str, str], str]
    taken: Callable[[External, str, Sequence[Column]], Sequence[Taken]]
    reason: Callable[[str], str]
    faults: Sequence[Fault]
    relation: Callable[[Request, Callable[[str], str]], str] = relation


class Asked(NamedTuple):
    """What is read: a table or a query as it stands behind FROM, its columns, those to take."""

    relation: str
    columns: tuple[Column, ...]
    taken: Sequence[Taken]


@dataclass(frozen=True)
class DatabaseConnector:
    """Lands a table or a query as one Parquet file, as of one moment."""

    options: Sequence[Option]
    dialect: Dialect

    def fetch(self, request: Request, into: Path) -> Iterator[Landed]:
        """Write the rows; of a date, a range or a piece there must be some."""
        path = into / "rows.parquet"
        with self._opened(request) as external:
            asked = self._asked(external, request)
            rows = self.dialect.passed(external.name, self._select(request, asked))
            count = external.save(_landed(asked, rows), path)
        if not count and request.watermark is not None:
            return
        if not count and request.window is not None:
            raise SourceMissing(
                f"source `{request.source.name}` has no row for {_told(request)}",
                where=request.source.origin,
                hint="check the date (a holiday?), and `where` or `query` in nomad.yaml",
            )
        yield Landed(path, request.window)

    def probe(self, request: Request) -> str:
        """Reach the database and look at the columns, without reading a row."""
        with self._opened(request) as external:
            asked = f"SELECT {self.dialect.version} AS version"
            version = external.rows(f"FROM {self.dialect.passed(external.name, asked)}")[0][0]
            columns = self._asked(external, request).columns
        options = request.source.options
        what = (
            "query" if "query" in options else f"table {options.get('table', options.get('path'))}"
        )
        return f"{self.dialect.title} {version}, {what}, {len(columns)} columns"

    @contextmanager
    def _opened(self, request: Request) -> Iterator[External]:
        dialect = self.dialect
        try:
            with opened(dialect.kind, dialect.address(request)) as external:
                yield external
        except (OutOfMemory, DiskFull):
            raise
        except (QueryFailed, LakeError) as e:
            raise _translated(e, request, dialect) from e

    def _asked(self, external: External, request: Request) -> Asked:
        relation = self.dialect.relation(request, self.dialect.quote)
        every = self.dialect.passed(external.name, f"SELECT * FROM {relation}")
        columns = external.columns(f"FROM {every}")
        _refuse_twins(request, columns)
        chosen = _chosen(request, columns)
        return Asked(relation, columns, self.dialect.taken(external, relation, chosen))

    def _select(self, request: Request, asked: Asked) -> str:
        name = self.dialect.quote
        listed = ", ".join(f"{t.expression} AS {name(t.column.name)}" for t in asked.taken)
        if faults := [t.fault for t in asked.taken if t.fault]:
            cases = " ".join(f"WHEN {c} THEN {self.dialect.literal(told)}" for c, told in faults)
            listed += f", CASE {cases} END AS {_fault(asked)}"
        conditions = list(_conditions(request, asked, self.dialect))
        where = f"\nWHERE {' AND '.join(conditions)}" if conditions else ""
        limit = f"\nLIMIT {request.limit}" if request.limit is not None else ""
        return f"SELECT {listed}\nFROM {asked.relation}{where}{limit}"


# One SELECT ------------------------------------------------------------------------------------


def _refuse_twins(request: Request, columns: Sequence[Column]) -> None:
    names = [c.name.lower() for c in columns]
    if twice := next((c.name for c in columns if names.count(c.name.lower()) > 1), None):
        raise ConfigError(
            f"source `{request.source.name}`: two columns are called `{twice}`",
            where=request.source.origin,
            hint="name the columns apart in a `query`; case is no help",
        )


def _chosen(request: Request, columns: Sequence[Column]) -> list[Column]:
    given = request.source.options.get("select")
    if given is None:
        return list(columns)
    names = given if isinstance(given, list) else [given]
    return [_column(str(name), "select", request, columns) for name in names]


def _column(name: str, option: str, request: Request, columns: Sequence[Column]) -> Column:
    """Find a column by its name; case counts where it has to."""
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


def _conditions(request: Request, asked: Asked, dialect: Dialect) -> Iterator[str]:
    if where := request.source.options.get("where"):
        yield f"({where}\n)"
    for option, sign, value in _bounds(request):
        name = str(request.source.options.get(option, option))
        column = _ordered(name, option, request, asked)
        yield dialect.compared(column, sign, value)


def _bounds(request: Request) -> Iterator[tuple[str, str, str]]:
    """Give the option that names a column, a sign, and the value that it is compared with."""
    window = request.window
    if request.watermark is not None:
        yield "watermark", ">=", request.watermark
    if isinstance(window, Span):
        by = "watermark" if "watermark" in request.source.options else "dt"
        if window.first > FIRST:
            yield by, ">=", str(window.first)
        if window.last < LAST:
            yield by, "<", str(window.last + timedelta(days=1))


_IN_ORDER = re.compile(
    r"U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?|DECIMAL\(.*|FLOAT|DOUBLE|DATE|TIMESTAMP.*|VARCHAR"
)
"""Types whose values have one order for all."""


def _ordered(name: str, option: str, request: Request, asked: Asked) -> Column:
    """Find the column by which rows are landed.

    Raises:
        ConfigError: it is not taken, or is in another order there than here.
    """
    column = _column(name, option, request, [t.column for t in asked.taken])
    taken = next(t for t in asked.taken if t.column == column)
    if taken.in_order and _IN_ORDER.fullmatch(column.type):
        return column
    raise ConfigError(
        f"source `{request.source.name}`: `{option}`: `{column.name}` has no order that holds"
        " here as well",
        where=request.source.origin,
        hint="take a number, a date, a time stamp or a text, or cast it to one in a `query`",
    )


# What went wrong -------------------------------------------------------------------------------


def _fault(asked: Asked) -> str:
    """Name the column that tells what is wrong with a row."""
    return free("fault_", (c.name for c in asked.columns))


def _landed(asked: Asked, rows: str) -> str:
    """Make what lands of the rows that came, and have DuckDB stop at the first that has a fault."""
    names = [quote(t.column.name) for t in asked.taken]
    listed = [f"{t.made} AS {n}" if t.made else n for t, n in zip(asked.taken, names, strict=True)]
    select = f"SELECT {', '.join(listed)} FROM {rows}"
    if not any(t.fault for t in asked.taken):
        return select
    name = _fault(asked)
    return f"{select} WHERE CASE WHEN {name} IS NULL THEN true ELSE error({name}) END"


def _told(request: Request) -> str:
    window = request.window
    return f"{window.first} … {window.last}" if isinstance(window, Span) else str(window)


def _translated(e: NomadError, request: Request, dialect: Dialect) -> NomadError:
    """Say what the database answered, without the address that it was asked at."""
    reason = dialect.reason(e.what)
    default = ConfigError if "prepare" in e.what else Refused
    fault = next(
        (f for f in dialect.faults if re.search(f.pattern, reason)),
        Fault("", Unreachable if isinstance(e, LakeError) else default, "see `query` and `where`"),
    )
    return fault.kind(
        f"source `{request.source.name}`: {dialect.title}: {reason}",
        where=request.source.origin,
        hint=fault.hint,
    )
