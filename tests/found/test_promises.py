"""What a contract says is tested: no refused value passes, no rule is dropped in silence."""

from __future__ import annotations

import pytest

DAY = ("--dt", "2024-01-02")


def deliver(project, *rows):
    project.write("in/2024-01-02.csv", "\n".join(["symbol,close", *rows, ""]))
    assert project("extract", *DAY).code == 0


@pytest.mark.parametrize(
    ("select", "values"),
    [
        ("9007199254740993::bigint", "[9007199254740992]"),
        ("'01'", "[1]"),
        ("'1e0'", "[1]"),
        ("2::integer", "[1.5]"),
        ("1.01::decimal(10,2)", "[1.005]"),
        ("'false'", "[NO, SE]"),
        ("'8'", "[010]"),
    ],
)
def test_a_value_that_is_not_among_the_accepted_ones_is_refused(project, select, values):
    """Values are compared in the column's own type, and a text as it stands in the file."""
    project.write("sql/dws/dws_v.sql", f"select {select} as v")
    project.write(
        "sql/dws/dws_v.yml",
        f"columns: [{{name: v, tests: [accepted_values: {{values: {values}}}]}}]\n",
    )

    assert project("run", "dws_v").code == 4


@pytest.mark.parametrize(
    ("select", "values"),
    [
        ("9007199254740993::bigint", "[9007199254740993]"),
        ("0.1::float", "[0.1]"),
        ("1.50::decimal(10,2)", "[1.5]"),
        ("'NO'", "[NO, SE]"),
        ("'010'", "[010, 011]"),
        ("false", "[NO]"),
        ("date '2024-01-02'", "[2024-01-02]"),
        ("'inf'::double", "[.inf]"),
        ("170141183460469231731687303715884105::hugeint", "[170141183460469231731687303715884105]"),
    ],
)  # fmt: skip
def test_a_value_that_is_among_them_passes(project, select, values):
    """YAML reads `NO` as false and `010` as eight; who wrote them meant neither."""
    project.write("sql/dws/dws_v.sql", f"select {select} as v")
    project.write(
        "sql/dws/dws_v.yml",
        f"columns: [{{name: v, tests: [accepted_values: {{values: {values}}}]}}]\n",
    )

    answer = project("run", "dws_v")

    assert answer.code == 0, answer.err


def test_a_key_of_no_column_is_refused(project):
    """A misspelt `unique_key` left rows unsorted and `diff` without a key, and said nothing."""
    deliver(project, "A,1")
    project.write("sql/ods/ods_price.yml", "unique_key: [symbool]\n")

    answer = project("run", "ods_price", *DAY)

    assert answer.code == 2
    assert "`unique_key` names column `symbool`" in answer.err
    assert "did you mean `symbol`" in answer.err


CONSTRAINTS = [
    ("{type: check, expression: 'close > 100'}", 4),
    ("{type: check, name: dear, expression: 'close > 0'}", 0),
    ("{type: foreign_key, to: ref('dws_known'), to_columns: [close]}", 4),
    ("{type: foreign_key, expression: 'dws_known (close)'}", 4),
    ("{type: primary_key}", 4),
    ("{type: custom, expression: 'x'}", 2),
    ("{type: foreign_key, to: ref('dws_known')}", 2),
]


@pytest.mark.parametrize(("constraint", "code"), CONSTRAINTS)
def test_a_constraint_of_dbts_is_run_or_refused_by_name(project, constraint, code):
    deliver(project, "A,1", "B,1")
    project.write("sql/dws/dws_known.sql", "select 7 as close")
    assert project("run", "dws_known").code == 0
    project.write(
        "sql/ods/ods_price.yml", f"columns: [{{name: close, constraints: [{constraint}]}}]\n"
    )

    assert project("run", "ods_price", *DAY).code == code


def test_constraints_of_the_table_are_run_each_of_them(project):
    deliver(project, "A,1", "A,2")
    project.write(
        "sql/ods/ods_price.yml",
        """\
constraints:
  - {type: primary_key, columns: [symbol, close]}
  - {type: unique, columns: [symbol]}
  - {type: check, expression: "close > 0"}
  - {type: check, expression: "close < 2"}
""",
    )

    answer = project("run", "ods_price", *DAY)

    assert answer.code == 4
    assert "refused by 2 of the tests" in answer.err


def test_a_template_is_no_value(project):
    """`{{ var('x') }}` was taken as the text it is."""
    deliver(project, "A,1")
    project.write(
        "sql/ods/ods_price.yml",
        "columns: [{name: symbol, tests: [accepted_values: {values: \"{{ var('x') }}\"}]}]\n",
    )

    answer = project("run", "ods_price", *DAY)

    assert answer.code == 2
    assert "`{{ var('x') }}`: no template is filled in here" in answer.err
