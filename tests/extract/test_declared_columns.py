"""`columns:` of a source: types that are declared, to which what is delivered has to fit."""

from __future__ import annotations

import duckdb
import pytest

from conftest import Project

TYPES = "{price: 'DECIMAL(18,4)', code: VARCHAR, day: DATE, n: BIGINT, at: TIMESTAMP}"
GOOD = {"price": "1.2", "code": "007", "day": "2024-01-02", "n": "3", "at": "2024-01-02 10:00:00"}


def project_of(folder, ending: str, options: str) -> Project:
    project = Project(folder)
    source = f"{{connector: file, path: in.{ending}, {options}}}"
    project.write("nomad.yaml", f"layers: [ods]\ntimezone: UTC\nsources:\n  s: {source}\n")
    return project


def deliver(project: Project, ending: str, *rows: dict[str, str]) -> None:
    """Write rows as CSV, as lines of JSON, as JSON with bare numbers, or as Parquet with text."""
    if ending == "csv":
        lines = [",".join(rows[0]), *(",".join(r.values()) for r in rows)]
        project.write("in.csv", "\n".join(lines) + "\n")
    elif ending == "json":
        bare = ("price", "n")
        lines = [
            "{" + ", ".join(f'"{k}": ' + (v if k in bare else f'"{v}"') for k, v in r.items()) + "}"
            for r in rows
        ]
        project.write("in.json", "\n".join(lines) + "\n")
    else:
        values = ", ".join(str(tuple(r.values())) for r in rows)
        names = ", ".join(f'"{n}"' for n in rows[0])
        path = project.root / "in.parquet"
        duckdb.sql(f"select * from (values {values}) t({names})").write_parquet(str(path))


def types(project: Project) -> dict[str, str]:
    return {c["name"]: c["type"] for c in project.manifest("raw.s")["schema"]}


@pytest.mark.parametrize("ending", ["csv", "json", "parquet"])
def test_what_is_delivered_has_the_declared_types(tmp_path, ending):
    project = project_of(tmp_path, ending, f"columns: {TYPES}")
    deliver(project, ending, GOOD, {**GOOD, "price": "123456789012.3456", "n": "-4"})

    answer = project("extract")

    assert answer.code == 0, answer.err
    assert types(project) == {
        "price": "DECIMAL(18,4)", "code": "VARCHAR", "day": "DATE", "n": "BIGINT",
        "at": "TIMESTAMP",
    }  # fmt: skip
    query = 'select price::varchar, code, day::varchar, n, "at"::varchar from raw.s order by n'
    assert project.rows(query) == [
        ["123456789012.3456", "007", "2024-01-02", -4, "2024-01-02 10:00:00"],
        ["1.2000", "007", "2024-01-02", 3, "2024-01-02 10:00:00"],
    ]


def test_a_number_of_json_is_no_digit_off_as_a_decimal(tmp_path):
    """DuckDB's own reading by way of a DOUBLE makes 12345678.1234511 another number."""
    project = project_of(tmp_path, "json", "columns: {price: 'DECIMAL(38,18)'}")
    prices = ("12345678.1234511", "123456789012.34567", "0.1", "12345678.1234511")
    deliver(project, "json", *({"price": p} for p in prices))

    assert project("extract").code == 0

    rows = project.rows("select rtrim(price::varchar, '0') from raw.s")
    assert sorted(r for (r,) in rows) == sorted(prices)


@pytest.mark.parametrize(
    ("ending", "name", "value", "kind"),
    [
        ("csv", "price", "1.23456", "DECIMAL(18,4)"),
        ("csv", "price", "1e-5", "DECIMAL(18,4)"),
        ("csv", "price", "123456789012345678", "DECIMAL(18,4)"),
        ("csv", "n", "1.5", "BIGINT"),
        ("csv", "day", "2024-01-02 10:00:00", "DATE"),
        ("csv", "at", "2024-01-02T10:00:00+08:00", "TIMESTAMP"),
        ("csv", "at", "2024-01-02 10:00:00.1234567", "TIMESTAMP"),
        ("json", "price", "1.23456", "DECIMAL(18,4)"),
        ("json", "n", "1.5", "BIGINT"),
        ("parquet", "price", "1.23456", "DECIMAL(18,4)"),
        ("parquet", "day", "20240102x", "DATE"),
    ],
)
def test_a_value_that_does_not_fit_is_refused_with_its_row(tmp_path, ending, name, value, kind):
    project = project_of(tmp_path, ending, f"columns: {TYPES}")
    deliver(project, ending, GOOD, {**GOOD, name: value})

    answer = project("extract")

    assert answer.code == 4
    assert f"`{name}` of row 2 is no {kind}: '" in answer.err
    assert not (project.lake / "raw/s/manifest.json").exists()


@pytest.mark.parametrize("cut", ["", ", dt: day, key: n"])
@pytest.mark.parametrize("ending", ["csv", "json", "parquet"])
def test_an_enum_has_only_its_texts(tmp_path, ending, cut):
    kind = "ENUM('007', 'it''s, (b]')"
    project = project_of(tmp_path, ending, f'columns: {{code: "{kind}"}}{cut}')
    deliver(project, ending, GOOD, {**GOOD, "n": "4"})
    answer = project("extract")
    assert answer.code == 0, answer.err
    assert project.rows("select code from raw.s") == [["007"], ["007"]]
    longer = kind.replace(")", ", '008')")
    project_of(tmp_path, ending, f'columns: {{code: "{longer}"}}{cut}')
    deliver(project, ending, {**GOOD, "code": "008"}, {**GOOD, "n": "4"})
    assert project("extract").code == 0
    assert project.rows("select code from raw.s order by n") == [["008"], ["007"]]
    deliver(project, ending, GOOD, {**GOOD, "code": "009"})

    answer = project("extract")

    assert answer.code == 4
    assert "`code` of row 2 is no ENUM('007', 'it''s, (b]', '008'): '009'" in answer.err


