"""`nomad lint`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest


def findings(answer):
    return [
        (f["file"], f["line"], f["column"], f["rule"], f["severity"])
        for f in answer.json["findings"]
    ]


def test_a_project_without_faults_is_told_so(built):
    answer = built("lint")

    assert (answer.code, answer.out) == (0, "")
    assert "0 errors" in answer.err


def test_no_data_is_needed(project):
    """Nothing is extracted and nothing built: the header of the source's file is enough."""
    project.write(
        "sql/dws/dws_price.sql", "select symbol,\n  max(clsoe) as c from dwd.dwd_price\ngroup by 1"
    )

    answer = project("lint", "-o", "json")

    assert answer.code == 2
    assert findings(answer) == [("sql/dws/dws_price.sql", 2, 7, "query", "error")]
    assert 'Referenced column "clsoe" not found' in answer.json["findings"][0]["message"]
    assert not (project.root / "lake").exists()


def test_a_line_is_read_by_editors(project):
    project.write("sql/dws/dws_price.sql", "select nosuch from dwd.dwd_price")

    answer = project("lint")

    assert answer.out.startswith("sql/dws/dws_price.sql:1:8: Referenced column")


def test_a_column_of_a_source_that_is_not_there_is_found(project):
    project.write("sql/ods/ods_price.sql",
                  "select symbol, opne from raw.price where dt = '$<PARTITION_DATE>'")  # fmt: skip

    assert findings(project("lint", "-o", "json"))[0] == (
        "sql/ods/ods_price.sql", 1, 16, "query", "error",
    )  # fmt: skip


def test_two_columns_of_one_name_are_found(project):
    """As the build would refuse them."""
    project.write("sql/dws/dws_price.sql", "select symbol,\n  1 as Symbol from dwd.dwd_price")

    answer = project("lint")

    assert answer.code == 2
    assert "two columns are named `Symbol`" in answer.out


@pytest.mark.parametrize(
    ("bound", "found"),
    [("= '$<PARTITION_DATE>'", 1), ("<= '$<PARTITION_DATE>'", 1), ("< '$<PARTITION_DATE>'", 0)],
)
def test_a_table_that_asks_itself_for_the_date_it_writes_is_found(project, bound, found):
    """As the run would refuse it; earlier dates it may ask for."""
    one = "select symbol, close from"
    project.write("sql/dwd/dwd_price.sql", f"{one} ods.ods_price where dt = '$<PARTITION_DATE>'\n"
                  f"union all {one} dwd.dwd_price where dt {bound}")  # fmt: skip

    answer = project("lint")

    assert answer.code == (2 if found else 0)
    assert answer.out.count("`dwd.dwd_price` reads the partition it writes") == found


def test_what_reads_a_faulty_table_is_not_blamed(project):
    project.write(
        "sql/ods/ods_price.sql", "select nosuch from raw.price where dt = '$<PARTITION_DATE>'"
    )

    assert len(findings(project("lint", "-o", "json"))) == 1


CONTRACT = """\
columns:
  - {name: symbol, data_type: VARCHAR}
  - {name: close, data_type: DOUBLE}
  - {name: volume, data_type: BIGINT}
tests:
  - name: sane
    expression: close > opne
"""


def test_a_contract_is_held_against_its_query(project):
    project.write("sql/dwd/dwd_price.yml", CONTRACT)

    answer = project("lint", "-o", "json")

    assert findings(answer) == [
        ("sql/dwd/dwd_price.yml", 3, 12, "contract", "error"),
        ("sql/dwd/dwd_price.yml", 4, 12, "contract", "error"),
        ("sql/dwd/dwd_price.yml", 6, 11, "contract", "error"),
    ]
    told = [f["message"] for f in answer.json["findings"]]
    assert "`close` is INTEGER, declared DOUBLE" in told
    assert "missing `volume` (BIGINT)" in told


