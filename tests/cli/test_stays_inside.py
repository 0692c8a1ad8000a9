"""What a project's files say runs inside: no migration, contract or SQL file writes elsewhere."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize(
    "text",
    [
        "copy (select 1 as x) to 'lake/evil.csv'",
        "create view v as select 1; copy (select 1 as x) to 'lake/evil.csv'",
        "attach 'evil.csv' as evil",
        "export database 'evil.csv'",
        "create table t as select * from enable_profiling(save_location='lake/evil.csv')",
        "create macro m(x) as table from query(x)",
        "install httpfs",
        "call enable_logging(storage='file', storage_path='lake')",
    ],
)
def test_a_migration_does_not_leave_the_catalog(built, text):
    built.write("catalog/migrations/0001_evil.sql", text)

    answer = built("catalog", "refresh")

    assert answer.code == 1
    assert "catalog/migrations/0001_evil.sql: a migration runs no" in answer.err
    assert not list(built.root.rglob("evil*.csv"))


@pytest.mark.parametrize("path", ["/etc/hostname", "{}/.env", "{}/../outside.txt"])
def test_a_migration_reads_what_a_query_may(built, path):
    built.write(".env", "S3_SECRET=hunter2-and-more")
    (built.root.parent / "outside.txt").write_text("hunter2-and-more")
    file = path.format(built.root)
    built.write("catalog/migrations/0001_t.sql", f"create table t as from read_text('{file}')")

    answer = built("catalog", "refresh")

    assert answer.code == 1
    assert "is none that a query may read" in answer.err
    catalogs = built.root.glob("catalog/*.duckdb")
    assert all(b"hunter2-and-more" not in p.read_bytes() for p in catalogs)


def test_a_migration_makes_what_it_may(built):
    built.write("data/x.csv", "a\n1\n")
    text = (
        "create macro twice(x) as x * 2;\n"
        "create table t as select * from range(3);\n"
        f"create view x as from read_csv('{built.root}/data/*.csv');\n"
        "comment on table t is 'three';"
    )
    built.write("catalog/migrations/0001_t.sql", text)

    assert built("catalog", "refresh").code == 0


@pytest.mark.parametrize(
    "text",
    [
        "tests: [{expression: \"1 = 1); copy (select 1) to 'lake/evil.csv'; select (1\", name: x}]",
        "tests: [{expression: a, where: \"1); copy (select 1) to 'lake/evil.csv'; select (1\"}]",
        "tests: [{expression: \"$$'$$ = ''); copy (select 1) to 'lake/evil.csv'; select ($$'$$\"}]",
        'columns: [{name: symbol, data_type: "DECIMAL(1,2)) AS x; copy (select 1) to'
        " 'lake/evil.csv'; select (1\"}]",
    ],
)
def test_a_contract_holds_no_second_statement(built, text):
    built.write("sql/dwd/dwd_price.yml", text + "\n")

    for words in (("run", "--dt", "2024-01-02"), ("check", "--dt", "2024-01-02"), ("lint",)):
        answer = built(*words)
        assert answer.code == 2
        assert "sql/dwd/dwd_price.yml:1" in answer.err + answer.out
    assert not list(built.root.rglob("evil*.csv"))


def test_a_condition_may_hold_a_semicolon_as_text(built):
    built.write("sql/dwd/dwd_price.yml", "tests: [{expression: \"symbol not like '%;%'\"}]\n")

    assert built("run", "--dt", "2024-01-02").code == 0


@pytest.mark.parametrize(
    "text",
    [
        "select * from enable_profiling(save_location='{}', format='json')",
        "select * from \"enable_profiling\" /* a */ (save_location='{}', format='json')",
        "create temp table t as select * from enable_profiling(save_location='{}',"
        " format='json');\nselect 1 as a",
        "select * from query('from enable_profiling(save_location=''{}'', format=''json'')')",
        "select * from enable_logging(storage='file', storage_path='lake')",
        "set profiling_output = '{}'; select 1 as a",
        "set global profiling_output = '{}'; select 1 as a",
        "pragma enable_profiling; select 1 as a",
        "set log_query_path = 'lake/x'; select 1 as a",
        "set file_search_path = '/etc'; select 1 as a",
    ],
)
def test_a_table_does_not_write_over_another(built, text):
    """DuckDB writes its profile from within a SELECT, over a manifest if it is told to."""
    path = built.lake / "ods/ods_price/dt=2024-01-02/manifest.json"
    before = path.read_bytes()
    files = {"ods_x": "sql/ods/ods_x.sql", "ods_price": "sql/checks/ods_price__x.sql"}
    for table, file in files.items():
        written = built.write(file, text.format(path))

        answer = built("run", table, "--dt", "2024-01-02", "--force")

        assert answer.code != 0
        assert file in answer.err
        assert path.read_bytes() == before
        written.unlink()


def test_a_contract_calls_no_function_that_writes(built):
    text = 'tests: [{expression: "exists (from enable_logging())", name: x}]\n'
    built.write("sql/dwd/dwd_price.yml", text)

    answer = built("run", "--dt", "2024-01-02")

    assert answer.code == 2
    assert "can't call `enable_logging`" in answer.err


@pytest.mark.parametrize(
    "test",
    [
        '{expression: "(select max(path) from duckdb_databases) is null", name: x}',
        '{expression: "true", where: "symbol in (select path from pragma_database_list)", name: x}',
    ],
)
def test_a_contract_does_not_ask_how_a_database_is_reached(built, test):
    """The address of an attached database holds its password, and a refused row is shown."""
    built.write("sql/dwd/dwd_price.yml", f"tests: [{test}]\n")

    answer = built("run", "--dt", "2024-01-02")

    assert answer.code == 2
    assert "can't call `" in answer.err


@pytest.mark.parametrize(
    "text",
    [
        "select 'copy (select 1) to ''x''; enable_profiling()' as x",
        "set max_temp_directory_size = '1GB'; select 1 as x",
        "set integer_division = true; select 7 / 2 as checkpoint",
    ],
)
def test_what_only_looks_like_it_writes_is_taken(built, text):
    built.write("sql/ods/ods_x.sql", text)

    answer = built("run", "ods_x")

    assert answer.code == 0, answer.err
