"""`nomad sql` and `nomad shell` only read, and only what they may."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

WRITES = [
    "create table keep as select 1",
    "create view v as select 1",
    "create macro f(x) as x",
    "drop view ods.ods_price",
    "insert into ods.ods_price values ('A', 1)",
    "with a as (select 1) insert into x select * from a",
    "update ods.ods_price set close = 1",
    "delete from ods.ods_price",
    "set threads = 1",
    "pragma enable_profiling",
    "attach 'evil.db'",
    "export database 'lake'",
    "install httpfs",
    "call enable_logging()",
    "checkpoint",
    "explain analyze create table x as select 1",
    "begin",
]


@pytest.mark.parametrize("query", WRITES)
def test_a_statement_that_writes_is_refused(built, query):
    answer = built("sql", query)

    assert answer.code == 2
    assert "only read here" in answer.err
    assert "try: " in answer.err


@pytest.mark.parametrize(
    "query",
    [
        "copy (select 1 as x) to '{}' (format parquet)",
        "explain analyze copy (select 1 as x) to '{}' (format parquet)",
        "explain (analyze) copy (select 1 as x) to '{}' (format parquet)",
        "/* a */ explain -- b\n analyze copy (select 1 as x) to '{}' (format parquet)",
        "select e'\\'; copy (select 1 as x) to ''{}''; --'; copy (select 1 as x) to '{}'",
    ],
)
def test_a_published_file_is_never_written_over(built, query):
    path = Path(built("files", "ods_price", "--dt", "2024-01-02").out.strip())
    before = path.read_bytes()

    for command in (("sql", query.format(*[path] * 2)), ("sql", query.format(*[path] * 2), "-o",
                                                         "csv")):  # fmt: skip
        assert built(*command).code != 0

    assert path.read_bytes() == before
    assert built.rows("select count(*) from ods.ods_price") == [[4]]


EFFECTS = [
    "from enable_profiling(save_location='{}', format='json')",
    "select * from \"enable_profiling\"(save_location='{}', format='json')",
    "from system.main.enable_profiling(save_location='{}', format='json')",
    "from query('from enable_profiling(save_location=''{}'', format=''json'')')",
    "from query('from enable_' || 'profiling(save_location=''{}'', format=''json'')')",
    "from json_execute_serialized_sql(json_serialize_sql('select 1'))",
    "from enable_logging(storage='file', storage_path='lake')",
    "explain analyze select * from enable_profiling(save_location='{}', format='json')",
    "pivot (from enable_profiling(save_location='{}', format='json')) on x",
    "from (describe select * from query('from enable_logging()'))",
    "select 1 where exists (from truncate_duckdb_logs())",
]


@pytest.mark.parametrize("query", EFFECTS)
def test_a_function_that_writes_is_refused(built, query):
    """DuckDB writes its profile from within a SELECT, over whatever is there."""
    path = built.lake / "ods/ods_price/dt=2024-01-02/manifest.json"
    before = path.read_bytes()

    answer = built("sql", query.format(path))

    assert answer.code == 2, answer.out
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    "query",
    [
        "from ods.ods_price",
        "(select 1)",
        "values (1)",
        "describe ods.ods_price",
        "summarize ods.ods_price",
        "show tables",
        "explain select 1",
        "explain analyze from ods.ods_price",
        "explain (format json) select 1",
        "pivot ods.ods_price on symbol using sum(close)",
        "from (pivot ods.ods_price on symbol using sum(close))",
        "unpivot ods.ods_price on close",
        "pragma table_info('ods.ods_price')",
        "from query('from ods.ods_price')",
        "with recursive n(i) as (select 1 union all select i + 1 from n where i < 3) from n",
        "select 'copy (select 1) to ''x''; drop table y' as text",
    ],
)
def test_what_reads_is_answered(built, query):
    answer = built("sql", query)

    assert answer.code == 0, answer.err


def test_the_shell_only_reads_as_well(built):
    path = built("files", "ods_price", "--dt", "2024-01-02").out.strip()

    done = built.process("shell", input=f"copy (select 1 as x) to '{path}' (format parquet);\n")

    assert done.returncode == 2
    assert "only read here" in done.stderr
    assert built.rows("select count(*) from ods.ods_price") == [[4]]


@pytest.mark.parametrize(
    "query",
    [
        "from duckdb_databases",
        "from Pragma_Database_List",
        "from system.main.duckdb_databases",
        'from "duckdb_databases"',
        "with x as (from duckdb_databases) select path from x",
        "select path from query('from duckdb_databases')",
        "from query_table('duckdb_databases')",
        "from query_table(['duckdb_databases'])",
        "from query_table('system.main.duckdb_databases')",
        "from query_table('duckdb_' || 'databases')",
        "from (summarize duckdb_databases)",
        "summarize duckdb_databases",
        "pivot duckdb_databases on path",
        "pivot (from query_table /* a */ ('duckdb_' || 'databases')) on path",
    ],
)
def test_how_a_database_is_reached_is_not_told(built, query):
    """The address of an attached database holds its password."""
    answer = built("sql", query)

    assert answer.code == 2, answer.out
    assert "is not for a query" in answer.err or "computed" in answer.err


def test_a_table_may_be_named_by_a_text(built):
    assert built.rows("select count(*) from query_table('ods.ods_price')") == [[4]]


@pytest.mark.parametrize("hidden", [".env", ".git/config", "conf/.env", "a/b/.aws/credentials"])
def test_what_begins_with_a_dot_is_not_read(built, hidden):
    """A password in `.env` can't be published by a query."""
    path = built.write(hidden, "S3_SECRET=hunter2\n")
    built.write(path.parent.parent / "seen.txt" if "/" in hidden else "x/seen.txt", "seen")

    for place in (path, path.parent / "*", path.parent / "[.]*"):
        answer = built("sql", f"select content from read_text('{place}')", "-o", "csv")
        assert answer.code == 1
        assert "hunter2" not in answer.out + answer.err


