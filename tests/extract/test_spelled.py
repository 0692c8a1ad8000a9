"""Numbers of JSON stay spelled as they came, in the landed file and where they are read as text."""

from __future__ import annotations

import json

import pytest

from conftest import Project

LONG = "12345678901234567890123"


def landed(folder, rows: list[str], options: str = "") -> Project:
    project = Project(folder)
    source = f"{{connector: file, path: in.json{options}}}"
    project.write("nomad.yaml", f"layers: [ods]\nsources:\n  s: {source}\n")
    project.write("in.json", "".join(f"{row}\n" for row in rows))
    answer = project("extract")
    assert answer.code == 0, answer.err
    return project


def file_of(project: Project) -> str:
    files = (project.lake / "raw/s").rglob("*.json")
    (file,) = (f for f in files if f.name != "manifest.json")
    return file.read_text()


def test_columns_of_several_kinds_are_text_as_it_was_spelled(tmp_path):
    rows = ['{"a": 1.50, "v": 1.10, "c": 1e2}', f'{{"a": 2, "v": "x", "c": {LONG}}}']

    project = landed(tmp_path, rows)

    assert project.rows("select typeof(a), v, c from raw.s") == [
        ["DOUBLE", "1.10", "1e2"],
        ["DOUBLE", "x", LONG],
    ]
    assert file_of(project).splitlines() == [
        '{"a": 1.50, "v": "1.10", "c": "1e2"}',
        f'{{"a": 2, "v": "x", "c": "{LONG}"}}',
    ]


@pytest.mark.parametrize(
    ("kind", "value", "read"),
    [
        ("VARCHAR", "1.10", "1.10"),
        ("VARCHAR", "0.00001", "0.00001"),
        ("VARCHAR", "1E5", "1E5"),
        ("VARCHAR", "0.12345678901234567890", "0.12345678901234567890"),
        ("VARCHAR", "true", "true"),
        ("VARCHAR[]", "[1.10, 2]", "[1.10, 2]"),
        ("STRUCT(a VARCHAR, b DOUBLE)", '{"a": 1.10, "b": 1.10}', "{'a': 1.10, 'b': 1.1}"),
        ("MAP(VARCHAR, VARCHAR)", '{"k": 1.10}', "{k=1.10}"),
    ],
)
def test_a_number_that_is_declared_text_is_spelled_as_it_came(tmp_path, kind, value, read):
    project = landed(tmp_path, [f'{{"x": {value}, "n": 1.50}}'], f', columns: {{x: "{kind}"}}')

    assert project.rows("select x::varchar from raw.s") == [[read]]


def test_what_needs_no_other_spelling_stays_as_delivered(tmp_path):
    rows = ['{"t":  "1.10, 1e2",  "n": 1.50, "l": [{"s": "a", "n": 2.50}]}']

    assert file_of(landed(tmp_path, rows)).splitlines() == rows


def test_objects_among_other_values_are_text_with_the_numbers_that_they_had(tmp_path):
    rows = [f'{{"x": {{"v": 1.10, "n": {LONG}, "s": "1.5"}}}}', '{"x": 7}', '{"x": [1.50]}']

    project = landed(tmp_path, rows)

    assert project.rows("select x from raw.s") == [
        [f'{{"v":1.10,"n":{LONG},"s":"1.5"}}'],
        ["7"],
        ["[1.50]"],
    ]


def test_a_long_whole_number_stays_a_number_where_json_is_declared(tmp_path):
    project = landed(tmp_path, [f'{{"x": {{"n": {LONG}, "s": "a"}}}}'], ", columns: {x: JSON}")

    ((x,),) = project.rows("select x::varchar from raw.s")
    assert json.loads(x) == {"n": int(LONG), "s": "a"}


def test_decimals_within_lists_have_the_digits_that_were_sent(tmp_path):
    rows = ['{"x": [{"p": 12345678.1234511, "q": 0.1}]}']
    kind = "STRUCT(p DECIMAL(38,18), q DOUBLE)[]"

    project = landed(tmp_path, rows, f', columns: {{x: "{kind}"}}')

    assert project.rows("select x[1].p::varchar, x[1].q from raw.s") == [
        ["12345678.123451100000000000", 0.1]
    ]


def test_a_renamed_column_keeps_the_spelling_of_its_numbers(tmp_path):
    rows = ['{"A": 1.10, "b": 1.50}', '{"A": "x", "b": 2}']

    project = landed(tmp_path, rows, ", rename: {a: c}")

    assert project.rows("select c, b from raw.s") == [["1.10", 1.5], ["x", 2.0]]
    assert file_of(project).splitlines()[0] == '{"c": "1.10", "b": 1.50}'


def test_a_fault_in_what_is_written_anew_names_the_file_as_it_was(tmp_path):
    project = landed(tmp_path, [f'{{"x": {LONG}}}'])
    project.write("in.json", f'{{"x": {LONG}, "y": 1, "Y": 2}}\n')

    answer = project("extract")

    assert answer.code == 4
    assert "prepared" not in answer.err
