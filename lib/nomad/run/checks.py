"""Tests what is published, without building anything."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial

from nomad.build.checks.inputs import gather, rows_before
from nomad.build.checks.inspection import Inspected, inspect
from nomad.build.checks.result import CheckResult, CheckStatus
from nomad.build.checks.subject import Subject
from nomad.contract.contract import Evolution, Severity
from nomad.engine import scan
from nomad.errors import CorruptManifest, Late, NomadError, Refused, worst
from nomad.lake.lake import Lake
from nomad.lake.manifest import Manifest, Published
from nomad.names import TableName, quote
from nomad.partitions import COLUMN, Partition, of_table
from nomad.project.project import Table
from nomad.run.due import due_dates
from nomad.schema import Column
from nomad.workspace import Workspace

FRESHNESS = "freshness"
_SECONDS_A_DAY = 86_400


@dataclass(frozen=True)
class Checked:
    """What one test found in one published partition.

    `held` are the rows it sent to quarantine when that was built, of all the `refused` there.
    """

    table: TableName
    partition: Partition | None
    result: CheckResult
    held: int = 0
    refused: int = 0

    @property
    def status(self) -> str:
        """The result's on what is published; `quarantined` where only refused rows broke it."""
        return (
            CheckStatus.QUARANTINED if self.held and not self.result.broken else self.result.status
        )


@dataclass(frozen=True)
class CheckRun:
    """What all tests found; the tables with tests of which nothing is published; what is broken.

    `unreadable` are the manifests that were passed over, as no one can read them.
    """

    results: tuple[Checked, ...]
    unpublished: tuple[TableName, ...] = ()
    faults: tuple[NomadError, ...] = ()
    unreadable: tuple[CorruptManifest, ...] = ()

    @property
    def broken(self) -> list[Checked]:
        """The tests that rows break, warnings apart."""
        harmless = (CheckStatus.PASS, CheckStatus.WARN)
        return [c for c in self.results if c.result.status not in harmless]

    @property
    def exit_code(self) -> int:
        """The worst of all: refused data weighs more than late data."""
        late = [c for c in self.broken if c.result.kind == FRESHNESS]
        refused = len(late) < len(self.broken)
        codes = [Refused.exit_code] if refused else [Late.exit_code] if late else []
        codes += [Late.exit_code] if self.unpublished else []
        return worst([*codes, *(f.exit_code for f in (*self.faults, *self.unreadable))])


def check_all(workspace: Workspace, tables: Sequence[TableName], dates: Sequence[date]) -> CheckRun:
    """Check what is published of some tables at some dates."""
    faults = (workspace.project.tables[n].fault for n in tables)
    unreadable: list[CorruptManifest] = []
    return CheckRun(
        tuple(_check(workspace, tables, dates, unreadable)),
        tuple(_unpublished(workspace, tables, dates)),
        tuple(f for f in faults if f),
        tuple(unreadable),
    )


def _check(
    workspace: Workspace,
    tables: Iterable[TableName],
    dates: Sequence[date],
    unreadable: list[CorruptManifest],
) -> Iterator[Checked]:
    """Check the published partitions of tables that have a contract or checks.

    Partitions that are not published are passed over; those that can't be read are added to
    `unreadable`.
    """
    for name in tables:
        table = workspace.project.tables[name]
        for partition in _cells(table, dates):
            try:
                manifest = workspace.lake.manifest(name, partition)
            except CorruptManifest as e:
                unreadable.append(e)
                continue
            if manifest:
                yield from _checked(workspace, table, manifest)
        yield from _freshness(workspace, table)


def _checked(workspace: Workspace, table: Table, manifest: Manifest) -> Iterator[Checked]:
    inspected, held = check_version(workspace, table, manifest), _held(manifest)
    refused = manifest.quarantined.rows if manifest.quarantined else 0
    for result in inspected.results:
        failed = held.get(result.test, 0)
        yield Checked(table.name, manifest.partition, result, failed, refused)


def _held(manifest: Manifest) -> dict[str, int]:
    """Count by test the rows that are in quarantine."""
    checks = manifest.checks if manifest.quarantined else ()
    return {c["test"]: c["failed"] for c in checks if c["status"] == CheckStatus.QUARANTINED}


