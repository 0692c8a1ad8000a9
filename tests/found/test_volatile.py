"""What may change though no input changed is never called fresh."""

from __future__ import annotations

import json

import duckdb
import pytest

CONFIG = "layers: [q]\nnaming: free\ntimezone: UTC\nsources: {}\n"

FILES = [
    "select * from query('select * from read_csv(''in/x.csv'')')",
    "select * from query($$from read_csv('in/x.csv')$$)",
    "select * from read_json_objects_auto('in/x.json')",
    "select * from read_duckdb('in/x.duckdb', table_name='t')",
    "from (select key from parquet_kv_metadata('in/x.parquet'))",
    "select num_rows from parquet_file_metadata('in/x.parquet')",
    "create temp table t as from read_json_objects_auto('in/x.json'); from t",
    "create macro m() as table from read_json_objects_auto('in/x.json'); from m()",
    "select (select count(*) from read_json_objects_auto('in/x.json')) as n",
]


def write_files(folder, value: int) -> None:
    """Write one file of each kind with a value in it."""
    (folder / "in").mkdir(exist_ok=True)
    (folder / "in/x.csv").write_text(f"a\n{value}\n")
    (folder / "in/x.json").write_text(json.dumps({"a": value}) + "\n")
    (folder / "in/x.duckdb").unlink(missing_ok=True)
    with duckdb.connect(str(folder / "in/x.duckdb")) as con:
        con.execute(f"CREATE TABLE t AS SELECT {value} AS a")
        path = folder / "in/x.parquet"
        con.execute(f"COPY (FROM range({value})) TO '{path}' (KV_METADATA {{k: '{value}'}})")


def action(project) -> str:
    plan = project("plan", "--output", "json").json
    return plan["steps"][0]["action"]


@pytest.mark.parametrize("sql", FILES)
def test_a_table_that_reads_a_file_is_built_again(empty, monkeypatch, sql):
    """Whichever function reads it, and wherever the call stands."""
    monkeypatch.chdir(empty.root)
    empty.write("nomad.yaml", CONFIG)
    empty.write("sql/q/t.sql", sql)
    write_files(empty.root, 1)
    assert empty("run").code == 0
    write_files(empty.root, 2)

    assert action(empty) != "fresh"


@pytest.mark.parametrize(
    "sql",
    [
        "select * from query('select now() as t')",
        "select * from query('select * from query(''select random() as r'')')",
        "select ago(interval 1 day) as t",
        "select * from duckdb_memory()",
        "select current_database() as name",
    ],
)
def test_a_table_that_asks_a_clock_is_built_again(empty, sql):
    """Also where the clock stands in a text that is run as a query."""
    empty.write("nomad.yaml", CONFIG)
    empty.write("sql/q/t.sql", sql)
    assert empty("run").code == 0

    assert action(empty) != "fresh"


@pytest.mark.parametrize(
    "sql",
    [
        "select * from query('select a from q.base')",
        "from query($$with x as (from q.base) select a from x$$)",
        "from histogram_values(q.base, a)",
        "from histogram_values('q.base', a)",
        "from (select bin from histogram(q.base, a))",
        "create macro base(x) as x + 1; select base(a) as a from base",
        "create type base as enum ('x'); select a from base",
        "create type kind as enum (select a::varchar from q.base); select 'x1' as a",
    ],
)
def test_what_a_function_or_a_text_reads_is_an_input(empty, sql):
    """So the table is built again when that is, and after it."""
    empty.write("nomad.yaml", CONFIG)
    empty.write("sql/q/base.sql", "select 1 as a")
    empty.write("sql/q/t.sql", sql)

    listed = {t["name"]: t for t in empty("ls", "--output", "json").json["tables"]}

    assert listed["q.t"]["inputs"] == ["q.base"]
    assert empty("run").code == 0
    empty.write("sql/q/base.sql", "select 2 as a")
    steps = empty("plan", "--output", "json").json["steps"]
    assert {s["table"]: s["action"] for s in steps}["q.t"] != "fresh"


@pytest.mark.parametrize("sql", ["select shop.cnt() as n", 'select "shop".main."cnt"() as n'])
def test_a_function_of_an_attached_database_may_change(empty, sql):
    with duckdb.connect(str(empty.root / "shop.duckdb")) as con:
        con.execute("create table t as select 1 as a")
        con.execute("create macro cnt() as (select count(*) from shop.main.t)")
    empty.write("nomad.yaml", f"{CONFIG}attach: {{shop: shop.duckdb}}\n")
    empty.write("sql/q/t.sql", sql)
    assert empty("run").code == 0

    assert action(empty) != "fresh"


def test_what_a_contract_reads_of_an_attached_database_may_change(empty):
    """Lint looks into it as a run does."""
    with duckdb.connect(str(empty.root / "shop.duckdb")) as con:
        con.execute("create table t as select 1 as a")
    empty.write("nomad.yaml", f"{CONFIG}attach: {{shop: shop.duckdb}}\n")
    empty.write("sql/q/t.sql", "select 1 as a")
    empty.write(
        "sql/q/t.yml", "columns: [{name: a, tests: [expression: in (select a from shop.t)]}]"
    )
    assert empty("lint").code == 0
    assert empty("run").code == 0
    assert action(empty) != "fresh"

    empty.write(
        "sql/q/t.yml", "columns: [{name: a, tests: [expression: in (select b from shop.t)]}]"
    )
    answer = empty("lint")

    assert answer.code == 2
    assert 'column "b" not found' in answer.out


def test_a_word_like_a_database_in_a_text_of_a_contract_is_none(empty):
    empty.write("nomad.yaml", f"{CONFIG}attach: {{shop: shop.duckdb}}\n")
    empty.write("sql/q/t.sql", "select 'shop.de' as a")
    empty.write("sql/q/t.yml", "columns: [{name: a, tests: [expression: = 'shop.de']}]")
    assert empty("run").code == 0

    assert action(empty) == "fresh"
