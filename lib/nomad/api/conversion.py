"""What the packages below give, as the values that Python is given."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import date

from nomad.api import results
from nomad.build.checks.result import CheckStatus
from nomad.partitions import Partition
from nomad.plan import steps
from nomad.project.project import Table
from nomad.run import checks, history, planning
from nomad.run.result import Result
from nomad.run.status import State
from nomad.workspace import Workspace

OnStep = Callable[[results.Result], None]
"""Called with each step's result as it ends, for a progress bar, say."""


def reporter(on_step: OnStep | None) -> Callable[[Result], None]:
    """Have a step's end told as a value, if anybody listens."""
    return (lambda step: on_step(result(step))) if on_step else (lambda _: None)


def run(run_id: str, ended: Sequence[Result], exit_code: int) -> results.Run:
    """Give a run and the ends of its steps."""
    return results.Run(run_id, tuple(map(result, ended)), exit_code)


def result(step: Result) -> results.Result:
    """Give how a step ended, with the tests that rows broke."""
    table, day = str(step.table), _day(step.partition)
    broken = tuple(
        results.CheckResult(
            table, day, c["test"], c["severity"], c["status"], c["failed"], c["rows"],
            c.get("note", ""),
        )
        for c in step.checks
        if c["status"] != "pass"
    )  # fmt: skip
    return results.Result(
        table,
        day,
        step.status,
        step.reason,
        step.row_count,
        step.file_count,
        step.bytes,
        round(step.seconds, 3),
        step.error,
        step.quarantined,
        step.retried,
        broken,
        step.location,
    )


def plan(workspace: Workspace, made: steps.Plan) -> results.Plan:
    """Give a plan's steps, and the dates that it passes over."""
    found = (
        results.PlanStep(str(s.table), _day(s.partition), s.action, s.reason) for s in made.steps
    )
    absent, waiting, early = planning.passed_over(workspace, made)
    return results.Plan(tuple(found), _days(absent), _days((*waiting, *early)))


def check(found: checks.Checked) -> results.CheckResult:
    """Give what a test found in a published partition."""
    result = found.result
    return results.CheckResult(
        str(found.table),
        _day(found.partition),
        result.test,
        result.severity,
        CheckStatus(found.status),
        result.broken or found.held,
        result.rows,
        result.note,
    )


def version(version: history.Version) -> results.Version:
    """Give what `nomad history` tells of a version."""
    m = version.manifest
    state = "published" if version.published else "kept"
    return results.Version(
        _day(m.partition), m.run_id, state, m.made_at, m.row_count, m.content_hash
    )


def table(given: Table) -> results.Table:
    """Give what `nomad ls` tells of a table."""
    name, inputs = given.name, tuple(map(str, given.inputs))
    return results.Table(
        str(name), name.layer, given.sql.path, given.partitioned, inputs, given.description
    )


def state(given: State) -> results.State:
    """Give what `nomad status` tells of a partition."""
    day = _day(given.partition)
    return results.State(str(given.table), day, given.state, given.reason, given.rows)


def _day(partition: Partition | None) -> date | None:
    """Give a partition as Python is given it: its date."""
    return partition.start if partition else None


def _days(partitions: Iterable[Partition]) -> tuple[date, ...]:
    return tuple(p.start for p in partitions)