def _unpublished(
    workspace: Workspace, tables: Iterable[TableName], dates: Sequence[date]
) -> list[TableName]:
    """Name the tables with tests of which nothing is published at any of the dates.

    A table that is due on none of them is not among these.
    """
    due, lake = due_dates(workspace, ()), workspace.lake
    tested = (workspace.project.tables[n] for n in tables)
    found = ((t, _cells(t, dates)) for t in tested if t.contract or t.checks)
    absent = ((t, c) for t, c in found if not any(_is_there(lake, t.name, p) for p in c))
    return [t.name for t, c in absent if any(p is None or due(t.name).is_due(p) for p in c)]


def _is_there(lake: Lake, table: TableName, partition: Partition | None) -> bool:
    """Tell whether there is a manifest, be it one that can't be read."""
    try:
        return lake.manifest(table, partition) is not None
    except CorruptManifest:
        return True


def _cells(table: Table, days: Sequence[date]) -> Sequence[Partition | None]:
    return of_table(days, partitioned=table.partitioned)


def check_version(workspace: Workspace, table: Table, manifest: Manifest) -> Inspected:
    """Check the rows of one published version."""
    files = workspace.lake.files([manifest]) or [scan.Files((), manifest.schema)]
    source = scan.select(files, partitioned=manifest.partition is not None)
    if not table.contract and not table.checks:
        return Inspected(source)
    return check_rows(workspace, table, manifest, source)


def check_rows(workspace: Workspace, table: Table, manifest: Manifest, source: str) -> Inspected:
    """Check the rows of a SELECT as if they were to be published as that partition."""
    partition, lake = manifest.partition, workspace.lake
    inputs = gather(workspace.project, lake, workspace.pruner, table, partition)
    earlier = Published(manifest, "") if partition is None else None
    before = partial(rows_before, lake, table, partition, earlier)
    scratch = workspace.temporary / "check"
    subject = Subject(table, partition, inputs, scratch, "check", before, published=True)
    schema, columns = _grown(table, manifest)
    with workspace.reader(table.texts).session(limited=table.limited) as session:
        inspected = inspect(session, f"SELECT {columns} FROM ({source})", schema, subject)
    if inspected.refusal and not inspected.results:
        rows, told = manifest.row_count, inspected.refusal.what
        wrong = CheckResult("columns", "columns", (), Severity.ERROR, 1, rows, told)
        return inspected._replace(results=(wrong,))
    return inspected


def _grown(table: Table, manifest: Manifest) -> tuple[tuple[Column, ...], str]:
    """Give an older partition the columns it lacks, as NULL, where the contract lets them grow."""
    told = [quote(c.name) for c in manifest.schema]
    schema, contract = list(manifest.schema), table.contract
    there = {c.name.lower() for c in schema} | {COLUMN}
    if contract and contract.evolution == Evolution.ADDITIVE:
        for column in (c for c in contract.columns if c.name.lower() not in there):
            kind = column.type or "INTEGER"
            schema.append(Column(column.name, kind))
            told.append(f"CAST(NULL AS {kind}) AS {quote(column.name)}")
    return tuple(schema), ", ".join(told)


def _freshness(workspace: Workspace, table: Table) -> Iterator[Checked]:
    """Say how old the latest partition is, against what the contract allows."""
    limits = table.contract.freshness if table.contract else None
    if limits is None:
        return
    latest = workspace.lake.latest(table.name, partitioned=table.partitioned)
    age = _age(workspace, latest)
    late = [s for s, most in limits.by_severity
            if most is not None and (age is None or age > most)]  # fmt: skip
    told = f"{age:.1f} days old" if age is not None else "never published"
    severity = late[0] if late else Severity.ERROR
    result = CheckResult(FRESHNESS, FRESHNESS, (), severity, int(bool(late)), 1, told)
    yield Checked(table.name, latest.partition if latest else None, result)


def _age(workspace: Workspace, latest: Manifest | None) -> float | None:
    """Days since the latest partition's date; of a full table, since it was published."""
    if latest is None:
        return None
    if latest.partition:
        return float((workspace.today - latest.partition.start).days)
    return (workspace.now() - latest.made_at).total_seconds() / _SECONDS_A_DAY