def test_a_link_does_not_lead_to_what_is_hidden(built):
    built.write(".env", "S3_SECRET=hunter2\n")
    (built.root / "plain.txt").symlink_to(".env")
    (built.root / "in/plain.txt").symlink_to("../.env")

    for name in ("plain.txt", "in/plain.txt"):
        answer = built("sql", f"from read_text('{built.root / name}')")
        assert answer.code == 1
        assert "hunter2" not in answer.out + answer.err


def test_what_lies_beside_something_hidden_is_read(built):
    built.write("conf/.env", "S3_SECRET=hunter2\n")
    built.write("conf/more/x.csv", "a\n1\n")
    built.write("data/.gitkeep", "")
    built.write("data/1.csv", "a\n1\n")
    built.write("data/2.csv", "a\n2\n")

    assert built.rows(f"from read_csv('{built.root}/conf/more/*.csv')") == [[1]]
    assert built.rows(f"select sum(a) from read_csv('{built.root}/data/*.csv')") == [[3]]
    assert built.rows(f"select count(*) from read_text('{built.root}/nomad.yaml')") == [[1]]


def test_a_database_in_the_top_folder_is_read(built):
    """DuckDB looks for its log beside it, whether there is one or not."""
    with duckdb.connect(str(built.root / "w.duckdb")) as con:
        con.execute("create table t as select 7 as a")

    assert built.rows("from read_duckdb('w.duckdb', table_name = 't')") == [[7]]


def test_a_table_cannot_publish_what_is_hidden(project):
    project.write(".env", "S3_SECRET=hunter2\n")
    project.write(
        "sql/ods/ods_leak.sql", f"select content from read_text('{project.root / '.env'}')"
    )

    answer = project("run", "ods_leak")

    assert answer.code == 1
    assert "begins with a dot" in answer.err + answer.out
