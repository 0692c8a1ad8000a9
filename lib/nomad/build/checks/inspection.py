"""Checks the rows of one build before they are written: those that pass, and those that do not.

All row tests run in one pass. What they find is a table of row numbers, so each row lands on
exactly one side: published where its number is not there, in quarantine where it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from nomad.build.checks.columns import differences, fitting
from nomad.build.checks.refused import BROKEN, free_name, refused_rows
from nomad.build.checks.result import CheckResult, CheckStatus, accepting, failed, message
from nomad.build.checks.subject import Subject
from nomad.contract.contract import STAGED, Contract, Kind, Severity, Test
from nomad.engine.instance import Place, Session, Staged, View
from nomad.errors import ConfigError, OutOfMemory, QueryFailed, Refused
from nomad.names import counted, quote
from nomad.partitions import COLUMN
from nomad.project.contracts import Check
from nomad.project.project import Table
from nomad.schema import Column
from nomad.sqlfile.file import replacing

_ROWS, _EXAMPLES = "staged rows", 3


class Inspected(NamedTuple):
    """What came of an inspection: the query of the rows that may be published, unless refused.

    `bad` counts the rows for quarantine, `quarantined` is their file. Of columns that are not those
    of the contract there is a `refusal` and no results.
    """

    query: str
    results: tuple[CheckResult, ...] = ()
    bad: int = 0
    quarantined: Staged | None = None
    refusal: Refused | None = None

    @property
    def checks(self) -> tuple[dict[str, object], ...]:
        """The results, as the manifest keeps them."""
        return tuple(r.as_body() for r in self.results)


def inspect(session: Session, query: str, schema: Sequence[Column], subject: Subject) -> Inspected:
    """Check the rows that a query yields.

    They are refused where a test of severity `error` is broken, columns differ, or too many are
    bad.

    Raises:
        ConfigError: a test doesn't fit the table.
    """
    table, contract, dated = subject.table, subject.contract, subject.partition is not None
    fitting(contract, schema, table, dated=dated)
    if told := differences(session, contract, schema, dated=dated):
        return Inspected(query, refusal=_other_columns(contract, told, table))
    if not (contract.tests or table.checks):
        return Inspected(query)
    rows = _Rows.staged(session, query, schema, subject)
    total = rows.count()
    results = [*rows.by_row(total)]
    bad = rows.bad()
    results += rows.whole(total - bad)
    results += [rows.single(check) for check in table.checks]
    if refusal := _refusal(table, contract, results, total, bad):
        return Inspected(query, tuple(results), bad, refusal=refusal)
    quarantined = rows.quarantine() if bad else None
    return Inspected(rows.good() if bad else rows.every, tuple(results), bad, quarantined)


@dataclass(frozen=True)
class _Rows:
    """The rows under inspection, kept in the session; `number` names the column of their numbers.

    `counted_by` is what numbers them in the kept rows.
    """

    session: Session
    subject: Subject
    contract: Contract
    schema: Sequence[Column]
    number: str
    counted_by: str

    @classmethod
    def staged(
        cls, session: Session, query: str, schema: Sequence[Column], subject: Subject
    ) -> _Rows:
        """Keep the query's rows in a table, numbered from 1, for tests and checks to find.

        DuckDB numbers rows by `rowid`, for nothing, unless a column bears that name. A view, which
        has none, will do for published rows alone: those of a build may come out otherwise again.
        """
        sql, number = subject.table.sql, free_name("row number", schema)
        at = Place(sql.path, sql.line - 1)
        odd, kind = (("STRUCT",), "VIEW") if subject.published else ((), "TABLE")
        if any(c.name.lower() == "rowid" or c.type.startswith(odd) for c in schema):
            numbered = f"SELECT *, row_number() OVER () AS {number} FROM (\n{query}\n)"
            session.execute(f"CREATE TEMP {kind} {quote(_ROWS)} AS {numbered}", at=at)
            counted_by = number
        else:
            session.execute(f"CREATE TEMP TABLE {quote(_ROWS)} AS\n{query}", at=at)
            counted_by = "rowid + 1"
        rows = cls(session, subject, subject.contract, schema, number, counted_by)
        rows._bind()
        return rows

    def _bind(self) -> None:
        """Let tests find the rows as `staged`, and checks as the table itself."""
        number = f"{self.counted_by} AS {self.number}"
        head = "CREATE OR REPLACE TEMP VIEW"
        source = f"FROM {quote(_ROWS)}"
        named = ", ".join([*self._columns, number])
        self.session.execute(f"{head} {STAGED} AS SELECT {named} {source}")
        for test, select in self.subject.inputs.parents.items():
            parent = select or f"SELECT * FROM {STAGED}"
            self.session.execute(f"{head} {quote(f'parent of {test}')} AS {parent}")

    @property
    def _columns(self) -> list[str]:
        partition = self.subject.partition
        columns = [quote(c.name) for c in self.schema]
        return [*columns, f"{partition.literal} AS {COLUMN}"] if partition else columns

    @property
    def _types(self) -> dict[str, str]:
        partition = self.subject.partition
        dated = {COLUMN: partition.grain.type} if partition else {}
        return {c.name.lower(): c.type for c in self.schema} | dated

    @property
    def every(self) -> str:
        """The query of all rows."""
        columns = ", ".join(quote(c.name) for c in self.schema)
        return f"SELECT {columns} FROM {quote(_ROWS)}"

    def good(self) -> str:
        """Write the query of the rows that are published."""
        return f"{self.every} WHERE {self._is_good()}"

    def count(self) -> int:
        """Count all rows."""
        return int(self.session.execute(f"SELECT count(*) FROM {quote(_ROWS)}")[0][0])

    def by_row(self, rows: int) -> Iterator[CheckResult]:
        """Check every row by every row test, in one statement; keep those that break one."""
        session, tests = self.session, self.contract.row_tests
        if not tests:
            return
        flags = [quote(f"broken {i}") for i in range(len(tests))]
        flagged = ", ".join(
            f"coalesce(({t.broken(self._types)}), false) AS {f}"
            for t, f in zip(tests, flags, strict=True)
        )
        kept = f"SELECT {self.number}, {flagged} FROM {STAGED}"
        statement = f"CREATE TEMP TABLE {BROKEN} AS FROM ({kept}) WHERE {' OR '.join(flags)}"
        try:
            session.execute(statement)
        except OutOfMemory:
            raise
        except QueryFailed as e:
            raise self._culprit() or e from e
        counts = session.execute(
            f"SELECT {', '.join(f'count(*) FILTER ({f})' for f in flags)} FROM {BROKEN}"
        )[0]
        for test, flag, broken in zip(tests, flags, counts, strict=True):
            yield self._result(test, flag, broken=int(broken), rows=rows)

    def _culprit(self) -> ConfigError | None:
        """Find the test that DuckDB can't run."""
        types = self._types
        for test in self.contract.row_tests:
            try:
                broken = test.broken(types)
                self.session.execute(f"SELECT count(*) FROM {STAGED} WHERE {broken}")
            except QueryFailed as e:
                told = e.what.splitlines()[0]
                where = f"{self.contract.path}:{test.line}"
                return ConfigError(
                    f"test `{test.name}` can't run: {told}",
                    where=where,
                    hint="is it one for a column of this type?",
                )
        return None

    def _result(self, test: Test, flag: str, *, broken: int, rows: int) -> CheckResult:
        grave = broken and test.severity is Severity.ERROR
        shown = self._examples(test, flag) if grave else ()
        return CheckResult(
            test.name, test.kind, test.columns, test.severity, broken, rows,
            accepting(test, broken, rows),
            where=f"{self.contract.path}:{test.line}", examples=tuple(shown),
        )  # fmt: skip

    def _examples(
        self, test: Test, flag: str
    ) -> Iterator[tuple[int, tuple[tuple[str, object], ...]]]:
        """Show the first rows that break a test, the tested columns first."""
        bad = f"SELECT {self.number} FROM {BROKEN} WHERE {flag}"
        names, rows = self.session.query(
            f"SELECT {self.number}, * EXCLUDE ({self.number}) FROM {STAGED}"
            f" WHERE {self.number} IN ({bad}) ORDER BY 1 LIMIT {_EXAMPLES}"
        )
        first = [c.lower() for c in test.columns]
        for number, *values in rows:
            cells = list(zip(names[1:], values, strict=True))
            cells.sort(key=lambda c: c[0].lower() not in first)
            yield int(number), tuple(c for c in cells if c[0] != COLUMN)

    def bad(self) -> int:
        """Count the rows for quarantine."""
        if not (flags := _flags(self.contract)):
            return 0
        where = " OR ".join(flag for _, flag in flags)
        found = self.session.execute(f"SELECT count(*) FROM {BROKEN} WHERE {where}")
        return int(found[0][0])

    def _is_good(self) -> str:
        """Write the condition of a row that is published."""
        if not (flags := _flags(self.contract)):
            return "true"
        where = " OR ".join(flag for _, flag in flags)
        return f"{self.counted_by} NOT IN (SELECT {self.number} FROM {BROKEN} WHERE {where})"

    def whole(self, rows: int) -> Iterator[CheckResult]:
        """Check what would be published as a whole."""
        for test in self.contract.tests:
            if test.kind is Kind.ROW_COUNT:
                yield self._counted(test, rows)
            elif test.kind is Kind.NULL_RATE:
                yield self._null_rate(test, rows)

    def _counted(self, test: Test, rows: int) -> CheckResult:
        faults = [
            f"{counted(rows, 'row')}, {word} {bound}"
            for key, word, bad in (("min", "fewer than", -1), ("max", "more than", 1))
            if isinstance(bound := test.words.get(key), (int, float)) and (rows - bound) * bad > 0
        ]
        change = test.words.get("max_change")
        before = self.subject.before() if isinstance(change, float) else None
        if (
            isinstance(change, float)
            and before is not None
            and abs(rows - before) > change * before
        ):
            faults.append(f"{counted(rows, 'row')}, {before} in the latest earlier partition")
        return _fact(self.contract, test, "; ".join(faults), rows)

    def _null_rate(self, test: Test, rows: int) -> CheckResult:
        column, most = quote(test.columns[0]), test.words["max"]
        source = f"FROM {quote(_ROWS)} WHERE {self._is_good()} AND {column} IS NULL"
        nulls = int(self.session.execute(f"SELECT count(*) {source}")[0][0])
        assert isinstance(most, float)
        told = f"{nulls} of {rows} are NULL, more than {most:.3%}" if nulls > most * rows else ""
        return _fact(self.contract, test, told, rows)

    def single(self, check: Check) -> CheckResult:
        """Run a check: a SELECT that finds bad rows."""
        session, inputs = self.session, self.subject.inputs
        seen = f"SELECT {', '.join(self._columns)} FROM {quote(_ROWS)} WHERE {self._is_good()}"
        if past := inputs.past.get(check.name):
            seen = f"({seen}) UNION ALL BY NAME ({past})"
        own = [View(*name, seen) for name in check.query.spellings(self.subject.table.name)]
        session.make([*inputs.views[check.name], *own])
        macros, query = check.sql.statements(self.subject.partition)
        session.run(map(replacing, macros))
        at = Place(check.sql.path, check.sql.line)
        names, rows = session.query(f"FROM (\n{query}\n) LIMIT {_EXAMPLES}", at=at)
        broken = len(rows)
        if broken == _EXAMPLES:
            broken = int(session.execute(f"SELECT count(*) FROM (\n{query}\n)", at=at)[0][0])
        shown = ((n, tuple(zip(names, row, strict=True))) for n, row in enumerate(rows, 1))
        note = f"{broken} {'row' if broken == 1 else 'rows'} found" if broken else ""
        return CheckResult(check.name, "check", (), check.severity, broken, broken, note,
                           where=check.sql.path, examples=tuple(shown))  # fmt: skip

    def quarantine(self) -> Staged:
        """Stage the bad rows, with what is wrong with each."""
        subject = self.subject
        query = refused_rows(
            _flags(self.contract),
            number=self.number,
            sources=subject.sources,
            run_id=subject.run_id,
            dated=bool(subject.partition),
        )
        path = subject.scratch.with_suffix(".quarantine.parquet")
        return self.session.stage(query, self.session.describe(query), path)


