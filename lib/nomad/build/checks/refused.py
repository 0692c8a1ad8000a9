"""The query of the rows that go to quarantine, with what is wrong with each of them."""

from __future__ import annotations

from collections.abc import Sequence

from nomad.contract.contract import STAGED, Test
from nomad.names import free, literal, quote
from nomad.partitions import COLUMN
from nomad.schema import Column

BROKEN = quote("broken rows")


def free_name(wanted: str, schema: Sequence[Column]) -> str:
    """Quote a name that no column has."""
    return quote(free(wanted, (c.name for c in schema)))


def refused_rows(
    tests: Sequence[tuple[Test, str]], *, number: str, sources: str, run_id: str, dated: bool
) -> str:
    """Write it. `number` is the column of the rows' numbers.

    `tests` are those that quarantine, each with its flag among the broken rows. Of the tests that a
    row breaks, the first is told with its column and the value there; `_tests` names them all.
    """
    tests = [(t, f"b.{flag}") for t, flag in tests]
    first = " ".join(f"WHEN {f} THEN {literal(t.name)}" for t, f in tests)
    column = " ".join(f"WHEN {f} THEN {_columns(t)}" for t, f in tests)
    value = " ".join(f"WHEN {f} THEN {_values(t)}" for t, f in tests)
    every = ", ".join(f"CASE WHEN {f} THEN {literal(t.name)} END" for t, f in tests)
    condition = " OR ".join(f for _, f in tests)
    hidden = f"{number}, {COLUMN}" if dated else number
    return (
        f"SELECT s.* EXCLUDE ({hidden}),"
        f" CASE {first} END AS _test, CASE {column} END AS _column, CASE {value} END AS _value,"
        f" list_filter([{every}], t -> t IS NOT NULL) AS _tests,"
        f" s.{number} AS _row_number, {literal(sources)} AS _source_file,"
        f" {literal(run_id)} AS _run_id"
        f" FROM {STAGED} AS s JOIN {BROKEN} AS b USING ({number})"
        f" WHERE {condition} ORDER BY _row_number"
    )


def _columns(test: Test) -> str:
    return literal(", ".join(test.columns)) if test.columns else "NULL"


def _values(test: Test) -> str:
    shown = [f"CAST(s.{quote(c)} AS VARCHAR)" for c in test.columns]
    if not shown:
        return "NULL"
    return shown[0] if len(shown) == 1 else f"concat_ws(', ', {', '.join(shown)})"
