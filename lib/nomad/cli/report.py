"""How `run` and `extract` tell of their steps: a line each as it ends, then the errors and a sum.

As a table, the lines are the result and go to standard output; as JSON or CSV the result is one
document at the end. `--log-format json` writes each step as a JSON line to standard error as well.
"""

from __future__ import annotations

import json
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import click

from nomad import errors
from nomad.cli import say
from nomad.ingest.meter import Meter, Unseen
from nomad.names import counted
from nomad.run.result import Result, Status, code_of

if TYPE_CHECKING:
    from datetime import date

    from nomad.partitions import Partition
    from nomad.store.requests import Requests


@dataclass
class Report:
    """What the user chose to hear."""

    output: str
    quiet: bool = False
    verbose: bool = False
    log_format: str = "text"
    meter: Meter = field(default_factory=Unseen)
    _tell: Callable[[str], None] = field(default=lambda line: click.echo(line) if line else None)
    _few: bool = True
    _alike: dict[tuple[str, str, str], list[Result]] = field(default_factory=dict)
    _ended: list[Result] = field(default_factory=list)
    _unsaid: list[Result] = field(default_factory=list)
    _said: set[str] = field(default_factory=set)
    _began: float = field(default_factory=time.monotonic)

    def step(self, result: Result) -> None:
        """Tell of one step's end."""
        self._ended.append(result)
        if self.log_format == "json":
            click.echo(json.dumps(result.as_log(), ensure_ascii=False), err=True)
        fresh = result.status is Status.FRESH
        shown = self.output == "table" and not self.quiet
        if shown and fresh and not self.verbose and not self._few:
            self._unsaid.append(result)
            shown = False
        shown = shown and not self._folded(result)
        self._tell(_line(result, verbose=self.verbose) if shown else "")

    def _tell_unsaid(self) -> None:
        """Name what was fresh, where in the end only few steps were there: `--only` chose them."""
        if len(self._ended) <= MANY:
            for result in self._unsaid:
                click.echo(_line(result, verbose=False))
        self._unsaid.clear()

    def left_out(self, out: Sequence[Partition], dates: Sequence[date]) -> None:
        """Tell of the dates asked for that are in no calendar, once."""
        text = _outside(out, dates, verbose=self.verbose)
        if text and not self.quiet and text not in self._said:
            self._said.add(text)
            click.echo(text, err=True)

    def _folded(self, result: Result) -> bool:
        """Tell whether a step ended as the one before of its table: by an error, or for another."""
        if self.verbose or result.status not in _FOLDED:
            return False
        key = (result.status, str(result.table), str(result.error or ""))
        self._alike.setdefault(key, []).append(result)
        return len(self._alike[key]) > 1

    def _tell_folded(self) -> None:
        """Count the steps whose lines were left out, and name their dates."""
        from nomad.partitions import briefly

        for (status, table, _), alike in self._alike.items():
            days = sorted(r.partition for r in alike[1:] if r.partition)
            if days and self.output == "table" and not self.quiet:
                click.echo(f"{status:<9}  {table:<40}  {len(days)} more: {briefly(days)}")
        self._alike.clear()

    @contextmanager
    def going(self, steps: int, *, fetching: bool = False) -> Iterator[None]:
        """Accompany a run; if it ends by an error, tell all the same of the steps that ended.

        How far it is, its steps tell, or what it fetches.
        """
        self._ended.clear()
        self._unsaid.clear()
        try:
            with self._progress(steps, fetching=fetching):
                yield
        except errors.NomadError:
            if self._ended:
                self.finish(str(self._ended[0].run_id), self._ended)
            raise

    @contextmanager
    def _progress(self, steps: int, *, fetching: bool) -> Iterator[None]:
        """Show a bar below the lines, where all of it goes to a terminal."""
        self._few = steps <= MANY
        terminal = sys.stdout.isatty() and sys.stderr.isatty()
        if self.quiet or self.output != "table" or not terminal:
            yield
            return
        from nomad.cli import printing

        plain = self._tell
        try:
            with printing.progress(steps, sys.stdout, fetching=fetching) as bar:
                self._tell, self.meter = bar.tell, bar
                yield
        finally:
            self._tell, self.meter = plain, Unseen()

    def _rate(self, results: Sequence[Result]) -> str:
        """Say how fast many steps went."""
        done = sum(r.status is Status.PUBLISHED for r in results)
        seconds = time.monotonic() - self._began
        return f" in {seconds:.1f} s, {done / seconds:.1f} a second" if done > MANY else ""

    def _tell_waiting(self, results: Sequence[Result]) -> None:
        """Say why the exit code isn't 0, where no line has said it."""
        if self.quiet or self.output != "table":
            for r in (r for r in results if r.status is Status.WAITING):
                click.echo(f"waiting: {r.table} {r.partition or ''}: {r.reason}", err=True)

    def finish(
        self, run_id: str, results: Sequence[Result], requests: Requests | None = None
    ) -> None:
        """Write the document, if one was asked for; then errors, a summary and what it took."""
        if self.output != "table":
            from nomad.cli import printing

            rows = [r.as_row() for r in results]
            columns = list(rows[0]) if rows else []
            if self.output == "csv":
                rows = [{**r, "checks": _told(r.get("checks") or ())} for r in rows]
            extra: dict[str, Any] = {"run_id": run_id}
            if counts := requests.by_subject() if requests and self.verbose else {}:
                extra["requests"] = {subject: dict(kinds) for subject, kinds in counts.items()}
            printing.listing(
                "steps", columns, rows, output=self.output, out=sys.stdout, extra=extra
            )
        self._tell_unsaid()
        self._tell_folded()
        failed = {str(r.error): r.error for r in results if r.error and r.status is Status.FAILED}
        for error in failed.values():
            say(error)
        self._tell_waiting(results)
        if not self.quiet:
            click.echo(f"run {run_id}: {_sum(results)}{self._rate(results)}", err=True)
        if self.verbose and requests and not self.quiet:
            _tell_requests(requests)


