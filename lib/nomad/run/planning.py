"""Plans as commands ask for them: of a workspace, with what a plan leaves out, or narrowed down."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import date
from typing import NamedTuple

from nomad.errors import Misuse, worst
from nomad.names import TableName
from nomad.partitions import Partition
from nomad.plan import planner
from nomad.plan.steps import Plan, narrowed
from nomad.run.due import due_dates
from nomad.run.status import CellState, of_plan
from nomad.workspace import Workspace

ALL = "all"
ONLY = (CellState.MISSING, CellState.FAILED, CellState.STALE, ALL)
"""What a backfill may be limited to."""


def make(
    workspace: Workspace,
    tables: Collection[TableName],
    dates: Sequence[date],
    *,
    force: bool = False,
) -> Plan:
    """Plan some tables at some dates, of which those outside their calendars are left out."""
    return planner.plan(
        workspace.project,
        workspace.lake,
        workspace.pruner,
        tables=tables,
        dates=dates,
        force=force,
        due_dates=due_dates(workspace, dates),
    )


def backfill(
    plan: Plan,
    only: Collection[str],
    *,
    force: bool = False,
    newest_first: bool = False,
    most: int = 0,
) -> Plan:
    """Keep the steps of a plan that a backfill is for, at most so many of them (0: all).

    Raises:
        Misuse: `only` names a state that there isn't.
    """
    wanted = _states(only)
    states = of_plan(plan)
    forced = force and ALL in wanted
    return narrowed(
        plan,
        keep=lambda s: forced or states[s.cell].state in wanted,
        newest_first=newest_first,
        most=most,
    )


def _states(only: Collection[str]) -> set[str]:
    if strays := sorted(set(only) - set(ONLY)):
        raise Misuse(f"`{strays[0]}` is none of {', '.join(ONLY)}")
    return set(ONLY) if ALL in only else set(only)


class PassedOver(NamedTuple):
    """What of a range a plan leaves out: no source has it, or it waits to be extracted.

    Or it is `early`: a source isn't due before a time that is still to come.
    """

    absent: tuple[Partition, ...] = ()
    waiting: tuple[Partition, ...] = ()
    early: tuple[Partition, ...] = ()


def passed_over(workspace: Workspace, plan: Plan) -> PassedOver:
    """Tell which partitions a plan leaves out, and which of them only wait to be extracted."""
    left_out = plan.without_source
    if not left_out:
        return PassedOver()
    from nomad.run.chosen import delivered
    from nomad.run.readiness import too_early

    sources = {s for table, _ in plan.passed_over for s in workspace.project.sources_of(table)}
    early = tuple(too_early(workspace, sources, left_out))
    due = [p for p in left_out if p not in early]
    waiting = tuple(delivered(workspace, sources, due))
    return PassedOver(tuple(p for p in due if p not in waiting), waiting, early)


def outside_calendar(plan: Plan) -> list[Partition]:
    """Tell at which of the dates asked for no table is due."""
    due = {s.partition for s in plan.steps} | {p for _, p in plan.passed_over}
    return sorted({p for _, p in plan.undue if p} - due)


def fault_code(workspace: Workspace, tables: Iterable[TableName], *, strays: bool) -> int:
    """Give the exit code of what is broken among some tables and, with `strays`, of no table."""
    project = workspace.project
    faults = [project.tables[n].fault for n in tables]
    return worst(f.exit_code for f in (*faults, *(project.strays if strays else ())) if f)