def test_a_test_of_a_column_that_is_not_there_is_found(project):
    project.write("sql/dwd/dwd_price.yml", "tests:\n  - unique: {columns: [symbool]}\n")

    answer = project("lint", "-o", "json")

    assert findings(answer) == [("sql/dwd/dwd_price.yml", 2, 24, "contract", "error")]
    assert answer.json["findings"][0]["hint"] == "did you mean `symbol`?"


def test_a_check_is_bound(project):
    project.write("sql/checks/dwd_price__sane.sql", "select * from dwd.dwd_price where clsoe < 0")

    assert findings(project("lint", "-o", "json")) == [
        ("sql/checks/dwd_price__sane.sql", 1, 35, "check", "error")
    ]


def test_variables_are_held_against_their_use(project):
    text = (project.root / "nomad.yaml").read_text()
    project.write("nomad.yaml", text + "vars:\n  used: 1\n  idle: 2\n")
    project.write("sql/ods/ods_x.sql", "select $<USED> as x")

    answer = project("lint", "-o", "json")

    assert answer.code == 0
    assert findings(answer) == [("nomad.yaml", 7, 3, "variable", "warning")]
    assert "`idle`" in answer.json["findings"][0]["message"]


def test_an_unknown_variable_is_found(project):
    project.write("sql/ods/ods_x.sql", "select 1 as a,\n$<NOBODY> as x")

    assert findings(project("lint", "-o", "json")) == [
        ("sql/ods/ods_x.sql", 2, 1, "variable", "error")
    ]


def test_all_unreadable_files_are_told_at_once(project):
    project.write("sql/ods/ods_a.sql", "selct 1")
    project.write("sql/ods/ods_b.sql", "select (")

    files = {f[0] for f in findings(project("lint", "-o", "json"))}

    assert files == {"sql/ods/ods_a.sql", "sql/ods/ods_b.sql"}


@pytest.mark.parametrize(
    ("path", "text", "line"),
    [
        ("sql/ods/ods_price.yml", "tests:\n  - nosuch: {columns: [close]}\n", 2),
        ("sql/ods/ods_nobody.yml", "columns:\n  - name: a\n", 1),
        ("sql/checks/nobody__sane.sql", "select 1", 1),
        ("sql/ods/订单.sql", "select 1 as a", 1),
        ("sql/ods/ods_a.sql", "selct 1", 1),
    ],
)
def test_a_broken_file_is_found(project, path, text, line):
    """A contract, a check, a name, a query: exit 2, and the file with its line."""
    project.write(path, text)

    answer = project("lint", "-o", "json")

    assert answer.code == 2
    assert [(f["file"], f["line"], f["rule"]) for f in answer.json["findings"]] == [
        (path, line, "unreadable")
    ]


def test_faults_of_the_configuration_are_told_in_the_same_form(project):
    project.write("nomad.yaml", "laek: 1\nengine: {jobs: 0}\n")

    assert findings(project("lint", "-o", "json")) == [
        ("nomad.yaml", 1, 1, "unreadable", "error"),
        ("nomad.yaml", 2, 1, "unreadable", "error"),
    ]


def test_a_table_that_reads_all_partitions_is_a_warning(project):
    project.write(
        "sql/dwd/dwd_all.sql", "select symbol, '$<PARTITION_DATE>' as day from ods.ods_price"
    )

    answer = project("lint", "-o", "json")

    assert answer.code == 0
    assert findings(answer) == [("sql/dwd/dwd_all.sql", 1, 1, "full-scan", "warning")]


def test_a_table_that_reads_its_own_past_is_bound(project):
    good = (
        "select p.symbol, p.close + coalesce(y.total, 0) as total from ods.ods_price p\n"
        "left join dwd.dwd_total y on y.symbol = p.symbol and"
        " y.dt = cast('$<PARTITION_DATE>' as date) - 1\nwhere p.dt = '$<PARTITION_DATE>'"
    )
    project.write("sql/dwd/dwd_total.sql", good)
    assert project("lint").code == 0

    project.write("sql/dwd/dwd_total.sql", good.replace("p.close", "p.clsoe"))
    assert findings(project("lint", "-o", "json"))[0][:3] == ("sql/dwd/dwd_total.sql", 1, 18)


