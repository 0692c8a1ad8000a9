"""What the Python API gives and takes: plain frozen values, named as in `--output json`.

Dates are `datetime.date`, None for a full table; tables are names like `dwd.dwd_price`. Each value
has `as_dict()`, which holds only what JSON can write: the row that the command prints.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from datetime import date, datetime
from typing import Any

from nomad.build.checks.result import CheckStatus
from nomad.contract.contract import Severity
from nomad.errors import Late, NomadError, StepFailed
from nomad.plan.steps import Action
from nomad.run.result import Status
from nomad.run.status import CellState


class _Row:
    """A value that can be written as JSON."""

    def as_dict(self) -> dict[str, Any]:
        """Give the fields by name: dates as ISO text, values as dicts, tuples as lists."""
        return {f.name: _plain(getattr(self, f.name)) for f in fields(self)}  # type: ignore[arg-type]


def _plain(value: object) -> Any:
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, NomadError):
        return f"{value}; try: {value.hint}" if value.hint else str(value)
    if isinstance(value, tuple):
        return [_plain(v) for v in value]
    return value.as_dict() if isinstance(value, _Row) else value


@dataclass(frozen=True, kw_only=True)
class Options:
    """How `run` and `backfill` go about it; the words are those of the command line.

    `force` builds what is fresh, too. `full_refresh` makes tables that merge forget their old rows.
    `allow_missing` reads a missing partition as empty. `dry_run` builds in scratch and publishes
    nothing. `fail_fast` stops at the first failure. `wait` waits for another run that builds the
    same partitions, instead of raising `Busy`. `jobs` is how many partitions are built at once;
    None takes `engine.jobs` of nomad.yaml.

    Example:
        >>> Options(force=True, jobs=2).force
        True
    """

    force: bool = False
    full_refresh: bool = False
    allow_missing: bool = False
    dry_run: bool = False
    fail_fast: bool = False
    wait: bool = False
    jobs: int | None = None


@dataclass(frozen=True)
class Table(_Row):
    """One table of the project. `path` is its SQL file, `inputs` are the tables it reads."""

    name: str
    layer: str
    path: str
    partitioned: bool
    inputs: tuple[str, ...]
    description: str


@dataclass(frozen=True)
class PlanStep(_Row):
    """One partition (or full table), what is to be done with it, and why."""

    table: str
    partition_date: date | None
    action: Action
    reason: str


@dataclass(frozen=True)
class Plan(_Row):
    """What would be done, in order.

    Of a range, `no_source` are the dates that no source has, and `not_extracted` those that wait
    to be extracted; both are passed over.
    """

    steps: tuple[PlanStep, ...]
    no_source: tuple[date, ...] = ()
    not_extracted: tuple[date, ...] = ()

    @property
    def stale(self) -> tuple[PlanStep, ...]:
        """The steps that would build something."""
        return tuple(s for s in self.steps if s.action is Action.BUILD)

    def __iter__(self) -> Iterator[PlanStep]:
        return iter(self.steps)

    def __len__(self) -> int:
        return len(self.steps)


@dataclass(frozen=True)
class CheckResult(_Row):
    """What one test found: `failed` rows of so many `rows` break it; `note` says more."""

    table: str
    partition_date: date | None
    test: str
    severity: Severity
    status: CheckStatus
    failed: int
    rows: int
    note: str = ""


@dataclass(frozen=True)
class Checks(_Row):
    """What all tests found.

    `unpublished` are tables with tests of which nothing is published at any of the dates.
    `exit_code` is that of `nomad check`: 0, 4 (rows break a test), 5 (late) or 2 (a broken file).
    """

    results: tuple[CheckResult, ...]
    unpublished: tuple[str, ...]
    exit_code: int

    @property
    def ok(self) -> bool:
        """Whether nothing is broken, late or unpublished."""
        return self.exit_code == 0

    def __iter__(self) -> Iterator[CheckResult]:
        return iter(self.results)

    def __len__(self) -> int:
        return len(self.results)


@dataclass(frozen=True)
class Result(_Row):
    """How one step of a run ended.

    `seconds` is wall time, `bytes` the size of the files published, `location` where they lie.
    `error` is what went wrong, `checks` the tests that rows broke, `quarantined` the rows that were
    refused beside what is published; `retried` says why a step was tried twice.
    """

    table: str
    partition_date: date | None
    status: Status
    reason: str
    row_count: int | None
    file_count: int | None
    bytes: int | None
    seconds: float
    error: NomadError | None
    quarantined: int
    retried: str | None
    checks: tuple[CheckResult, ...]
    location: str | None


@dataclass(frozen=True)
class Run(_Row):
    """One run: its id, and how each step ended, in the order of the plan.

    `exit_code` is that of the command: 0 where all went well.
    """

    run_id: str
    steps: tuple[Result, ...]
    exit_code: int

    @property
    def ok(self) -> bool:
        """Whether the command would have ended with 0."""
        return self.exit_code == 0

    @property
    def failed(self) -> tuple[Result, ...]:
        """The steps that failed, and those that were blocked by them."""
        return tuple(s for s in self.steps if s.status in (Status.FAILED, Status.BLOCKED))

    def raise_for_failure(self) -> Run:
        """Raise the first step's error, if a step failed; else give the run itself.

        Raises:
            NomadError: the error of the first step that failed.
            Late: none failed, and something isn't ready yet.
        """
        if self.ok:
            return self
        errors = [s.error for s in self.steps if s.error]
        if not errors and (waits := [s for s in self.steps if s.status is Status.WAITING]):
            raise Late(f"{waits[0].table} {waits[0].partition_date or ''}: {waits[0].reason}")
        raise errors[0] if errors else StepFailed(f"run {self.run_id} did not end well")

    def __iter__(self) -> Iterator[Result]:
        return iter(self.steps)

    def __len__(self) -> int:
        return len(self.steps)


@dataclass(frozen=True)
class State(_Row):
    """The state of one partition (or full table) and, where it is not simply published, why."""

    table: str
    partition_date: date | None
    state: CellState
    reason: str
    row_count: int | None


@dataclass(frozen=True)
class Version(_Row):
    """One version of a partition; `state` is `published`, or `kept` in the history."""

    partition_date: date | None
    run_id: str
    state: str
    generated_at: datetime
    row_count: int
    content_hash: str
