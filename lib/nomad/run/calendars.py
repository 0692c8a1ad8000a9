"""The dates of a calendar, read once for a version of what it is made of.

What was read is kept, and read again once its table or its file is another.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import NamedTuple

from nomad.catalog.views import relations
from nomad.config.calendars import Calendar, Of
from nomad.dates import FIRST, LAST
from nomad.engine.session import Session, View
from nomad.errors import ConfigError, CorruptManifest, NomadError
from nomad.files import translated
from nomad.hashing import digest
from nomad.lake.manifest import Manifest
from nomad.names import TableName, literal, quote
from nomad.partitions import COLUMN, text
from nomad.plan.due import Days
from nomad.project import project
from nomad.project.reading import Reader, sound
from nomad.project.references import Index, Query
from nomad.schema import Column
from nomad.sqlfile.file import used
from nomad.sqlfile.limits import limited
from nomad.sqlfile.variables import SENTINEL, render
from nomad.workspace import Workspace


class MadeOf:
    """Finds the tables that calendars are read from."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._queries: dict[Calendar, Query] = {}

    def tables(self, calendar: Calendar) -> frozenset[TableName]:
        """Name the tables and sources that a calendar is read from."""
        if calendar.of is Of.QUERY:
            return frozenset(self.query(calendar).tables)
        try:
            return frozenset([project.find(self._workspace.project, calendar.said)])
        except NomadError as e:
            raise _fault(calendar, e.what, e.hint) from e

    def query(self, calendar: Calendar) -> Query:
        """Read the query of a calendar."""
        if calendar not in self._queries:
            self._queries[calendar] = self._parsed(calendar)
        return self._queries[calendar]

    def _parsed(self, calendar: Calendar) -> Query:
        workspace, where = self._workspace, calendar.origin
        reader = Reader(
            workspace.root,
            workspace.variables,
            workspace.calendars,
            lambda queries: workspace.blank.parsed(queries),  # noqa: PLW0108 (made when asked)
            macros=workspace.macros,
        )
        index = Index(workspace.project.tables, workspace.config)
        try:
            (sql,) = sound([reader.query(calendar.said, where)])
            if foreign := index.foreign(sql):
                sql = sql._replace(volatile=f"reads {foreign}")
            found = index.query(TableName("", "calendar"), sql)
        except NomadError as e:
            raise _fault(calendar, e.what, e.hint) from e
        if sql.partitioned or sql.setup:
            raise _fault(calendar, "its query must be one SELECT, without $<PARTITION_DATE>")
        return found


def _fault(calendar: Calendar, what: str, hint: str | None = None) -> ConfigError:
    return ConfigError(f"the calendar {calendar}: {what}", where=calendar.origin, hint=hint)


# Its dates -----------------------------------------------------------------------------------


class _Source(NamedTuple):
    """What a calendar is read from: a SELECT, and what is published of the tables that it names.

    `stamp` is another one when that is; empty, where it can't be told. `bare` are the names of
    tables that are spelled without their schema.
    """

    select: str
    stamp: str
    manifests: Mapping[TableName, Sequence[Manifest]] = {}
    bare: tuple[View, ...] = ()


def days_of(workspace: Workspace, calendar: Calendar, made_of: MadeOf) -> Days | None:
    """Give the dates of a calendar; None before what it is read from was ever published.

    Tables may be empty for a night: no error, which would keep them from ever being built again.

    Raises:
        ConfigError: what it names is not there, or holds what is no date, or is a file without any.
    """
    calendar = _rendered(workspace, calendar)
    source = _source(workspace, calendar, made_of)
    if source is None:
        return None
    key = digest("calendar", calendar.of, calendar.date, calendar.where, source.select)
    kept = workspace.calendars.get(key)
    if kept and source.stamp and kept[0] == source.stamp:
        return Days.of(map(date.fromisoformat, kept[1]))
    try:
        days = _found(workspace, calendar, source)
    except ConfigError:
        again = _source(workspace, calendar, made_of)
        if again is None or again.manifests == source.manifests:
            raise
        source, days = again, _found(workspace, calendar, again)  # it was replaced meanwhile
    workspace.calendars.put(key, [source.stamp, [str(d) for d in sorted(days)]])
    return Days.of(days)


def _rendered(workspace: Workspace, calendar: Calendar) -> Calendar:
    """Fill in the variables of its condition; those of a query are filled in where it is parsed."""
    where = render(calendar.where, workspace.variables, path=calendar.origin)
    if SENTINEL in where:
        raise _fault(calendar, "its `where` can't hold $<PARTITION_DATE>")
    return replace(calendar, where=where)


