"""Whole numbers of more digits than a BIGINT has: what is cut into partitions keeps them all."""

from __future__ import annotations

import duckdb
import pytest

from conftest import Project

WIDE = "12345678901234567890123"
OF_39_DIGITS = "170141183460469231731687303715884105727"


def project_of(folder, options: str) -> Project:
    project = Project(folder)
    project.write("nomad.yaml", f"layers: [ods]\nsources:\n  s: {{connector: file, {options}}}\n")
    return project


def held(project: Project) -> list[list[str]]:
    return project.rows("select typeof(x), x::varchar from raw.s order by x")


@pytest.mark.parametrize("cut", ["each: file", "each: file, dt: d", "each: file, dt: d, key: i"])
def test_json_in_parts_keeps_the_digits_of_the_longest_whole_number(tmp_path, cut):
    project = project_of(tmp_path, f'path: "in/*.json", {cut}')
    project.write("in/a.json", '{"d": "2024-01-01", "i": 1, "x": 18446744073709551615}\n')
    assert project("extract").code == 0
    project.write("in/b.json", '{"d": "2024-01-01", "i": 2, "x": -1}\n')

    assert project("extract").code == 0

    assert held(project) == [
        ["DECIMAL(38,0)", "-1"],
        ["DECIMAL(38,0)", "18446744073709551615"],
    ]


def test_parts_of_parquet_with_and_without_a_sign_are_read_together(tmp_path):
    project = project_of(tmp_path, 'path: "in/*.parquet", each: file')
    (tmp_path / "in").mkdir()
    for name, value in (("a", "18446744073709551615::UBIGINT"), ("b", "(-1)::BIGINT")):
        duckdb.sql(f"select {value} as x").write_parquet(str(tmp_path / f"in/{name}.parquet"))

    assert project("extract").code == 0
    assert [v for _, v in held(project)] == ["-1", "18446744073709551615"]


def test_a_declared_hugeint_is_exact_in_partitions_and_refused_beyond_38_digits(tmp_path):
    project = project_of(tmp_path, "path: in.csv, dt: d, key: d, columns: {x: HUGEINT}")
    project.write("in.csv", f"d,x\n2024-01-01,{WIDE}\n")
    assert project("extract").code == 0
    assert held(project) == [["DECIMAL(38,0)", WIDE]]
    project.write("in.csv", f"d,x\n2024-01-01,{OF_39_DIGITS}\n2024-01-02,1\n")

    answer = project("extract")

    assert answer.code == 4
    assert "source `s`: 1 row has more than 38 digits in `x`" in answer.err
    assert held(project) == [["DECIMAL(38,0)", WIDE]]
    project_of(tmp_path, "path: in.csv, dt: d, key: d, columns: {x: VARCHAR}")
    assert project("extract").code == 0
    assert held(project) == [["VARCHAR", "1"], ["VARCHAR", OF_39_DIGITS]]


def test_parquet_that_is_written_anew_as_hugeint_is_exact(tmp_path):
    project = project_of(tmp_path, "path: in.parquet, columns: {x: HUGEINT}")
    path = str(tmp_path / "in.parquet")
    duckdb.sql(f"select '{WIDE}' as x").write_parquet(path)
    assert project("extract").code == 0
    assert held(project) == [["DECIMAL(38,0)", WIDE]]
    duckdb.sql(f"select '{OF_39_DIGITS}' as x").write_parquet(path)

    answer = project("extract")

    assert answer.code == 4
    assert f"`x` of row 1 is no DECIMAL(38,0): '{OF_39_DIGITS}'" in answer.err
