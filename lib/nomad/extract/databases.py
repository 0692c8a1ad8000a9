"""What connectors of databases share: one SELECT in the database's own words, landed as Parquet."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from nomad.config.options import Option
from nomad.engine.external import External, extensions, opened
from nomad.errors import (
    ConfigError,
    DiskFull,
    LakeError,
    NomadError,
    OutOfMemory,
    QueryFailed,
    Refused,
    Unreachable,
)
from nomad.extract.asking import (
    bounds,
    chosen,
    column_named,
    landed,
    named,
    refuse_twins,
    relation,
    takes_valueless,
)
from nomad.extract.base import Bounds, Landed, Request
from nomad.extract.extras import Extra
from nomad.names import free, quote
from nomad.schema import Column

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

    @property
    def extras(self) -> Sequence[Extra]:
        """The one with DuckDB's extension, where it needs any."""
        kind = self.dialect.kind
        names = extensions(kind)
        return (Extra(kind, extensions=names),) if names else ()

    def fetch(self, request: Request, into: Path) -> Iterator[Landed]:
        """Write the rows; of a date, a range or a piece there must be some."""
        path = into / "rows.parquet"
        with self._opened(request) as external:
            asked = self._asked(external, request)
            rows = self.dialect.passed(external.name, self._select(request, asked))
            count = external.save(_landed(asked, rows), path)
        yield from landed(request, path, count)

    def probe(self, request: Request) -> str:
        """Reach the database and look at the columns, without reading a row."""
        with self._opened(request) as external:
            asked = f"SELECT {self.dialect.version} AS version"
            version = external.rows(f"FROM {self.dialect.passed(external.name, asked)}")[0][0]
            columns = self._asked(external, request).columns
        return f"{self.dialect.title} {version}, {named(request)}, {len(columns)} columns"

    def bounds(self, request: Request) -> Bounds | None:
        """Ask for the lowest and the highest watermark; the types are those that would land."""
        with self._opened(request) as external:
            asked = self._asked(external, request)
            column = _ordered(str(request.source.options["watermark"]), "watermark", request, asked)
            rows = self.dialect.passed(external.name, self._extremes(request, asked, column))
            taken = next(t for t in asked.taken if t.column == column)
            made = taken.made or quote(column.name)
            values = f"SELECT {made} AS v FROM (SELECT v AS {quote(column.name)} FROM {rows})"
            found = external.rows(f"SELECT min(v)::VARCHAR, max(v)::VARCHAR FROM ({values})")[0]
        return Bounds(*map(str, found)) if None not in found else None

    def _extremes(self, request: Request, asked: Asked, column: Column) -> str:
        """Write the SELECT of two rows: the lowest value, and the highest."""
        name = self.dialect.quote(column.name)
        conditions = list(_conditions(request, asked, self.dialect, valueless=False))
        where = f"\nWHERE {' AND '.join(conditions)}" if conditions else ""
        halves = (f"SELECT {f}({name}) AS v FROM {asked.relation}{where}" for f in ("min", "max"))
        return "\nUNION ALL\n".join(halves)

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
        refuse_twins(request, columns)
        wanted = chosen(request, columns)
        asked = Asked(relation, columns, self.dialect.taken(external, relation, wanted))
        if mark := request.source.options.get("watermark"):
            _ordered(str(mark), "watermark", request, asked)
        return asked

    def _select(self, request: Request, asked: Asked) -> str:
        name = self.dialect.quote
        listed = ", ".join(f"{t.expression} AS {name(t.column.name)}" for t in asked.taken)
        if faults := [t.fault for t in asked.taken if t.fault]:
            cases = " ".join(f"WHEN {c} THEN {self.dialect.literal(told)}" for c, told in faults)
            listed += f", CASE {cases} END AS {_fault(asked)}"
        valueless = takes_valueless(request)
        conditions = list(_conditions(request, asked, self.dialect, valueless=valueless))
        where = f"\nWHERE {' AND '.join(conditions)}" if conditions else ""
        limit = f"\nLIMIT {request.limit}" if request.limit is not None else ""
        return f"SELECT {listed}\nFROM {asked.relation}{where}{limit}"


# One SELECT ------------------------------------------------------------------------------------


def _conditions(
    request: Request, asked: Asked, dialect: Dialect, *, valueless: bool
) -> Iterator[str]:
    if where := request.source.options.get("where"):
        yield f"({where}\n)"
    for option, sign, value in bounds(request):
        name = str(request.source.options.get(option, option))
        column = _ordered(name, option, request, asked)
        condition = dialect.compared(column, sign, value)
        yield f"({condition} OR {dialect.quote(column.name)} IS NULL)" if valueless else condition


_IN_ORDER = re.compile(
    r"U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?|DECIMAL\(.*|FLOAT|DOUBLE|DATE|TIMESTAMP.*|VARCHAR"
)
"""Types whose values have one order for all."""


def _ordered(name: str, option: str, request: Request, asked: Asked) -> Column:
    """Find the column by which rows are landed.

    Raises:
        ConfigError: it is not taken, or is in another order there than here.
    """
    column = column_named(name, option, request, [t.column for t in asked.taken])
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
