"""What state each table is in at each date, from manifests, the plan and the journals."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import date
from enum import StrEnum
from typing import NamedTuple

from nomad.errors import CorruptManifest
from nomad.lake.journal import steps
from nomad.lake.lake import Lake
from nomad.lake.layout import JOURNAL, JOURNALS, Cell, name_of
from nomad.names import TableName, counted
from nomad.partitions import Partition, folder, of_days, parse
from nomad.plan.planner import plan
from nomad.plan.steps import Action, Plan, Step
from nomad.run.due import due_dates
from nomad.run.result import Status
from nomad.workspace import Workspace


class CellState(StrEnum):
    """What there is of a table at a date."""

    PUBLISHED = "published"
    EMPTY = "empty"
    STALE = "stale"
    MISSING = "missing"
    FAILED = "failed"
    QUARANTINED = "quarantined"


MARKS = {
    CellState.PUBLISHED: "#",
    CellState.EMPTY: "0",
    CellState.STALE: "~",
    CellState.MISSING: ".",
    CellState.FAILED: "!",
    CellState.QUARANTINED: "q",
}
"""How a calendar shows each state: told apart without colour."""


class State(NamedTuple):
    """One cell: its state, and where it is not simply published, why."""

    table: TableName
    partition: Partition | None
    state: CellState
    reason: str = ""
    rows: int | None = None


def status(
    workspace: Workspace, tables: Collection[TableName], dates: Sequence[date]
) -> list[State]:
    """Tell the state of each table at each date (of a full table, once), tables in their order.

    A date outside the table's calendar has none, unless something is published there all the same.
    `failed` means that the last attempt did; what was published before it is still there.
    """
    found = plan(
        workspace.project,
        workspace.lake,
        workspace.pruner,
        tables=tables,
        dates=dates,
        due_dates=due_dates(workspace, dates),
    )
    assert found.lake
    wrong = _failures(found.lake)
    states = [_state(found.lake, step, wrong) for step in found.steps]
    states += [
        State(t, p, CellState.MISSING, "no source has the date") for t, p in found.passed_over
    ]
    states += _beside_calendar(found.lake, found.undue)
    asked = {None, *of_days(dates)}
    places = {name: i for i, name in enumerate(workspace.project.order)}
    shown = [s for s in states if s.partition in asked]
    return sorted(shown, key=lambda s: (places[s.table], folder(s.partition)))


def _beside_calendar(lake: Lake, undue: Iterable[Cell]) -> Iterator[State]:
    """Tell of what is published at dates that are not due."""
    steps = (Step(*cell, Action.FRESH, "not in the calendar") for cell in undue)
    states = (_state(lake, step, {}) for step in steps)
    return (s for s in states if s.state is not CellState.MISSING)


def of_plan(found: Plan) -> dict[Cell, State]:
    """Tell the state of each step's cell, as the plan found it."""
    assert found.lake
    wrong = _failures(found.lake)
    return {step.cell: _state(found.lake, step, wrong) for step in found.steps}


def _state(lake: Lake, step: Step, wrong: dict[Cell, tuple[str, str]]) -> State:
    try:
        facts = lake.facts(step.table, folder(step.partition))
    except CorruptManifest:
        return State(*step.cell, CellState.FAILED, step.reason)
    failure = wrong.get(step.cell)
    if failure and (facts is None or facts.run_id < failure[0]) and step.action == Action.BUILD:
        return State(*step.cell, CellState.FAILED, failure[1], facts.rows if facts else None)
    if facts is None:
        return State(*step.cell, CellState.MISSING, step.reason)
    if step.action == Action.BUILD:
        return State(*step.cell, CellState.STALE, step.reason, facts.rows)
    if facts.refused is not None:
        return State(*step.cell, CellState.QUARANTINED, counted(facts.refused, "row"), facts.rows)
    return State(*step.cell, CellState.PUBLISHED if facts.rows else CellState.EMPTY, "", facts.rows)


def _failures(lake: Lake) -> dict[Cell, tuple[str, str]]:
    """Name the cells whose last attempt failed: the run, and what it said."""
    found: dict[Cell, tuple[str, str]] = {}
    journals = lake.listing.every(JOURNALS, suffix=JOURNAL, fresh=True)
    for key in sorted(journals, key=name_of):
        for event in steps(journals[key].data):
            cell = TableName.parse(event["table"]), parse(event["partition_date"])
            if event["status"] in (Status.FAILED, Status.BLOCKED):
                found[cell] = event["run_id"], event["error"] or event["reason"]
            elif event["status"] in (Status.PUBLISHED, Status.FRESH):
                found.pop(cell, None)
    return found
