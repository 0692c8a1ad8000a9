"""Judges the rows of one build before they are written: a sieve between query and file.

All row tests run in one pass. What they find is a table of row numbers, so each row lands on
exactly one side: published where its number is not there, in quarantine where it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from nomad.build.checks.columns import differences, keyed
from nomad.build.checks.refused import JUDGED, free_name, refused_rows
from nomad.build.checks.result import Verdict, accepting, failed, message
from nomad.contract.contract import STAGED, Contract, Kind, Severity, Test
from nomad.dates import COLUMN, Partition
from nomad.engine.instance import Place, Session, Staged, View
from nomad.errors import ConfigError, OutOfMemory, QueryFailed, Refused
from nomad.lake.manifest import Input
from nomad.lake.scans import REFUSED
from nomad.names import counted, did_you_mean, quote
from nomad.project.contracts import Check
from nomad.project.project import Table
from nomad.schema import Column
from nomad.sqlfile.file import replacing

_ROWS, _EXAMPLES = "staged rows", 3


@dataclass(frozen=True)
class Others:
    """What contract and checks read beside the table: SELECTs, and what they read of each.

    `parents` by test, `views` by check, `past` by check: the table's own earlier partitions.
    """

    parents: Mapping[str, str] = field(default_factory=dict)
    views: Mapping[str, Sequence[View]] = field(default_factory=dict)
    past: Mapping[str, str] = field(default_factory=dict)
    inputs: tuple[Input, ...] = ()


@dataclass
class Inspection:
    """One build under inspection. `verdicts`, `bad` (rows) and `quarantined` tell what came of it.

    `before` gives the row count of the latest earlier partition, or None; `sources` names the
    files that the rows were read from.
    """

    table: Table
    partition: Partition
    others: Others
    scratch: Path
    run_id: str
    before: Callable[[], int | None] = lambda: None
    sources: str = ""
    published: bool = False
    verdicts: list[Verdict] = field(default_factory=list)
    quarantined: Staged | None = None
    bad: int = 0
    _plain: str = ""
    _number: str = ""
    _counted_by: str = ""
    _columns_told: str = ""
    _types: Mapping[str, str] = field(default_factory=dict)

    def __call__(self, session: Session, query: str, schema: Sequence[Column]) -> str:
        """Judge what a query yields; give the query of the rows that may be published.

        Raises:
            Refused: a test of severity `error` is broken, columns differ, or too much is bad.
            ConfigError: a test doesn't fit the table.
        """
        contract = self.table.contract or Contract(self.table.sql.path)
        self._columns(session, contract, schema)
        if not (contract.tests or self.table.checks):
            return query
        self._number = free_name("row number", schema)
        self._counted_by = self._stage(session, query, schema)
        self._bind(session, schema)
        rows = int(session.execute(f"SELECT count(*) FROM {quote(_ROWS)}")[0][0])
        self.verdicts += self._by_row(session, contract, rows)
        bad = self.bad = self._bad(session, contract)
        self.verdicts += self._whole(session, contract, rows - bad)
        self.verdicts += [self._single(session, contract, check) for check in self.table.checks]
        self._refuse(contract, rows, bad)
        return self._parted(session, contract, bad)

    @property
    def checks(self) -> tuple[dict[str, object], ...]:
        """The verdicts so far, as the manifest keeps them."""
        return tuple(v.as_body() for v in self.verdicts)

    def _stage(self, session: Session, query: str, schema: Sequence[Column]) -> str:
        """Keep the query's rows in a table; give what numbers them from 1, in its own columns.

        DuckDB numbers rows by `rowid`, for nothing, unless a column bears that name. A view, which
        has none, will do for published rows alone: those of a build may come out otherwise again.
        """
        at = Place(self.table.sql.path, self.table.sql.line - 1)
        odd, kind = (("STRUCT",), "VIEW") if self.published else ((), "TABLE")
        if not any(c.name.lower() == "rowid" or c.type.startswith(odd) for c in schema):
            session.execute(f"CREATE TEMP TABLE {quote(_ROWS)} AS\n{query}", at=at)
            return "rowid + 1"
        numbered = f"SELECT *, row_number() OVER () AS {self._number} FROM (\n{query}\n)"
        session.execute(f"CREATE TEMP {kind} {quote(_ROWS)} AS {numbered}", at=at)
        return self._number

    # Before ---------------------------------------------------------------------------------

    def _columns(self, session: Session, contract: Contract, schema: Sequence[Column]) -> None:
        self._types = {c.name.lower(): c.type for c in schema}
        if self.partition:
            self._types |= {COLUMN: "DATE"}
        self._refuse_reserved(contract, schema)
        keyed(contract, self._types)
        typed = {c.name.lower() for c in contract.columns if c.type}
        self._tested(contract, schema, but=typed)
        if told := differences(session, contract, schema, dated=bool(self.partition)):
            raise Refused(
                f"the columns are not those of the contract: {'; '.join(told)}",
                where=self.table.sql.path,
                hint=f"mend the SQL or {contract.path}; `evolution: additive` lets new ones in",
            )

    def _refuse_reserved(self, contract: Contract, schema: Sequence[Column]) -> None:
        reserved = {c.name for c in REFUSED} & {c.name.lower() for c in schema}
        if contract.quarantines and reserved:
            raise ConfigError(
                f"column `{min(reserved)}` bears the name of one of quarantine's own",
                where=self.table.sql.path,
                hint="rename it, or let no test have severity quarantine",
            )

    def _tested(self, contract: Contract, schema: Sequence[Column], *, but: set[str]) -> None:
        """See that the tested columns are there, but for those whose absence is a difference."""
        there = {c.name.lower() for c in schema} | ({COLUMN} if self.partition else set())
        for test in contract.tests:
            for column in test.columns:
                if column.lower() not in there | but:
                    raise ConfigError(
                        f"`{test.kind}` tests column `{column}`, which {self.table.name} lacks",
                        where=f"{contract.path}:{test.line}",
                        hint=did_you_mean(column, [c.name for c in schema])
                        or f"it has: {', '.join(c.name for c in schema)}",
                    )

    def _bind(self, session: Session, schema: Sequence[Column]) -> None:
        """Let tests find the rows as `staged`, and checks as the table itself."""
        columns = [quote(c.name) for c in schema]
        if self.partition:
            columns.append(f"DATE '{self.partition}' AS {COLUMN}")
        number = f"{self._counted_by} AS {self._number}"
        head = "CREATE OR REPLACE TEMP VIEW"
        source = f"FROM {quote(_ROWS)}"
        session.execute(f"{head} {STAGED} AS SELECT {', '.join([*columns, number])} {source}")
        self._plain = f"SELECT {', '.join(columns)} {source}"
        self._columns_told = ", ".join(quote(c.name) for c in schema)
        for test, select in self.others.parents.items():
            parent = select or f"SELECT * FROM {STAGED}"
            session.execute(f"{head} {quote(f'parent of {test}')} AS {parent}")

    # Judging --------------------------------------------------------------------------------

    def _by_row(self, session: Session, contract: Contract, rows: int) -> Iterator[Verdict]:
        """Judge every row by every row test, in one statement; keep those that break one."""
        tests = contract.row_tests
        if not tests:
            return
        flags = [quote(f"broken {i}") for i in range(len(tests))]
        judged = ", ".join(
            f"coalesce(({t.broken(self._types)}), false) AS {f}"
            for t, f in zip(tests, flags, strict=True)
        )
        kept = f"SELECT {self._number}, {judged} FROM {STAGED}"
        statement = f"CREATE TEMP TABLE {JUDGED} AS FROM ({kept}) WHERE {' OR '.join(flags)}"
        try:
            session.execute(statement)
        except OutOfMemory:
            raise
        except QueryFailed as e:
            raise self._culprit(session, contract) or e from e
        counts = session.execute(
            f"SELECT {', '.join(f'count(*) FILTER ({f})' for f in flags)} FROM {JUDGED}"
        )[0]
        for test, flag, broken in zip(tests, flags, counts, strict=True):
            yield self._verdict(session, contract, test, flag, broken=int(broken), rows=rows)

    def _culprit(self, session: Session, contract: Contract) -> ConfigError | None:
        """Find the test that DuckDB can't run."""
        for test in contract.row_tests:
            try:
                session.execute(f"SELECT count(*) FROM {STAGED} WHERE {test.broken(self._types)}")
            except QueryFailed as e:
                told = e.what.splitlines()[0]
                where = f"{contract.path}:{test.line}"
                return ConfigError(f"test `{test.name}` can't run: {told}", where=where)
        return None

    def _verdict(
        self,
        session: Session,
        contract: Contract,
        test: Test,
        flag: str,
        *,
        broken: int,
        rows: int,
    ) -> Verdict:
        grave = broken and test.severity is Severity.ERROR
        shown = self._examples(session, test, flag) if grave else ()
        return Verdict(
            test.name, test.kind, test.columns, test.severity, broken, rows,
            accepting(test, broken, rows),
            where=f"{contract.path}:{test.line}", examples=tuple(shown),
        )  # fmt: skip

    def _examples(
        self, session: Session, test: Test, flag: str
    ) -> Iterator[tuple[int, tuple[tuple[str, object], ...]]]:
        """Show the first rows that break a test, the tested columns first."""
        bad = f"SELECT {self._number} FROM {JUDGED} WHERE {flag}"
        names, rows = session.query(
            f"SELECT {self._number}, * EXCLUDE ({self._number}) FROM {STAGED}"
            f" WHERE {self._number} IN ({bad}) ORDER BY 1 LIMIT {_EXAMPLES}"
        )
        first = [c.lower() for c in test.columns]
        for number, *values in rows:
            cells = list(zip(names[1:], values, strict=True))
            cells.sort(key=lambda c: c[0].lower() not in first)
            yield int(number), tuple(c for c in cells if c[0] != COLUMN)

    def _bad(self, session: Session, contract: Contract) -> int:
        """Count the rows for quarantine."""
        if not (flags := _flags(contract)):
            return 0
        where = " OR ".join(flag for _, flag in flags)
        found = session.execute(f"SELECT count(*) FROM {JUDGED} WHERE {where}")
        return int(found[0][0])

    def _good(self, contract: Contract) -> str:
        """Write the condition of a row that is published."""
        if not (flags := _flags(contract)):
            return "true"
        where = " OR ".join(flag for _, flag in flags)
        return f"{self._counted_by} NOT IN (SELECT {self._number} FROM {JUDGED} WHERE {where})"

    def _whole(self, session: Session, contract: Contract, rows: int) -> Iterator[Verdict]:
        """Judge what would be published as a whole."""
        for test in contract.tests:
            if test.kind is Kind.ROW_COUNT:
                yield self._counted(contract, test, rows)
            elif test.kind is Kind.NULL_RATE:
                yield self._null_rate(session, contract, test, rows)

    def _counted(self, contract: Contract, test: Test, rows: int) -> Verdict:
        faults = [
            f"{counted(rows, 'row')}, {word} {bound}"
            for key, word, bad in (("min", "fewer than", -1), ("max", "more than", 1))
            if isinstance(bound := test.words.get(key), (int, float)) and (rows - bound) * bad > 0
        ]
        change = test.words.get("max_change")
        before = self.before() if isinstance(change, float) else None
        if (
            isinstance(change, float)
            and before is not None
            and abs(rows - before) > change * before
        ):
            faults.append(f"{counted(rows, 'row')}, {before} in the latest earlier partition")
        return _fact(contract, test, "; ".join(faults), rows)

    def _null_rate(self, session: Session, contract: Contract, test: Test, rows: int) -> Verdict:
        column, most = quote(test.columns[0]), test.words["max"]
        source = f"FROM {quote(_ROWS)} WHERE {self._good(contract)} AND {column} IS NULL"
        nulls = int(session.execute(f"SELECT count(*) {source}")[0][0])
        assert isinstance(most, float)
        told = f"{nulls} of {rows} are NULL, more than {most:.3%}" if nulls > most * rows else ""
        return _fact(contract, test, told, rows)

    def _single(self, session: Session, contract: Contract, check: Check) -> Verdict:
        """Run a check: a SELECT that finds bad rows."""
        seen = f"{self._plain} WHERE {self._good(contract)}"
        if past := self.others.past.get(check.name):
            seen = f"({seen}) UNION ALL BY NAME ({past})"
        own = [View(*name, seen) for name in check.query.spellings(self.table.name)]
        session.make([*self.others.views[check.name], *own])
        macros, query = check.sql.statements(self.partition)
        session.run(map(replacing, macros))
        at = Place(check.sql.path, check.sql.line)
        names, rows = session.query(f"FROM (\n{query}\n) LIMIT {_EXAMPLES}", at=at)
        broken = len(rows)
        if broken == _EXAMPLES:
            broken = int(session.execute(f"SELECT count(*) FROM (\n{query}\n)", at=at)[0][0])
        shown = ((n, tuple(zip(names, row, strict=True))) for n, row in enumerate(rows, 1))
        note = f"{broken} {'row' if broken == 1 else 'rows'} found" if broken else ""
        return Verdict(check.name, "check", (), check.severity, broken, broken, note,
                       where=check.sql.path, examples=tuple(shown))  # fmt: skip

    def _refuse(self, contract: Contract, rows: int, bad: int) -> None:
        if stops := failed(self.verdicts):
            raise Refused(
                f"refused by {len(stops)} of the tests; nothing is published\n  {message(stops)}",
                where=stops[0].where or self.table.sql.path,
                hint="mend the rows at their source, or the test; then run the same command again",
            )
        limit = contract.max_quarantined
        if bad and limit is not None and not limit.allows(bad, rows):
            told = [v.told() for v in self.verdicts if v.status == "quarantined"]
            raise Refused(
                f"{bad} of {counted(rows, 'row')} would go to quarantine, more than {limit}:"
                " nothing is published\n  " + "\n  ".join(told),
                where=contract.path,
                hint="mend the rows at their source, or raise `max_quarantined`",
            )

    def _parted(self, session: Session, contract: Contract, bad: int) -> str:
        """Stage the bad rows for quarantine; give the query of the good ones."""
        everything = f"SELECT {self._columns_told} FROM {quote(_ROWS)}"
        if not bad:
            return everything
        query = refused_rows(
            _flags(contract),
            number=self._number,
            sources=self.sources,
            run_id=self.run_id,
            dated=bool(self.partition),
        )
        path = self.scratch.with_suffix(".quarantine.parquet")
        self.quarantined = session.stage(query, session.describe(query), path)
        return f"{everything} WHERE {self._good(contract)}"


def _flags(contract: Contract) -> list[tuple[Test, str]]:
    """Give the tests that send rows to quarantine, and their columns among the judged rows."""
    numbered = enumerate(contract.row_tests)
    return [(t, quote(f"broken {i}")) for i, t in numbered if t.severity is Severity.QUARANTINE]


def _fact(contract: Contract, test: Test, told: str, rows: int) -> Verdict:
    where = f"{contract.path}:{test.line}"
    return Verdict(test.name, test.kind, test.columns, test.severity, int(bool(told)), rows, told,
                   where)  # fmt: skip
