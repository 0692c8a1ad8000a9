"""The date of a partition is filled in wherever it stands in quotes."""

from __future__ import annotations

import pytest

CONFIG = """\
layers: [q]
naming: free
timezone: UTC
vars: {bizdate: "$<PARTITION_DATE>", day: "$<BIZDATE>"}
sources:
  o: {connector: file, path: "in/$<PARTITION_DATE>.csv"}
"""


BY_VARIABLE = """\
layers: [q]
timezone: UTC
vars: {bizdate: "$<PARTITION_DATE>", at: "VALUE"}
sources:
  o: {connector: file, path: "in/$<at>.csv"}
"""


@pytest.fixture
def dated(empty):
    empty.write("nomad.yaml", CONFIG)
    for day in ("2024-01-01", "2024-01-02"):
        empty.write(f"in/{day}.csv", f"d\n{day}\n")
    assert empty("extract", "--from", "2024-01-01", "--to", "2024-01-02").code == 0
    return empty


@pytest.mark.parametrize("name", ["${bizdate}", "$<BIZDATE>", "$<DAY>"])
def test_a_variable_may_hold_the_date(dated, name):
    """A table that uses it is one by date."""
    dated.write("sql/q/t.sql", f"select d from raw.o where dt = '{name}'")

    answer = dated("run", "--dt", "2024-01-02")

    assert answer.code == 0, answer.err
    assert dated.rows("select d, dt from q.t") == [["2024-01-02", "2024-01-02"]]


@pytest.mark.parametrize(
    "expression",
    [
        r"e'\'-- ' || '$<PARTITION_DATE>'",
        r"e'it\'s ' || '$<PARTITION_DATE>'",
        "$t$it's $t$ || '$<PARTITION_DATE>'",
        "/* it's /* one */ in another's */ '$<PARTITION_DATE>'",
        "'it''s ' || '$<PARTITION_DATE>'",
        "$$it's $$ || $q$$<PARTITION_DATE>$q$",
    ],
)
def test_the_date_is_filled_in_beside_any_kind_of_quote(dated, expression):
    """Escapes, tags and nested comments are read as DuckDB reads them."""
    dated.write("sql/q/t.sql", f"select right({expression}, 10) as d")

    answer = dated("run", "--dt", "2024-01-02")

    assert answer.code == 0, answer.err
    assert dated.rows("select d from q.t") == [["2024-01-02"]]


@pytest.mark.parametrize("value", ["$<PARTITION_DATE>", "$<BIZDATE>", "$<PARTITION_DATE:%Y-%m-%d>"])
def test_a_source_may_have_its_date_by_way_of_a_variable(empty, value):
    """It has one file a date, and each is a partition."""
    empty.write("nomad.yaml", BY_VARIABLE.replace("VALUE", value))
    for day in ("2024-01-02", "2024-01-03"):
        empty.write(f"in/{day}.csv", f"d\n{day}\n")

    answer = empty("extract", "--from", "2024-01-02", "--to", "2024-01-03")

    assert answer.code == 0, answer.err
    assert empty.rows("select d, dt from raw.o order by d") == [
        ["2024-01-02", "2024-01-02"],
        ["2024-01-03", "2024-01-03"],
    ]
