"""nomad from Python: what the commands do, as values.

Example::

    import nomad

    with nomad.open(".") as warehouse:
        warehouse.run("+ads_top_movers", dt="2024-01-02")
        frame = warehouse.sql("from ads.ads_top_movers").df()
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import ExitStack
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Self

from nomad.dates import DateRange, parse_date
from nomad.errors import Misuse
from nomad.plan.planner import plan as make_plan
from nomad.plan.steps import Plan
from nomad.project.project import Table, find
from nomad.project.selection import select as make_selection
from nomad.query import bound
from nomad.run.result import Result
from nomad.run.scheduler import Options
from nomad.run.scheduler import run as run_plan
from nomad.workspace import Workspace

if TYPE_CHECKING:
    from nomad.engine.session import Relation

Day = date | str
"""A date, or one as typed on the command line: `2024-01-15`, `yesterday`, `-7d`."""


class Warehouse:
    """A project, opened. `nomad.open` makes one; close it, or use it as a context manager."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._sessions = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End all queries; relations that `sql` gave are of no use afterwards."""
        self._sessions.close()
        self._workspace.close()

    @property
    def tables(self) -> Mapping[str, Table]:
        """The tables by their full names, each after those it reads."""
        project = self._workspace.project
        return {str(n): project.tables[n] for n in project.order}

    def plan(
        self,
        *select: str,
        dt: Day | None = None,
        dates: tuple[Day, Day] | None = None,
        exclude: tuple[str, ...] = (),
        force: bool = False,
    ) -> Plan:
        """Say what is stale and why; changes nothing.

        `select` are words as on the command line (none: all tables); `dt` is one date (none:
        yesterday), `dates` a first and a last one.

        Raises:
            NomadError: what the command `nomad plan` would say.
        """
        workspace = self._workspace
        tables = make_selection(workspace.project, select, exclude=exclude)
        return make_plan(
            workspace.project,
            workspace.lake,
            workspace.pruner,
            tables=tables,
            dates=self._days(dt, dates),
            force=force,
        )

    def run(
        self,
        *select: str,
        dt: Day | None = None,
        dates: tuple[Day, Day] | None = None,
        exclude: tuple[str, ...] = (),
        options: Options | None = None,
    ) -> list[Result]:
        """Build and publish what is stale; give how each step ended, in the order of the plan.

        A step that fails is a result with status `failed` and its `error`, not an exception.

        Raises:
            NomadError: nothing could begin: a bad word, a broken file, a lake out of reach.
        """
        chosen = options or Options()
        found = self.plan(*select, dt=dt, dates=dates, exclude=exclude, force=chosen.force)
        return run_plan(self._workspace, found, chosen, report=lambda _: None)[1]

    def sql(self, query: str) -> Relation:
        """Ask the live lake; `.df()`, `.pl()`, `.arrow()`, `.fetchall()` give the rows.

        The tables are those published at the time of the call. Fetch soon: a file that is
        superseded goes away when its partition has been published twice more.

        Raises:
            QueryFailed: DuckDB refuses the query.
        """
        session = self._sessions.enter_context(bound(self._workspace, query))
        return session.relation(query)

    def files(self, table: str, dt: Day | None = None) -> list[str]:
        """Give the addresses of the files of a partition, or of a full table.

        Raises:
            UnknownName: no such table.
            MissingPartition: nothing is published there.
        """
        name = find(self._workspace.project, table)
        day = self._day(dt or "yesterday") if self._workspace.project.partitioned(name) else None
        return self._workspace.files(name, [day])

    def _days(self, dt: Day | None, dates: tuple[Day, Day] | None) -> tuple[date, ...]:
        if dt is not None and dates is not None:
            raise Misuse("give either `dt` or `dates`")
        if dates is None:
            return (self._day(dt or "yesterday"),)
        first, last = dates
        return tuple(DateRange(self._day(first), self._day(last)))

    def _day(self, day: Day) -> date:
        return parse_date(str(day), today=self._workspace.today)


def open_warehouse(
    root: str | Path = ".",
    *,
    env: str | None = None,
    variables: Mapping[str, str] | None = None,
) -> Warehouse:
    """Open the project in a folder. `nomad.open` is this."""
    return Warehouse(
        Workspace(Path(root), environ=os.environ, environment=env, variables=variables)
    )