@pytest.mark.parametrize(
    ("options", "code", "told"),
    [
        ("columns: {prise: DOUBLE}", 4, "there is no column `prise`, which `columns` declares"),
        ("columns: {price: DUBBLE}", 2, "`price` can't be DUBBLE"),
        ("columns: {price: 7}", 2, "`columns` must give `price` a type"),
        ("columns: {price: \"ENUM('a'\"}", 2, "`price` can't be ENUM('a'"),
        ('columns: {price: "ENUM(\'a)"}', 2, "`columns` must give `price` a type"),
        ("columns: {price: 'INT); drop'}", 2, "`columns` must give `price` a type"),
        ("columns: price", 2, "`columns` must hold `name: type` pairs"),
    ],
)
def test_a_wrong_declaration_is_refused(tmp_path, options, code, told):
    project = project_of(tmp_path, "csv", options)
    deliver(project, "csv", GOOD)

    answer = project("extract")

    assert (answer.code, told in answer.err) == (code, True), answer.err


def test_a_type_is_declared_by_the_name_that_the_column_gets(tmp_path):
    project = project_of(tmp_path, "csv", "rename: {price: cost}, columns: {Cost: double}")
    deliver(project, "csv", GOOD)

    assert project("extract").code == 0
    assert types(project)["cost"] == "DOUBLE"


def test_another_declaration_lands_the_same_file_anew(tmp_path):
    project = project_of(tmp_path, "csv", "columns: {n: BIGINT}")
    deliver(project, "csv", GOOD)
    project("extract")
    project_of(tmp_path, "csv", "columns: {n: DOUBLE}")

    assert project("extract").code == 0
    assert types(project)["n"] == "DOUBLE"
    assert "fresh" in project("extract").out


ROWS = ({"id": "1", "day": "2024-01-02", "v": "1.50"}, {"id": "2", "day": "2024-01-03", "v": "2"})


@pytest.mark.parametrize("ending", ["csv", "json"])
def test_pieces_that_landed_before_the_declaration_are_cut_by_it(tmp_path, ending):
    cut = "watermark: id, dt: day, key: id"
    project = project_of(tmp_path, ending, cut)
    deliver(project, ending, ROWS[0])
    assert project("extract").code == 0
    project_of(tmp_path, ending, f"{cut}, columns: {{v: 'DECIMAL(9,2)', id: BIGINT}}")
    deliver(project, ending, ROWS[1])

    assert project("extract").code == 0

    rows = project.rows("select id, typeof(v), v::varchar from raw.s order by id")
    assert rows == [[1, "DECIMAL(9,2)", "1.50"], [2, "DECIMAL(9,2)", "2.00"]]


def test_a_piece_that_does_not_fit_a_later_declaration_is_refused(tmp_path):
    project = project_of(tmp_path, "csv", "watermark: id, dt: day, key: id")
    deliver(project, "csv", *ROWS)
    project("extract")
    project_of(tmp_path, "csv", "watermark: id, dt: day, key: id, columns: {v: INTEGER}")

    answer = project("extract")

    assert (answer.code, "`v` of row 1 is no INTEGER: '1.50'" in answer.err) == (4, True)
    assert project.rows("select v from raw.s order by id") == [["1.50"], ["2"]]


def test_of_many_files_the_one_with_the_value_is_named(tmp_path):
    project = Project(tmp_path)
    source = '{connector: file, path: "in/*.csv", each: file, columns: {v: INTEGER}}'
    project.write("nomad.yaml", f"layers: [ods]\nsources:\n  s: {source}\n")
    for name, value in (("a", "1"), ("b", "2.5"), ("c", "3")):
        project.write(f"in/{name}.csv", f"v\n{value}\n")

    answer = project("extract")

    assert answer.code == 4
    assert "in/b.csv" in answer.err
    assert "`v` of row 1 is no INTEGER: '2.5'" in answer.err


def test_a_delivery_of_json_without_rows_has_no_column_to_miss(tmp_path):
    project = project_of(tmp_path, "json", "columns: {price: DOUBLE}")
    deliver(project, "json", GOOD)
    project("extract")
    project.write("in.json", "[]")

    assert project("extract").code == 0
    assert project.rows("select count(*) from raw.s") == [[0]]
    assert types(project)["price"] == "DOUBLE"


@pytest.mark.parametrize("text", ["[]", ""])
def test_a_first_delivery_of_json_without_rows_has_the_declared_columns(tmp_path, text):
    project = project_of(tmp_path, "json", "columns: {price: 'decimal(18, 4)', code: VARCHAR}")
    project.write("in.json", text)
    assert project("extract").code == 0
    assert project.rows("select price, code from raw.s") == []

    deliver(project, "json", GOOD)
    answer = project("extract")
    assert answer.code == 0, answer.err
    assert types(project)["price"] == "DECIMAL(18,4)"
    assert project.rows("select code from raw.s") == [["007"]]