def _source(workspace: Workspace, calendar: Calendar, made_of: MadeOf) -> _Source | None:
    if calendar.of is Of.FILE:
        return _file(workspace, calendar)
    return _tables(workspace, calendar, made_of)


def _file(workspace: Workspace, calendar: Calendar) -> _Source:
    path = workspace.root / calendar.said
    if not path.is_file():
        raise _fault(calendar, "no such file", f"it is looked for at {path}")
    with translated(str(path)):
        stat = path.stat()
    kind = path.suffix[1:].lower()
    select = f"SELECT * FROM read_{kind}({literal(str(path))})"
    return _Source(select, f"{stat.st_size}-{stat.st_mtime_ns}")


def _tables(workspace: Workspace, calendar: Calendar, made_of: MadeOf) -> _Source | None:
    names, dated = sorted(made_of.tables(calendar)), workspace.project.partitioned
    try:
        found = {n: workspace.lake.manifests(n, partitioned=dated(n)) for n in names}
    except CorruptManifest as e:
        raise e.replace(what=f"{e.what}; the calendar {calendar} is read from it") from e
    if not all(found.values()):
        return None
    versions = (f"{n} {text(m.partition)} {m.content_hash}" for n in names for m in found[n])
    if calendar.of is Of.TABLE:
        (name,) = names
        return _Source(f"SELECT * FROM {name.quoted}", digest(*versions), found)
    query = made_of.query(calendar)
    stamp = "" if query.sql.volatile else digest(*versions)
    return _Source(f"SELECT * FROM (\n{query.sql.query}\n)", stamp, found, tuple(_bare(query)))


def _bare(query: Query) -> Iterator[View]:
    for table in query.tables:
        for schema, name in query.spellings(table):
            if not schema:
                yield View("", name, f"SELECT * FROM {table.quoted}")


def _found(workspace: Workspace, calendar: Calendar, source: _Source) -> list[date]:
    """Ask for the dates.

    Raises:
        ConfigError: what there is can't be read as dates, or there is none in a file.
    """
    known, lake = workspace.project, workspace.lake
    called = used(source.select, workspace.macros)
    texts = [source.select, *(m.text for m in called)]
    try:
        below = limited((m.text for m in called), source.select)
        with workspace.reader(texts).session(limited=below) as session:
            for name, manifests in source.manifests.items():
                session.make(relations(known, lake, name, manifests))
            session.make(source.bare)
            session.run(s for m in called for s in m.statements)
            days = _asked(session, calendar, source)
    except ConfigError:
        raise
    except NomadError as e:
        raise _fault(calendar, e.what, e.hint) from e
    if not days and calendar.of is Of.FILE:
        raise _fault(calendar, "it holds no date", "without `calendar:`, every date is due")
    return days


def _asked(session: Session, calendar: Calendar, source: _Source) -> list[date]:
    column = _column(calendar, session.describe(source.select))
    name, where = quote(column.name), f" WHERE {calendar.where}" if calendar.where else ""
    said = f"trim(CAST({name} AS VARCHAR))"
    day = (
        f"CAST({name} AS DATE)"
        if column.type.startswith(("DATE", "TIMESTAMP"))
        else f"coalesce(TRY_CAST({said} AS DATE), CAST(TRY_STRPTIME({said}, '%Y%m%d') AS DATE))"
    )
    query = f"SELECT DISTINCT {said}, {day} FROM ({source.select}){where}"
    rows = [(s, d) for s, d in session.execute(query) if s]
    if strays := sorted(s for s, d in rows if not isinstance(d, date)):
        raise _fault(calendar, f"column `{column.name}` holds {strays[0]!r}, which is no date")
    return [d for _, d in rows if FIRST <= d <= LAST]


def _column(calendar: Calendar, columns: Sequence[Column]) -> Column:
    """Choose the column of the date: the one that is named, the only DATE, or the only one."""
    named = [c for c in columns if c.name.lower() == calendar.date.lower()]
    own = [c for c in columns if c.name.lower() != COLUMN or calendar.of is not Of.TABLE]
    dates = [c for c in own if c.type == "DATE"]
    fitting = named if calendar.date else dates if len(own) > 1 else own
    if len(fitting) == 1:
        return fitting[0]
    there = ", ".join(f"{c.name} {c.type}" for c in columns)
    what = f"no column `{calendar.date}`" if calendar.date else f"{len(fitting)} columns of dates"
    raise _fault(calendar, f"it has {what}: {there}", _hint(calendar))


def _hint(calendar: Calendar) -> str:
    if calendar.of is Of.QUERY:
        return "let it select the one column of the date"
    return f"name it: `calendar: {{{calendar.of}: {calendar.said}, date: …}}`"
