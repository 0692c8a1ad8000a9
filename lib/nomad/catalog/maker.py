"""Makes what is in a catalog file: all of it, or what has changed since it was made."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, nullcontext
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

from nomad import __version__
from nomad.catalog import metadata, state, views
from nomad.catalog.metadata import Rows
from nomad.catalog.state import State
from nomad.engine.instance import Session
from nomad.engine.version import VERSION
from nomad.errors import QueryFailed
from nomad.hashing import digest
from nomad.lake.journal import others_ran
from nomad.lake.lake import Lake
from nomad.lake.layout import JOURNAL, JOURNALS, run_of_journal
from nomad.lake.manifest import Manifest
from nomad.names import RAW, TableName, quote
from nomad.project.project import Project

_log = logging.getLogger(__name__)


@contextmanager
def _at_once(session: Session) -> Iterator[None]:
    """All of it or nothing."""
    session.execute("BEGIN")
    try:
        yield
    except BaseException:
        session.execute("ROLLBACK")
        raise
    session.execute("COMMIT")


def sifted(key: str, data: bytes) -> bytes:
    """Leave out what is no event; say of which journal."""
    lines = metadata.sound_lines(data)
    if odd := len(data.splitlines()) - len(lines):
        told = "1 line is" if odd == 1 else f"{odd} lines are"
        _log.warning("%s: %s no event of a run, and left out of the catalog", key, told)
    return b"\n".join(lines)


class Maker:
    """One making. Not `fresh`: from what this machine knows of the lake.

    It is fresh all the same where that can't be all: where others ran, or files are gone.
    """

    def __init__(self, project: Project, lake: Lake, *, now: datetime, fresh: bool) -> None:
        self._project, self._lake, self._fresh = project, lake, fresh
        self.now, self._today = now, now.astimezone(UTC).date()
        sources = [TableName(RAW, s) for s in project.config.sources]
        self._names = [*sources, *project.order]

    @cached_property
    def _frame(self) -> str:
        """Tell what touches every table: versions, where the lake is, which tables there are."""
        where = self._lake.store.uri("")
        return digest(__version__, VERSION, metadata.FORM, where, *map(str, self._names))

    def fill(self, session: Session, scratch: Path) -> int:
        """Fill an empty file; a table whose files can't be read is left out and named."""
        metadata.create(session)
        for layer in dict.fromkeys(("quarantine", *(n.layer for n in self._names))):
            session.execute(f"CREATE SCHEMA IF NOT EXISTS {quote(layer)}")
        self._look_for_others(())
        try:
            return self._change(session, State(), scratch, careful=False)
        except QueryFailed:
            self._fresh = True
            return self._change(session, State(), scratch, careful=True)

    def update(self, session: Session, scratch: Path) -> int | None:
        """Change what is not as it was when the file was made; None: all is to be made anew."""
        try:
            before = state.read(session)
            self._look_for_others(before.journals)
            same = before.frame == self._frame and not self._fresh
            return self._change(session, before, scratch, careful=False) if same else None
        except QueryFailed:
            self._fresh = True
            return None

    def _look_for_others(self, journals: Iterable[str]) -> None:
        """See on a disk whether all who publish there have told this machine of it."""
        if not self._fresh and not self._lake.listing.shared:
            self._fresh = others_ran(self._lake.listing, journals, self._today)

    def _change(self, session: Session, before: State, scratch: Path, *, careful: bool) -> int:
        """Make what is new or different; one transaction, unless each table is to be tried."""
        now = State(self._frame, self._tokens(), self._journals())
        tables = state.changed(now.tables, before.tables)
        journals = state.changed(now.journals, before.journals)
        missing = state.gone(now.journals, before.journals)
        with closing(Rows(scratch)) as rows, nullcontext() if careful else _at_once(session):
            metadata.forget(session, tables, map(run_of_journal, (*journals, *missing)))
            metadata.of_project(self._project, rows)
            told = [t for t in tables if t in before.tables]
            session.run(s for t in told for s in views.dropping(TableName.parse(t)))
            made = self._make(session, [*map(TableName.parse, tables)], rows, careful=careful)
            for key, blob in self._lake.listing.kept(journals).items():
                lines = sifted(key, blob.data) if careful else blob.data.rstrip()
                rows.add_lines("events", lines)
            rows.load(session)
            state.write(session, State(now.frame, {**now.tables, **made}, now.journals))
        found = session.execute("SELECT count(DISTINCT table_name) FROM nomad.columns")
        return int(found[0][0])

    def _tokens(self) -> dict[str, str]:
        return {str(name): self._token(name) for name in self._names}

    def _token(self, name: TableName) -> str:
        """Tell what a table is made from; empty where that can't be told.

        Taken before the table is made: what is published meanwhile may or may not be in what is
        made, and gives another token the next time.
        """
        mark = self._lake.listing.mark(name.key)
        return digest(mark, *views.depends_on(self._project, name)) if mark else ""

    def _journals(self) -> dict[str, str]:
        return self._lake.listing.versions(JOURNALS, suffix=JOURNAL, fresh=self._fresh)

    def _make(
        self, session: Session, tables: Sequence[TableName], rows: Rows, *, careful: bool
    ) -> dict[str, str]:
        """Make tables; give their tokens, which are empty for those to be tried again."""
        if not self._fresh:
            self._lake.look(t for t in tables if not self._project.partitioned(t))
        if careful:
            return {str(t): self._tried(session, t, rows) for t in tables}
        made: dict[str, str] = {}

        def statements() -> Iterator[str]:
            for name in tables:
                made[str(name)], found = self._found(name)
                metadata.of_table(found, rows)
                yield from views.making(self._project, self._lake, name, found)

        session.run(statements())
        return made

    def _tried(self, session: Session, name: TableName, rows: Rows) -> str:
        token, found = self._found(name)
        try:
            with _at_once(session):
                session.run(views.making(self._project, self._lake, name, found))
        except QueryFailed as e:
            told = e.what.splitlines()[0]
            _log.warning("left out of the catalog, as DuckDB can't read it: %s (%s)", name, told)
            return ""
        metadata.of_table(found, rows)
        return token

    def _found(self, name: TableName) -> tuple[str, Sequence[Manifest]]:
        """Give a table's token, and what is published of it."""
        token, found = self._token(name), self._published(name, fresh=self._fresh)
        if not token:
            token, found = self._token(name), self._published(name, fresh=False)
        return token, found

    def _published(self, name: TableName, *, fresh: bool) -> Sequence[Manifest]:
        return self._lake.every(name, partitioned=self._project.partitioned(name), fresh=fresh)
