"""Tasks and outcomes are plain values; the scheduler hands out the one, gives the other."""

from __future__ import annotations

import pickle
from datetime import date

import pytest

from nomad.dates import Span
from nomad.errors import OutOfMemory, Refused
from nomad.lake.manifest import Broken, DataFile, Manifest, Published, as_input
from nomad.names import TableName
from nomad.partitions import Partition
from nomad.plan.reads import InputRead
from nomad.plan.steps import Plan, Step
from nomad.run.result import Outcome, Result, Status
from nomad.run.runners.base import Task
from nomad.run.runners.inline import Inline
from nomad.run.scheduler import Scheduler
from nomad.schema import Column

DAY = date(2024, 1, 2)
PARTITION = Partition(DAY)
PRICE, WIDE = TableName("ods", "price"), TableName("dwd", "wide")
MANIFEST = Manifest(
    PRICE, PARTITION, "20240102T000000Z-abcdef", "2024-01-02T00:00:00+00:00",
    files=(DataFile("20240102T000000Z-abcdef-0.parquet", 2, 99, "00"),),
    schema=(Column("close", "DOUBLE"),), content_hash="c", sql_hash="s", contract_hash="",
    engine="duckdb", inputs=(as_input(TableName("raw", "price"), Span(DAY, DAY), ()),),
)  # fmt: skip


def there_and_back(value):
    return pickle.loads(pickle.dumps(value))


def test_a_task_pickles():
    step = Step(WIDE, PARTITION, "build", "stale", (InputRead(PRICE, (Span(DAY, DAY),), (DAY,)),),
                needs=((PRICE, PARTITION),))  # fmt: skip

    assert there_and_back(Task(step, "out of memory")) == Task(step, "out of memory")


@pytest.mark.parametrize("old", [None, Published(MANIFEST, "1"), Broken("1", rest=MANIFEST)])
def test_an_outcome_pickles_with_what_is_published_and_what_that_superseded(old):
    outcome = Outcome(
        Result(PRICE, PARTITION, Status.PUBLISHED, "forced"), Published(MANIFEST, "2"), old
    )

    assert there_and_back(outcome) == outcome


def test_an_error_told_otherwise_leaves_the_first_one_as_it_was():
    said = OutOfMemory("too much", hint="take less")
    there = said.replace(where="sql/ods/price.sql")

    assert (type(there), str(there), there.hint) == (
        OutOfMemory, "sql/ods/price.sql: too much", "take less",
    )  # fmt: skip
    assert said.where is None


@pytest.mark.parametrize("error", [Refused, OutOfMemory])
def test_the_error_of_an_outcome_pickles_with_all_it_says(error):
    said = error("too much", where="sql/ods/price.sql:3", hint="take less")
    outcome = Outcome(Result(PRICE, PARTITION, Status.FAILED, "forced", error=said))

    back = there_and_back(outcome).result.error

    assert (type(back), back.what, back.where, back.hint) == (
        error, "too much", "sql/ods/price.sql:3", "take less",
    )  # fmt: skip


def ends(steps, *, bad=(), most=2, fail_fast=False):
    """Walk steps in the calling thread; name them with their ends, in the order of these."""

    def act(task):
        status = Status.FAILED if task.step.table.name in bad else Status.PUBLISHED
        return Outcome(Result(*task.step.cell, status, ""))

    def end(step, needs):
        return Outcome(Result(*step.cell, Status.BLOCKED if needs else Status.FRESH, ""))

    outcomes = Scheduler(Plan(tuple(steps)), Inline(act), end, most).outcomes(fail_fast=fail_fast)
    return [f"{o.result.table.name} {o.result.status}" for o in outcomes]


def step(name, *needs, action="build", after=()):
    cells = [tuple((TableName("ods", n), None) for n in names) for names in (needs, after)]
    return Step(TableName("ods", name), None, action, "", needs=cells[0], after=cells[1])


def test_a_step_comes_after_those_it_needs_and_else_in_the_order_of_the_plan():
    steps = [step("d", "b", "c"), step("b", "a"), step("a"), step("c"), step("e", after=("d",))]

    assert ends(steps, most=1) == [f"{name} published" for name in "abcde"]


def test_what_needs_a_failed_step_is_blocked_and_what_only_comes_after_it_is_not():
    steps = [step("a"), step("b", "a"), step("c", "b"), step("d", after=("a",))]

    assert ends(steps, bad="a", most=1) == [
        "a failed", "b blocked", "c blocked", "d published",
    ]  # fmt: skip


def test_a_fresh_step_is_not_run():
    assert ends([step("a", action="fresh"), step("b", "a")], bad="a") == ["a fresh", "b published"]


def test_after_the_first_failure_the_rest_is_blocked():
    steps = [step("a"), step("b"), step("c", "b")]

    assert ends(steps, bad="a", most=1, fail_fast=True) == ["a failed", "b blocked", "c blocked"]
