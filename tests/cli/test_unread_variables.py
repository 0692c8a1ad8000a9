"""A variable that nothing reads is told of: on the command line, and in the environment."""

from __future__ import annotations

import pytest

QUERY = "select $<MIN_PRICE> as a"


@pytest.fixture
def priced(empty):
    empty.write("nomad.yaml", "vars: {min_price: 5}\n")
    empty.write("sql/dwd/dwd_x.sql", QUERY)
    return empty


def test_a_variable_given_that_nothing_reads_is_refused(priced):
    """`--var` of a misspelt name builds nothing, and the nearest name is given."""
    answer = priced("run", "--var", "mn_price=15")

    assert answer.code == 2
    assert "`--var MN_PRICE`: nothing reads that variable" in answer.err
    assert "MIN_PRICE" in answer.err.split("try:")[1]


@pytest.mark.parametrize("given", ["min_price=15", "only_here=1", "of_a_source=1"])
def test_a_variable_that_something_reads_is_taken(priced, given):
    """A name of `vars:`, of a SQL file or of a source's path is none of the misspelt."""
    priced.write(
        "nomad.yaml",
        "vars: {min_price: 5}\n"
        'sources: {a: {connector: file, format: csv, path: "in/$<of_a_source>.csv"}}\n',
    )
    priced.write("sql/dwd/dwd_y.sql", "select '${only_here}' as a")

    assert "nothing reads" not in priced("plan", "dwd_x", "--var", given).err


def test_a_variable_of_the_environment_that_is_no_key_is_told_of(priced, monkeypatch):
    """A misspelt key warns with the nearest; the command goes on."""
    monkeypatch.setenv("NOMAD_LAKE_ULR", "elsewhere")

    answer = priced("run")

    assert answer.code == 0
    assert "nothing reads the variable `NOMAD_LAKE_ULR`" in answer.err
    assert "NOMAD_LAKE_URL" in answer.err