def _outside(out: Sequence[Partition], dates: Sequence[date], *, verbose: bool) -> str:
    """Say that no date asked for is in the calendar; of some that aren't, `verbose`, how many."""
    from nomad.partitions import briefly

    if out and len(out) == len(dates):
        are = "is" if len(out) == 1 else "are"
        return f"{briefly(out)} {are} not in the calendar: nothing due"
    return f"not in the calendar: {counted(len(out), 'date')}" if out and verbose else ""


def _tell_requests(requests: Requests) -> None:
    """Write how many requests went to the server, by table and kind; of a disk, nothing."""
    from nomad.cli import printing
    from nomad.store.requests import KINDS

    counts = requests.by_subject()
    if not counts:
        return
    rows = [(name, *(kinds[k] for k in KINDS)) for name, kinds in counts.items()]
    total = requests.total()
    rows.append(("all requests", *(total[k] for k in KINDS)))
    printing.table(["requests", *KINDS], rows, sys.stderr)


MANY = 20
"""From so many steps on, a line is written only for those that did something."""


_COLOURS = {
    Status.FAILED: "red",
    Status.BLOCKED: "yellow",
    Status.WAITING: "yellow",
    Status.PUBLISHED: "green",
}
_FOLDED = (Status.FAILED, Status.BLOCKED, Status.WAITING)
_BELOW = "\n" + " " * 11
_LINE = 81
"""Characters of a line before its reason, of a table whose name is of usual length."""


def _line(result: Result, *, verbose: bool) -> str:
    dt = str(result.partition or "")
    rows = "" if result.row_count is None else counted(result.row_count, "row")
    reason = "" if result.reason == result.status else result.reason
    if result.quarantined and result.status is not Status.FRESH:
        reason += f"; {counted(result.quarantined, 'row')} to quarantine"
    status = click.style(f"{result.status:<9}", fg=_COLOURS.get(result.status))
    text = f"{status}  {result.table!s:<34}  {dt:<10}  {rows:>10}  {result.seconds:6.2f} s"
    narrow = sys.stdout.isatty() and _LINE + len(reason) > shutil.get_terminal_size().columns
    text = f"{text}{_BELOW if narrow else '  '}{reason}".rstrip()
    if verbose and result.location:
        files = counted(result.file_count or 0, "file")
        text += f"{_BELOW}{result.bytes} bytes in {files}, {result.location}"
    return text


def _told(checks: Sequence[Any]) -> str:
    """Put the tests that are broken into a cell: `account_id_unique: 2; total: 3`."""
    return "; ".join(f"{c['test']}: {c['failed']}" for c in checks)


def _sum(results: Sequence[Result]) -> str:
    statuses = dict.fromkeys(r.status for r in results)
    counts = {s: sum(r.status == s for r in results) for s in statuses}
    if set(counts) <= {Status.FRESH}:
        return f"nothing to do, {len(results)} fresh" if results else "nothing to do"
    return ", ".join(f"{n} {status}" for status, n in counts.items())


def worst(results: Sequence[Result], *, fail_on_quarantine: bool = False) -> int:
    """Choose the exit code: the worst of the errors, or 1 where something was only blocked.

    With `fail_on_quarantine`, rows that were refused beside what is published count as 4, be it
    from this run or fresh; it is told, however quiet all else is.
    """
    refused = [r for r in results if r.quarantined] if fail_on_quarantine else []
    if refused:
        _tell_refused(refused)
    return errors.worst((code_of(results), errors.Refused.exit_code if refused else 0))


def _tell_refused(results: Sequence[Result]) -> None:
    rows = counted(sum(r.quarantined for r in results), "row")
    tables = ", ".join(sorted({str(r.table) for r in results}))
    click.echo(f"--fail-on-quarantine: {rows} in quarantine, of {tables}", err=True)
