"""Holds a contract against the columns of its query, and of the tables it looks into."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property

from nomad.build.checks.columns import differences
from nomad.contract.contract import Contract, Kind, Test
from nomad.engine.instance import Session
from nomad.errors import ConfigError, QueryFailed
from nomad.lint.finding import Finding, Rule, plain
from nomad.names import TableName, did_you_mean, quote
from nomad.partitions import COLUMN
from nomad.plan.schemas import without_dt
from nomad.project.project import Table
from nomad.schema import Column


class Promises:
    """Holds one contract against the columns of its query, and of the tables it looks into.

    `attached` binds a query that names attached databases.
    """

    def __init__(
        self,
        table: Table,
        columns: tuple[Column, ...],
        session: Session,
        known: Mapping[TableName, tuple[Column, ...] | None],
        *,
        attached: Callable[[str], object],
    ) -> None:
        self._bind = attached if table.foreign else session.describe
        self._table, self._columns, self._session, self._known = table, columns, session, known

    @cached_property
    def _there(self) -> list[str]:
        return [*(c.name.lower() for c in self._columns), COLUMN]

    def faults(self) -> Iterator[Finding]:
        """Give them all."""
        contract = self._table.contract
        if contract is None:
            return
        dated = self._table.partitioned
        try:
            own = without_dt(self._columns, partitioned=dated)
            told = differences(self._session, contract, own, dated=dated)
        except ConfigError as e:
            told = [f"{e.what}" + (f": {e.hint}" if e.hint else "")]
        yield from (self._at(_line(contract, text), text) for text in told)
        for test in contract.tests:
            yield from self._of_test(test)

    def _at(self, line: int, message: str) -> Finding:
        assert self._table.contract
        return Finding(self._table.contract.path, line, 1, Rule.CONTRACT, message)

    def _of_test(self, test: Test) -> Iterator[Finding]:
        for column in test.columns:
            if column.lower() not in self._there:
                near = did_you_mean(column, [c.name for c in self._columns]) or ""
                message = f"`{test.name}` tests `{column}`, which the query does not yield"
                yield self._at(test.line, message)._replace(hint=near)
                return
        if test.related:
            yield from self._of_related(test)
        elif test.by_row and test.kind is not Kind.UNIQUE:
            yield from self._of_rows(test)

    def _of_related(self, test: Test) -> Iterator[Finding]:
        other = dict(self._table.related).get(test.name)
        columns = self._known.get(other) if other else None
        field = str(test.words["field"])
        names = [c.name for c in columns or ()]
        if columns and field.lower() not in {n.lower() for n in (*names, COLUMN)}:
            message = f"`{test.name}` looks for `{field}`, which {other} does not have"
            yield self._at(test.line, message)._replace(hint=did_you_mean(field, names) or "")

    def _of_rows(self, test: Test) -> Iterator[Finding]:
        dated = self._table.partitioned
        kinds = [(c.name, c.type) for c in without_dt(self._columns, partitioned=dated)]
        if dated:
            kinds.append((COLUMN, "DATE"))
        types = {name.lower(): kind for name, kind in kinds}
        made = ", ".join(f"CAST(NULL AS {kind}) AS {quote(name)}" for name, kind in kinds)
        try:
            self._bind(f"SELECT ({test.broken(types)}\n) AS broken FROM (SELECT {made})")
        except QueryFailed as e:
            yield self._at(test.line, f"`{test.name}`: {plain(e)}")


def _line(contract: Contract, told: str) -> int:
    """Find the line of the column that a text names; the first one where it isn't there."""
    name = re.search(r"`([^`]+)`", told)
    lines = {c.name.lower(): c.line for c in contract.columns}
    return lines.get(name[1].lower(), 1) if name else 1