def _other_columns(contract: Contract, differences: Sequence[str], table: Table) -> Refused:
    return Refused(
        f"the columns are not those of the contract: {'; '.join(differences)}",
        where=table.sql.path,
        hint=f"fix the SQL or {contract.path}; `evolution: additive` lets new ones in",
    )


def _refusal(
    table: Table, contract: Contract, results: Sequence[CheckResult], rows: int, bad: int
) -> Refused | None:
    """Say why nothing may be published: a test that stops it is broken, or too many rows are."""
    if stops := failed(results):
        return Refused(
            f"refused by {len(stops)} of the tests; nothing is published\n  {message(stops)}",
            where=stops[0].where or table.sql.path,
            hint="fix the rows at their source, or the test; then run the same command again",
        )
    limit = contract.max_quarantined
    if not bad or limit is None or limit.allows(bad, rows):
        return None
    held = [r.told() for r in results if r.status == CheckStatus.QUARANTINED]
    return Refused(
        f"{bad} of {counted(rows, 'row')} would go to quarantine, more than {limit}:"
        " nothing is published\n  " + "\n  ".join(held),
        where=contract.path,
        hint="fix the rows at their source, or raise `max_quarantined`",
    )


def _flags(contract: Contract) -> list[tuple[Test, str]]:
    """Give the tests that send rows to quarantine, and their columns among the broken rows."""
    numbered = enumerate(contract.row_tests)
    return [(t, quote(f"broken {i}")) for i, t in numbered if t.severity is Severity.QUARANTINE]


def _fact(contract: Contract, test: Test, told: str, rows: int) -> CheckResult:
    where = f"{contract.path}:{test.line}"
    return CheckResult(test.name, test.kind, test.columns, test.severity, int(bool(told)), rows,
                       told, where)  # fmt: skip
