"""A folder of SQL files as a project: names, references, order; and what is refused."""

from __future__ import annotations

import pytest


def told(project, *words):
    answer = project("plan", *words)
    return answer.code, answer.err


def test_no_project(empty):
    code, err = told(empty)

    assert code == 2
    assert "no `nomad.yaml` in" in err
    assert "nomad init" in err


def test_an_unknown_table_names_the_nearest_and_the_line(project):
    project.write("sql/dwd/dwd_x.sql", "select 1 as a\nfrom ods.ods_prise")

    assert told(project) == (
        2,
        "nomad: sql/dwd/dwd_x.sql:2: no table `ods.ods_prise`\n"
        "  try: did you mean `ods.ods_price`, `dws.dws_price`?\n",
    )


def test_an_ambiguous_bare_name_names_both(project):
    project.write("nomad.yaml", (project.root / "nomad.yaml").read_text() + "naming: free\n")
    project.write("sql/ods/price.sql", "select 1 as a")
    project.write("sql/dwd/dwd_x.sql", "select * from price")

    code, err = told(project)

    assert code == 2
    assert "sql/dwd/dwd_x.sql:1: `price` may mean `ods.price` or `raw.price`" in err


def test_a_cycle_is_printed(project):
    project.write("sql/dwd/dwd_a.sql", "select * from dwd.dwd_b")
    project.write("sql/dwd/dwd_b.sql", "select * from dwd_c")
    project.write("sql/dwd/dwd_c.sql", "select * from dwd_a")

    code, err = told(project)

    assert code == 2
    assert "these tables need each other: dwd.dwd_" in err
    assert err.count(" → ") == 3


def test_a_full_table_that_reads_itself_is_refused(project):
    project.write("sql/dwd/dwd_a.sql", "select * from dwd.dwd_a")

    code, err = told(project)

    assert code == 2
    assert "`dwd.dwd_a` reads itself" in err
    assert "dt < '$<PARTITION_DATE>'" in err


@pytest.mark.parametrize(
    ("path", "message", "hint"),
    [
        ("sql/dwd/price_x.sql", "the name doesn't start with its layer, `dwd_`", "naming: free"),
        ("sql/dwx/dwx_a.sql", "not in the folder of a layer (ods, dwd, dws)", "layers:"),
        ("sql/dwd_a.sql", "not in the folder of a layer", "move it to sql/<layer>/"),
        ("sql/dwd/more/dwd_price.sql", "unique in a project", "rename one of them"),
        ("sql/dwd/订单.sql", "ASCII letters, digits and `_` only", ""),
        ("sql/dwd/2024_x.sql", "no digit first", ""),
        ("sql/dwd/DWD_Price2.sql", "the name doesn't start", "rename it to `dwd_price2.sql`"),
        ("sql/dwd/dwd_a b.sql", "letters, digits and `_` only", ""),
    ],
)
def test_a_name_is_refused(project, path, message, hint):
    project.write(path, "select 1 as a")

    code, err = told(project)

    assert code == 2
    assert message in err
    assert hint in err


def test_a_file_that_is_not_utf_8_is_told(project):
    project.write("sql/dwd/dwd_a.sql", "select '价格' as a".encode("gbk"))

    code, err = told(project)

    assert code == 2
    assert "sql/dwd/dwd_a.sql: can't be read" in err
    assert "save it as UTF-8" in err


def test_a_file_in_place_of_a_table_says_how_files_are_read(project):
    project.write("sql/dwd/dwd_a.sql", "from 'x.csv'")

    assert "name the file as a source in nomad.yaml" in project("ls").err


def test_a_hint_gives_the_layer_where_a_source_has_the_same_name(project):
    project.write("sql/dwd/price.sql", "select 1 as a")
    project.write("nomad.yaml", (project.root / "nomad.yaml").read_text() + "naming: free\n")
    project.write("sql/dwd/dwd_a.sql", "from pric")

    assert "did you mean `raw.price`, " in project("ls").err


def test_all_faulty_sql_files_are_named_at_once(project):
    """Each with its line and its remedy, in the order of their names."""
    project.write("sql/dwd/dwd_price.sql", "selct 1")
    project.write("sql/dwd/dwd_two.sql", "select 1 as a;\nselect 2 as a")
    project.write("sql/ods/ods_price.sql", b"select '\xe4' as a")

    answer = project("plan")

    assert answer.code == 2
    where = [answer.err.index(f) for f in ("dwd_price.sql:1", "dwd_two.sql:2", "ods_price.sql")]
    assert where == sorted(where)
    assert "save it as UTF-8" in answer.err


def test_a_folder_named_like_a_sql_file_is_told_as_one(project):
    """Nothing is said of UTF-8, where that is not what is wrong."""
    (project.root / "sql/dwd/dwd_a.sql").mkdir()

    err = project("ls").err

    assert "sql/dwd/dwd_a.sql: can't be read: Is a directory" in err
    assert "UTF-8" not in err


def test_brought_files_run_unchanged(project):
    """Nested folders, free names, DROP and CREATE, an attached database."""
    import duckdb

    with duckdb.connect(str(project.root / "shop.duckdb")) as con:
        con.execute("create schema crm; create table crm.customer as select 1 as id, 'x' as name")
    config = (project.root / "nomad.yaml").read_text()
    address = project.root / "shop.duckdb"
    project.write("nomad.yaml", f"{config}naming: free\nattach: {{shop: '{address}'}}\n")
    project.write(
        "sql/ods/crm/deep/customers.sql",
        "DROP TABLE IF EXISTS customers;\n"
        "CREATE TABLE ods.customers AS\n"
        "WITH c AS (SELECT * FROM shop.crm.customer)\nSELECT * FROM c;",
    )
    project.write(
        "sql/dwd/Names.sql",
        "insert into names (who)\nselect name from Customers -- bare, mixed case",
    )

    answer = project("run", "ods.customers", "dwd.Names")

    assert answer.code == 0, answer.err
    assert project.rows("select who from dwd.names") == [["x"]]
    assert [t["name"] for t in project("ls", "dwd.Names", "-o", "json").json["tables"]] == [
        "dwd.Names"
    ]


def test_a_reference_in_any_case_finds_its_table(project):
    project.write(
        "sql/dwd/dwd_x.sql", "select * from ODS.\"Ods_Price\" where dt = '$<PARTITION_DATE>'"
    )
    project("extract", "--dt", "2024-01-02")

    answer = project("run", "+dwd_x", "--dt", "2024-01-02")

    assert answer.code == 0, answer.err


def test_parsed_files_come_from_the_cache_until_they_change(project):
    project("ls")
    kept = (project.root / ".nomad" / "sql.json").read_text()
    project("ls")
    assert (project.root / ".nomad" / "sql.json").read_text() == kept

    project.write("sql/dwd/dwd_price.sql", "select 1 as a")

    assert project("ls", "dwd", "-o", "json").json["tables"][0]["inputs"] == []
