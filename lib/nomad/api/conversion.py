"""What the packages below give, as the values that Python is given."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from nomad.api import results
from nomad.build.checks.result import CheckStatus
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
    table, day = str(step.table), step.partition
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
    found = (results.PlanStep(str(s.table), s.partition, s.action, s.reason) for s in made.steps)
    return results.Plan(tuple(found), *planning.passed_over(workspace, made))


def check(found: checks.Checked) -> results.CheckResult:
    """Give what a test found in a published partition."""
    result = found.result
    return results.CheckResult(
        str(found.table),
        found.partition,
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
    at = datetime.fromisoformat(m.generated_at)
    return results.Version(m.partition_date, m.run_id, state, at, m.row_count, m.content_hash)


def table(given: Table) -> results.Table:
    """Give what `nomad ls` tells of a table."""
    name, inputs = given.name, tuple(map(str, given.inputs))
    return results.Table(
        str(name), name.layer, given.sql.path, given.partitioned, inputs, given.description
    )


def state(given: State) -> results.State:
    """Give what `nomad status` tells of a partition."""
    return results.State(str(given.table), given.partition, given.state, given.reason, given.rows)
