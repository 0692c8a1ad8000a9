"""A layer is no folder in which nomad keeps its own: what is there would be cleaned up."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize(
    ("layer", "whose"),
    [
        ("_tmp", "nomad's own"), ("_history", "nomad's own"), ("_runs", "nomad's own"),
        ("_quarantine", "nomad's own"), ("raw", "nomad's own"), ("Raw", "nomad's own"),
        ("nomad", "nomad's own"), ("checks", "nomad's own"), ("quarantine", "nomad's own"),
        ("main", "DuckDB's own"), ("information_schema", "DuckDB's own"),
        ("pg_catalog", "DuckDB's own"), ("2nd", "use letters, digits and `_`"),
    ],
)  # fmt: skip
def test_a_layer_of_a_name_that_is_taken_is_refused(empty, layer, whose):
    empty.write("nomad.yaml", f"layers: [ods, {layer}]\n")
    empty.write(f"sql/{layer}/{layer}_t.sql", "select 1 as a\n")

    answer = empty("run")

    assert answer.code == 2
    assert f"can't hold `{layer}`" in answer.err
    assert whose in answer.err


def test_layers_that_differ_in_case_are_refused(empty):
    empty.write("nomad.yaml", "layers: [ods, ODS]\n")

    assert "case makes no difference" in empty("run").err


def test_a_database_is_attached_by_no_name_that_is_taken(empty):
    """A table of it could not be named; all are told at once."""
    taken = ["main", "memory", "temp", "system", "information_schema", "pg_catalog", "nomad", "Raw"]
    lines = "".join(f"  {name}: x.duckdb\n" for name in [*taken, "ODS", "shop"])
    empty.write("nomad.yaml", f"attach:\n{lines}")

    answer = empty("ls")

    assert answer.code == 2
    assert [n for n in taken if f"`attach.{n}` bears a name that is" in answer.err] == taken
    assert "`attach.ODS` bears the name of a layer" in answer.err
    assert "shop" not in answer.err
