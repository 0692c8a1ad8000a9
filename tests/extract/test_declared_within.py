"""`columns:` within lists and structs, and of times: what would change is refused there, too."""

from __future__ import annotations

import json

import duckdb
import pytest

from conftest import Project


def project_of(folder, ending: str, kind: str) -> Project:
    project = Project(folder)
    source = f'{{connector: file, path: in.{ending}, columns: {{x: "{kind}"}}}}'
    project.write(
        "nomad.yaml", f"layers: [ods]\ntimezone: Asia/Shanghai\nsources:\n  s: {source}\n"
    )
    return project


def deliver(project: Project, ending: str, *values: str) -> None:
    """Write values, spelled as JSON has them, as a column `x`."""
    if ending == "json":
        project.write("in.json", "".join(f'{{"i": 1, "x": {v}}}\n' for v in values))
    else:
        texts = (json.loads(v) if v.startswith('"') else v for v in values)
        told = ('"' + text.replace('"k": ', "k=").replace('"', '""') + '"' for text in texts)
        project.write("in.csv", "i,x\n" + "".join(f"1,{text}\n" for text in told))


@pytest.mark.parametrize("ending", ["json", "csv"])
@pytest.mark.parametrize(
    ("kind", "fits", "fits_not"),
    [
        ("INTEGER[]", "[1, null, 2.0]", "[1, 1.5]"),
        ("INTEGER[][]", "[[2], [], null]", "[[2], [2.5]]"),
        ("STRUCT(a INTEGER)", '{"a": 1}', '{"a": 1.5}'),
        ("STRUCT(a INTEGER)[]", '[{"a": 1}]', '[{"a": 1}, {"a": 1.5}]'),
        ("DECIMAL(5,2)[]", "[1.23, 1.20]", "[1.239]"),
        ("STRUCT(a DECIMAL(5,2))", '{"a": 1.23}', '{"a": 1.239}'),
        ("MAP(VARCHAR, INTEGER)", '{"k": 1}', '{"k": 1.5}'),
        ("DATE[]", '["2024-01-02"]', '["2024-01-02 10:00:00"]'),
        ("TIMESTAMP[]", '["2024-01-02T10:00:00"]', '["2024-01-02T10:00:00+08:00"]'),
        ("TIMESTAMP_S", '"2024-01-02 10:00:00.0"', '"2024-01-02 10:00:00.5"'),
        ("TIMESTAMP_MS", '"2024-01-02 10:00:00.123"', '"2024-01-02 10:00:00.1239"'),
        (
            "TIMESTAMP_NS",
            '"2024-01-02 10:00:00.123456789"',
            '"2024-01-02 10:00:00.1234567891"',
        ),
        ("TIME", '"10:00:00.123456"', '"10:00:00.1234567"'),
        ("TIME", '"10:00:00"', '"10:00:00+08"'),
        ("TIME", '"10:00"', '"2024-01-02 10:00:00"'),
        ("TIMESTAMP", '"2024-01-02 10:00:00"', '"2024-01-02 10:00:00 UTC"'),
    ],
)
def test_a_value_that_would_change_is_refused_with_its_row(tmp_path, ending, kind, fits, fits_not):
    project = project_of(tmp_path, ending, kind)
    deliver(project, ending, fits)
    first = project("extract")
    assert first.code == 0, first.err
    deliver(project, ending, fits, fits_not)

    answer = project("extract")

    assert answer.code == 4, answer.out
    assert f"`x` of row 2 is no {kind}: '" in answer.err
    assert project.rows("select count(*) from raw.s") == [[1]]


@pytest.mark.parametrize("ending", ["json", "csv"])
def test_what_fits_is_read_as_it_was(tmp_path, ending):
    project = project_of(tmp_path, ending, 'STRUCT(\\"a b\\" DECIMAL(5,2)[], t TIMESTAMP)')
    deliver(project, ending, '{"a b": [1.10, null], "t": "2024-01-02 10:00:00.123456"}')

    answer = project("extract")

    assert answer.code == 0, answer.err
    assert project.rows("""select x."a b"::varchar, x.t::varchar from raw.s""") == [
        ["[1.10, NULL]", "2024-01-02 10:00:00.123456"]
    ]


@pytest.mark.parametrize("kind", ["TIMESTAMP", "TIMESTAMP_S", "DATE"])
@pytest.mark.parametrize("form", ["{}", "[{}]"])
def test_a_moment_of_parquet_does_not_lose_its_time_zone(tmp_path, kind, form):
    project = project_of(tmp_path, "parquet", kind if form == "{}" else f"{kind}[]")
    value = form.format("TIMESTAMPTZ '2024-01-01 16:00:00+00'")
    duckdb.sql(f"select {value} as x").write_parquet(str(tmp_path / "in.parquet"))

    answer = project("extract")

    assert answer.code == 4
    assert "`x` of row 1 is no " in answer.err


def test_a_field_of_parquet_that_would_go_unread_is_refused(tmp_path):
    project = project_of(tmp_path, "parquet", "STRUCT(a BIGINT)")
    path = str(tmp_path / "in.parquet")
    duckdb.sql("select {'a': 1, 'b': null::int} as x").write_parquet(path)
    assert project("extract").code == 0
    duckdb.sql("select {'a': 1, 'b': 2} as x").write_parquet(path)

    assert project("extract").code == 4


def test_parts_that_landed_before_are_looked_at_within_their_lists(tmp_path):
    source = "connector: file, path: 'in/*.json', each: file"
    project = Project(tmp_path)
    project.write("nomad.yaml", f"layers: [ods]\nsources:\n  s: {{{source}}}\n")
    project.write("in/a.json", '{"x": [{"v": 1.5}]}\n')
    assert project("extract").code == 0
    declared = f'{source}, columns: {{x: "STRUCT(v INTEGER)[]"}}'
    project.write("nomad.yaml", f"layers: [ods]\nsources:\n  s: {{{declared}}}\n")
    project.write("in/a.json", '{"x": [{"v": 2}]}\n')
    project.write("in/b.json", '{"x": [{"v": 2.5}]}\n')

    answer = project("extract")

    assert answer.code == 4
    assert "`x` of row 1 is no STRUCT(v INTEGER)[]" in answer.err
