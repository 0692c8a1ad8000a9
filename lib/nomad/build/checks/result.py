"""What a test found, as a value; and the words for it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Any, NamedTuple

from nomad.contract.contract import Severity, Test
from nomad.names import counted


class CheckStatus(StrEnum):
    """What came of a test."""

    PASS = "pass"  # noqa: S105
    FAIL = "fail"
    WARN = "warn"
    QUARANTINED = "quarantined"


_STATUS = {
    Severity.ERROR: CheckStatus.FAIL,
    Severity.WARN: CheckStatus.WARN,
    Severity.QUARANTINE: CheckStatus.QUARANTINED,
}
_MOST_TESTS = 5
_MOST_COLUMNS = 8
_LONGEST = 40
_MOST_VALUES = 10


class CheckResult(NamedTuple):
    """What one test found: how many rows (or facts) broke it, of how many, and the first of them.

    `examples` are (row number, columns and values); they are for the message, not kept.
    """

    test: str
    kind: str
    columns: tuple[str, ...]
    severity: Severity
    broken: int
    rows: int
    note: str = ""
    where: str = ""
    examples: tuple[tuple[int, tuple[tuple[str, Any], ...]], ...] = ()

    @property
    def status(self) -> CheckStatus:
        """`pass`, `fail`, `warn` or `quarantined`."""
        return _STATUS[self.severity] if self.broken else CheckStatus.PASS

    def as_body(self) -> dict[str, Any]:
        """Give it as manifest, journal and `--output json` show it."""
        body = {
            "test": self.test, "kind": self.kind, "columns": list(self.columns),
            "severity": self.severity, "status": self.status, "failed": self.broken,
            "rows": self.rows,
        }  # fmt: skip
        return {**body, "note": self.note} if self.note else body

    def told(self) -> str:
        """Say what broke, and show the first rows that did."""
        what = self.note or f"{self.broken} of {counted(self.rows, 'row')} break it"
        return "\n".join([f"`{self.test}`: {what}", *(_row(n, row) for n, row in self.examples)])


def accepting(test: Test, broken: int, rows: int) -> str:
    """Say what would have been accepted, where that is a list."""
    if not (broken and test.spelled):
        return ""
    more = ", …" if len(test.spelled) > _MOST_VALUES else ""
    told = ", ".join(test.spelled[:_MOST_VALUES]) + more
    return f"{broken} of {counted(rows, 'row')} break it; accepted: {told}"


def failed(results: Iterable[CheckResult]) -> list[CheckResult]:
    """Those that stop the publish."""
    return [r for r in results if r.status == CheckStatus.FAIL]


def message(bad: Sequence[CheckResult]) -> str:
    """Put the first few failed tests into words."""
    told = [r.told() for r in bad[:_MOST_TESTS]]
    if len(bad) > _MOST_TESTS:
        told.append(f"and {len(bad) - _MOST_TESTS} more tests")
    return "\n  ".join(told)


def _row(number: int, row: Sequence[tuple[str, Any]]) -> str:
    cells = [f"{name}={_short(value)}" for name, value in row[:_MOST_COLUMNS]]
    more = ", …" if len(row) > _MOST_COLUMNS else ""
    return f"    row {number}: {', '.join(cells)}{more}"


def _short(value: object) -> str:
    text = "NULL" if value is None else str(value)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
