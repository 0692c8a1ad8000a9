"""Of several things that went wrong, the worst gives the exit code, whatever came first."""

from __future__ import annotations


def test_a_failed_step_outweighs_refused_rows(built):
    """The table refused comes first, the one that DuckDB can't build after it: 1, not 4."""
    built.write(
        "sql/ods/ods_price.yml",
        "columns: [{name: close, tests: [{accepted_values: {values: [7]}}]}]",
    )
    built.write(
        "sql/ods/ods_zero.sql",
        "select error('no') as x from raw.price where dt = '$<PARTITION_DATE>'",
    )

    answer = built("run", "ods", "--dt", "2024-01-02", "--force")

    assert answer.code == 1, answer.err
    assert "refused by 1 of the tests" in answer.err


def test_a_missing_source_outweighs_a_failed_one(built):
    built.write(
        "nomad.yaml",
        (built.root / "nomad.yaml").read_text()
        + '  second: {connector: file, path: "two/$<PARTITION_DATE>.csv"}\n',
    )
    built.write("in/2024-01-04.csv", b"a,b\n1,2\n\xff\xfe,3\n")

    answer = built("extract", "--dt", "2024-01-04")

    assert answer.code == 3, answer.err
