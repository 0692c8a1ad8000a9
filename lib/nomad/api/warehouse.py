"""A project, opened: each method does what the command of its name does.

Each call opens the project anew, as a command does: it sees SQL files as they are now, and what
other processes have published. It prints nothing; warnings go to the logger `nomad`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from nomad.api import arguments, conversion, results
from nomad.api.arguments import Day, Days
from nomad.api.conversion import OnStep
from nomad.api.opened import Opened
from nomad.api.results import Options
from nomad.errors import Misuse, worst
from nomad.ingest import extraction, undelivered
from nomad.names import TableName
from nomad.plan.steps import Plan
from nomad.project.project import find
from nomad.query import bound, prepared
from nomad.run import checks, history, planning, scheduler, status
from nomad.run.chosen import chosen as sources_named
from nomad.run.recovery import recover
from nomad.run.result import code_of
from nomad.workspace import Workspace

if TYPE_CHECKING:
    from nomad.engine.session import Relation

DEFAULTS = Options()


class Warehouse(Opened):
    """A project, opened by `nomad.open`. Close it, or use it as a context manager.

    Several may be open at once, of one project or of many.

    Words that all methods share: `select` are words as on the command line (`ods`, `+dwd_x`,
    `tag:nightly`; none: all tables), `exclude` the same, to be left out. `dt` is one date, `dates`
    the first and the last of a range, both included; without either, yesterday in the project's
    time zone. All methods raise `nomad.errors.NomadError` as the command says it:
    `EmptySelection`, `BadDate`, `ConfigError`, `LakeError` and so on.
    """

    # Build -----------------------------------------------------------------------------------

    def extract(
        self,
        *sources: str,
        dt: Day | None = None,
        dates: Days | None = None,
        force: bool = False,
        wait: bool = False,
        only: Sequence[str] = (),
        max_requests: int = 0,
        parallel: int = 0,
        on_step: OnStep | None = None,
    ) -> results.Run:
        """Land raw data from sources (none named: from all), as `nomad extract`.

        What is delivered again unchanged is `fresh`, unless by `force`. A date for which a source
        has nothing is a step with status `missing`; of a range, that alone is no failure, unless
        a calendar names it. `only` limits it to what last ended as some of `missing`, `failed`,
        `waiting` and `done`; `max_requests` to so many requests to servers. So many sources as
        `parallel` land at a time (0: as nomad.yaml says).

        Raises:
            UnknownName: no such source.
            Misuse: `only` has another word.
            Busy: another run lands one of the same dates, and `wait` is off.

        Example::

            warehouse.extract("price", dates=("2024-01-02", "2024-01-05")).raise_for_failure()
        """
        with self._opened("extract") as workspace:
            found = sources_named(workspace, sources)
            days = arguments.days(workspace, dt, dates)
            run_id, ended = extraction.extract(
                workspace,
                found,
                days,
                report=conversion.reporter(on_step),
                wait=wait,
                force=force,
                only=arguments.words(only),
                most=max_requests,
                parallel=parallel,
            )
            return conversion.run(
                run_id, ended, undelivered.exit_code(ended, single=len(days) == 1)
            )

    def plan(
        self,
        *select: str,
        dt: Day | None = None,
        dates: Days | None = None,
        exclude: str | Sequence[str] = (),
        force: bool = False,
    ) -> results.Plan:
        """Say what is stale, in order, and why; changes nothing. As `nomad plan`.

        Example::

            [step.table for step in warehouse.plan("dwd", dt="2024-01-02").stale]
        """
        with self._opened("plan") as workspace:
            cells = arguments.chosen(workspace, select, exclude, dt, dates)
            return conversion.plan(workspace, planning.make(workspace, *cells, force=force))

    def run(
        self,
        *select: str,
        dt: Day | None = None,
        dates: Days | None = None,
        exclude: str | Sequence[str] = (),
        options: Options = DEFAULTS,
        on_step: OnStep | None = None,
    ) -> results.Run:
        """Build and publish what is stale; give how each step ended. As `nomad run`.

        A step that fails is a result with status `failed` and its `error`, not an exception, and
        blocks what needs it. Interrupted (Ctrl-C), what was published stays and the next call goes
        on.

        Raises:
            Busy: another run builds one of the same partitions, and `options.wait` is off.

        Example::

            run = warehouse.run("+ads_top_movers", dt="2024-01-02", options=Options(force=True))
            print(run.run_id, [step.status for step in run.steps])
        """
        with self._opened("run") as workspace:
            names, days = arguments.chosen(workspace, select, exclude, dt, dates)
            made = planning.make(workspace, names, days, force=arguments.how(options).force)
            return self._walk(workspace, made, names, options, on_step, strays=not select)

    def backfill(
        self,
        *select: str,
        dt: Day | None = None,
        dates: Days | None = None,
        exclude: str | Sequence[str] = (),
        only: Sequence[str] = (planning.ALL,),
        newest_first: bool = False,
        max_steps: int | None = None,
        options: Options = DEFAULTS,
        on_step: OnStep | None = None,
    ) -> results.Run:
        """Build a range of dates: what is missing, failed or stale. As `nomad backfill`.

        `only` limits it to some of `missing`, `failed`, `stale`; `max_steps` to so many partitions.
        What is fresh is no step of it.

        Raises:
            Misuse: `only` has another word.
            Busy: as for `run`.

        Example::

            warehouse.backfill("ods", dates=("2024-01-01", "2024-03-31"), only=["missing"])
        """
        with self._opened("backfill") as workspace:
            names, days = arguments.chosen(workspace, select, exclude, dt, dates)
            force = arguments.how(options).force
            made = planning.backfill(
                planning.make(workspace, names, days, force=force),
                arguments.words(only),
                force=force,
                newest_first=newest_first,
                most=max_steps or 0,
            )
            return self._walk(workspace, made, names, options, on_step, strays=not select)

    def rollback(
        self,
        table: str | None = None,
        dt: Day | None = None,
        *,
        to: str | None = None,
        run: str | None = None,
        on_step: OnStep | None = None,
    ) -> results.Run:
        """Publish an old version again, or undo a run as a whole. As `nomad rollback`.

        Either a `table` with its `dt` (none of a full table) and the run id `to` go back to, or
        the id of the `run` to undo.

        Raises:
            Misuse: that version is not kept, or the run can't be undone as a whole.
            LostRace: another run published the partition meanwhile.

        Example::

            older = warehouse.history("dwd_price", "2024-01-02")[1]
            warehouse.rollback("dwd_price", "2024-01-02", to=older.run_id)
        """
        one = bool(table and to) and run is None
        if not one and not (run and table is to is dt is None):
            raise Misuse("give a table and `to`, or `run` alone")
        with self._opened("rollback") as workspace:
            recover(workspace)
            if run:
                returns = history.of_run(workspace, run)
            else:
                name = find(workspace.project, str(table))
                (partition,) = arguments.partitions(workspace, name, dt, None)
                returns = [history.to_version(workspace, name, partition, str(to))]
            run_id, ended = history.rollback(
                workspace, returns, report=conversion.reporter(on_step)
            )
            return conversion.run(run_id, ended, code_of(ended))

    # Look ------------------------------------------------------------------------------------

    @property
    def tables(self) -> Mapping[str, results.Table]:
        """The tables by their full names, each after those it reads."""
        with self._opened("tables") as workspace:
            found = (workspace.project.tables[n] for n in workspace.project.order)
            return {str(t.name): conversion.table(t) for t in found}

    def check(
        self,
        *select: str,
        dt: Day | None = None,
        dates: Days | None = None,
        exclude: str | Sequence[str] = (),
    ) -> results.Checks:
        """Test published partitions by their contracts, without building. As `nomad check`.

        Example::

            [c.test for c in warehouse.check("ods", dt="2024-01-02") if c.status == "fail"]
        """
        with self._opened("check") as workspace:
            cells = arguments.chosen(workspace, select, exclude, dt, dates)
            done = checks.check_all(workspace, *cells)
            found = tuple(conversion.check(c) for c in done.results)
            return results.Checks(found, tuple(map(str, done.unpublished)), done.exit_code)

    def status(
        self,
        *select: str,
        dt: Day | None = None,
        dates: Days | None = None,
        exclude: str | Sequence[str] = (),
    ) -> tuple[results.State, ...]:
        """Tell the state of each table at each date; without dates, the last 30 days.

        Example::

            [s.partition_date for s in warehouse.status("dwd_price") if s.state == "missing"]
        """
        if dt is None and dates is None:
            dates = ("-30d", "yesterday")
        with self._opened("status") as workspace:
            cells = arguments.chosen(workspace, select, exclude, dt, dates)
            return tuple(conversion.state(s) for s in status.status(workspace, *cells))

    def history(
        self, table: str, dt: Day | None = None, *, dates: Days | None = None
    ) -> tuple[results.Version, ...]:
        """Give the versions of a partition: the published one, then those kept, newest first.

        Raises:
            UnknownName: no such table or source.

        Example::

            [v.run_id for v in warehouse.history("dwd_price", "2024-01-02")]
        """
        with self._opened("history") as workspace:
            name = find(workspace.project, table)
            past = history.Past(workspace)
            cells = [(name, p) for p in arguments.partitions(workspace, name, dt, dates)]
            return tuple(
                conversion.version(v)
                for cell in cells
                for v in history.versions(workspace, past, cell)
            )

    def files(
        self, table: str, dt: Day | None = None, *, dates: Days | None = None
    ) -> tuple[str, ...]:
        """Give the paths (or `s3://` addresses) of the published files of a table or source.

        Over a range, dates without a partition are passed over.

        Raises:
            UnknownName: no such table.
            MissingPartition: nothing is published there.

        Example::

            duckdb.read_parquet(list(warehouse.files("dwd_price", "2024-01-02")))
        """
        with self._opened("files") as workspace:
            name = find(workspace.project, table)
            return tuple(workspace.files(name, arguments.partitions(workspace, name, dt, dates)))

    def sql(self, query: str) -> Relation:
        """Ask the live lake; `.df()`, `.pl()`, `.arrow()`, `.fetchall()` give the rows.

        The tables are those published at the time of the call; the rows are read when they are
        fetched. Fetch soon: a file that is superseded goes away when its partition has been
        published twice more. A relation holds its connection until `close`.

        Raises:
            QueryFailed: DuckDB refuses the query.
            Misuse: it would write, or is no single query.

        Example::

            warehouse.sql("select count(*) from dwd.dwd_price").fetchone()
        """
        workspace = self._reading()
        text = prepared(workspace, query)
        return self._asked.enter_context(bound(workspace, text)).relation(text)

    def _walk(
        self,
        workspace: Workspace,
        plan: Plan,
        names: Sequence[TableName],
        options: Options,
        on_step: OnStep | None,
        *,
        strays: bool,
    ) -> results.Run:
        report = conversion.reporter(on_step)
        run_id, ended = scheduler.run(workspace, plan, arguments.how(options), report=report)
        faults = planning.fault_code(workspace, names, strays=strays)
        return conversion.run(run_id, ended, worst((code_of(ended), faults)))