def test_a_selection_limits_what_is_told(project):
    project.write("sql/dws/dws_price.sql", "select nosuch from dwd.dwd_price")
    project.write("sql/ods/ods_x.sql", "select nosuch from raw.price")

    assert {f[0] for f in findings(project("lint", "dws", "-o", "json"))} == {
        "sql/dws/dws_price.sql"
    }


def test_what_is_remembered_is_what_was_found(project):
    project.write("sql/dws/dws_price.sql", "select nosuch from dwd.dwd_price")
    project.write("sql/dwd/dwd_price.yml", CONTRACT)

    first, second = project("lint", "-o", "json"), project("lint", "-o", "json")

    assert first.json == second.json
    (project.root / "sql/dwd/dwd_price.yml").unlink()
    project.write(
        "sql/dwd/dwd_price.sql",
        "select *, 1 as nosuch from ods.ods_price where dt = '$<PARTITION_DATE>'",
    )
    assert "dws_price" not in project("lint").out


def test_the_hook_runs_it(project):
    """pre-commit reads `.pre-commit-hooks.yaml` at the repository's root."""
    import yaml

    (hook,) = yaml.safe_load((Path(__file__).parents[2] / ".pre-commit-hooks.yaml").read_text())

    assert hook["entry"].split() == ["nomad", "lint"]
    assert project.process(*hook["entry"].split()[1:]).returncode == 0
    assert json.dumps(hook)


_PIVOT = (
    "pivot (select symbol, close from ods.ods_price where dt = '$<PARTITION_DATE>')\n"
    "on symbol using sum(close)"
)


@pytest.mark.parametrize(
    "query", ["select * from read_csv('nowhere.csv')", "select now() as t", _PIVOT]
)
def test_what_can_not_be_told_is_no_fault(project, query):
    project.write("sql/ods/ods_x.sql", query)

    assert project("lint").code == 0


def test_what_keeps_a_file_from_being_understood_is_told_with_its_place(project):
    """Once, and as it is: a variable or table that is not there, tables that need each other."""
    project.write("sql/ods/ods_v.sql", "select 1 as a,\n  '$<NOPE>' as b")
    project.write("sql/ods/ods_u.sql", "select *\nfrom ods.ods_prise")
    project.write("sql/ods/ods_c.sql", "select *\nfrom ods.ods_d")
    project.write("sql/ods/ods_d.sql", "select *\n  from ods_c")
    project.write("sql/checks/ods_price__x.sql", "from ods.ods_price\nwhere symbol = '$<NADA>'")

    answer = project("lint")

    assert answer.code == 2
    assert [line for line in answer.out.splitlines() if not line.startswith(" ")] == [
        "sql/checks/ods_price__x.sql:2:17: variable `NADA` is not defined",
        "sql/ods/ods_c.sql:2:6: these tables need each other: ods.ods_c → ods.ods_d → ods.ods_c",
        "sql/ods/ods_u.sql:2:6: no table `ods.ods_prise`",
        "sql/ods/ods_v.sql:2:4: variable `NOPE` is not defined",
    ]
    assert answer.err == "4 errors, 0 warnings\n"


@pytest.mark.parametrize(
    ("test", "told"),
    [
        ("regex: '('", "missing ): ("),
        ("range: {min: 0}", "Cannot compare values of type VARCHAR and type INTEGER"),
        ("range: {min: A}", ""),
        ("length: {max: 3}", ""),
        ("accepted_values: [A, B]", ""),
    ],
)
def test_each_test_of_rows_is_held_against_the_types_of_its_columns(project, test, told):
    project.write("sql/ods/ods_price.yml", f"columns:\n  - {{name: symbol, tests: [{test}]}}\n")

    answer = project("lint")

    assert answer.code == (2 if told else 0)
    assert told in answer.out + answer.err
