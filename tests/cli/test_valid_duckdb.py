"""What DuckDB takes is taken: whole statements, in every form, beside DuckDB by itself."""

from __future__ import annotations

import duckdb
import pytest

CONFIG = "layers: [ods, q]\nnaming: free\ntimezone: UTC\nsources: {}\n"
BASE = {
    "t": "from (values (1, 'x', 10, [1, 2]), (2, 'y', 20, [3]), (3, 'x', 30, [])) _(a, b, v, l)",
    "u": "select * from (values (1, 100), (2, 200), (5, 500)) _(a, w)",
}

QUERIES = [
    "pivot t on b using max(v) group by a order by a desc limit 2",
    "with p as (pivot t on b using max(v) group by a) select * from p order by a",
    "select * from (pivot t on b || '!', a using max(v)) order by all limit 1",
    "unpivot u on a, w into name n value x order by n, x limit 3",
    "summarize u",
    "select (a!)::int as f from (values (3::int)) _(a)",
    "select list_transform(l, x -> x + 1) as m, [x for x in l if x > 1] as k from t",
    "select e'it\\'s' as x, $q$a$$b$q$ as y",
    "from t positional join (select w from u)",
    "select x: a, y: w from u",
    "select * from query_table(['u', 'u'])",
    "with c as (select a from t) from histogram_values(c, a)",
    "with recursive r(a, b) using key (a) as"
    " (values (1, 2) union from r select a, b + 1 where b < 4) from r",
    "select a, n, x from t, unnest(l) with ordinality as _(x, n)",
    "create macro f(x, y := 5) as x + y; select f(a) as p, f(a, y := 1) as q from u",
    "create macro f(x) as x, (x, y) as x + y; select f(1) as p, f(1, 2) as q",
    "create macro datediff(a, b) as b - a; select datediff(a, w) as d from u",
    "create macro div(x, y) as x // y; select div(7, 2) as d",
    "create macro decode(a, b, c, d) as if(a = b, c, d); select decode(a, 1, 'p', 'q') as d from u",
    "create macro split(x) as string_split(x, ','); select split('a,b') as d",
    "create macro apply(x) as x + 1; select apply(a) as d from u",
    "create type mood as enum (select b from t group by b); select 'x'::mood::varchar as m",
    "create temp table k as select a from t with no data; select count(*)::int as n from k",
    "drop table if exists k; create temp table k as select a from t; insert into k select a from u;"
    " update k set a = a + 1 where a in (select a from u); delete from k where a > 5; from k",
    "create table mid as select a from t; select max(a) as m from mid",
]


@pytest.fixture(scope="module")
def answers(tmp_path_factory):
    """The rows that DuckDB gives by itself, and those that one run published, by query."""
    from conftest import Project

    project = Project(tmp_path_factory.mktemp("valid"))
    project.write("nomad.yaml", CONFIG)
    for name, query in BASE.items():
        project.write(f"sql/ods/{name}.sql", query)
    for i, text in enumerate(QUERIES):
        project.write(f"sql/q/q{i}.sql", text)
    answer = project("run", "--output", "json")
    assert answer.code == 0, answer.err
    listed = {t["name"]: t["inputs"] for t in project("ls", "--output", "json").json["tables"]}
    return {q: (_bare(q), _published(project, i), listed[f"q.q{i}"]) for i, q in enumerate(QUERIES)}


def _bare(text: str):
    with duckdb.connect() as con:
        for name, query in BASE.items():
            con.execute(f"CREATE TABLE {name} AS {query}")
        found = con.sql(text) if ";" not in text else _last(con, text)
        return found.columns, sorted(map(repr, found.fetchall()))


def _last(con, text: str):
    *setup, query = text.split(";")
    con.execute(";".join(setup))
    return con.sql(query)


def _published(project, i: int):
    manifest = project.manifest(f"q.q{i}")
    files = [str(project.lake / "q" / f"q{i}" / f["name"]) for f in manifest["files"]]
    found = duckdb.sql(f"from read_parquet({files})")
    return found.columns, sorted(map(repr, found.fetchall()))


@pytest.mark.parametrize("query", QUERIES)
def test_a_build_gives_what_duckdb_gives(answers, query):
    bare, published, _ = answers[query]

    assert published == bare


@pytest.mark.parametrize("query", QUERIES)
def test_its_inputs_are_the_tables_it_names(answers, query):
    words = query.replace("(", " ").replace("'", " ").replace(")", " ").replace(";", " ")
    named = {f"ods.{w}" for w in words.replace(",", " ").split() if w in BASE}

    assert set(answers[query][2]) == named


@pytest.mark.parametrize(
    "text",
    [
        "with z as (select 1 as a)\ninsert into q.zz\nselect a from z",
        "insert into q.zz by name select 1 as a",
        "insert overwrite table zz select 1 as a",
        "insert overwrite q.zz select 1 as a",
        "begin; drop table if exists zz; create table q.zz as select 1 as a; commit",
        "create table zz as select 1 as a; create index i on zz (a); comment on table zz is 'x'",
        "create table mid as select 1 as a; create or replace table zz (a) as from mid",
        "create view zz as select 1 as a",
    ],
)
def test_scripts_that_fill_a_table_are_its_query(empty, text):
    """Whatever a warehouse's own scripts put around it."""
    empty.write("nomad.yaml", CONFIG)
    empty.write("sql/q/zz.sql", text)

    answer = empty("run")

    assert answer.code == 0, answer.err
    assert empty.rows("from q.zz") == [[1]]


def test_hive_s_partition_is_that_of_the_run(project):
    project.write(
        "sql/dwd/dwd_price.sql",
        "insert overwrite table dwd_price partition (dt = '$<PARTITION_DATE>')\n"
        "select symbol, close from ods.ods_price where dt = '$<PARTITION_DATE>'",
    )

    assert project("extract", "--dt", "2024-01-02").code == 0
    assert project("run", "--dt", "2024-01-02").code == 0
    assert len(project.rows("from dwd.dwd_price")) == 2


def test_another_partition_than_that_of_the_run_is_refused(project):
    project.write(
        "sql/dwd/dwd_price.sql",
        "insert overwrite table dwd_price partition (dt = '2024-01-02') select 1 as a",
    )

    answer = project("plan")

    assert answer.code == 2
    assert "of a partition other than the one that is built" in answer.err


@pytest.mark.parametrize(
    ("call", "prices"),
    [
        ("ods.ods_price_dt('$<PARTITION_DATE>')", [3, 4]),
        ("ods_price_dt(day := '$<PARTITION_DATE>') as p", [3, 4]),
        ('"ods"."ods_price_dt"(date \'2024-01-02\')', [1, 2]),
        ("ods.ods_price_dt('$<PARTITION_DATE>') where ods_price_dt.close > 3", [4]),
        ("raw.price_dt('2024-01-03') join ods_price_dt('2024-01-02') p using (symbol)", [1, 2]),
    ],
)
def test_one_partition_of_a_table_is_read_as_in_the_catalog(built, call, prices):
    """It is an input like any other, and no other date of it is read."""
    column = "p.close" if " join " in call else "close"
    built.write("sql/dws/dws_one.sql", f"select {column}, '$<PARTITION_DATE>' as d from {call}")

    answer = built("run", "dws_one", "--dt", "2024-01-03")

    assert answer.code == 0, answer.err
    assert sorted(r[0] for r in built.rows("select close from dws.dws_one")) == prices
    inputs = built.manifest("dws.dws_one", "2024-01-03")["inputs"]
    assert all(i["partitions"] in ("2024-01-02", "2024-01-03") for i in inputs)
    built.write("sql/dwd/dwd_price.sql", "select 1 as a, '$<PARTITION_DATE>' as d")
    plan = built("plan", "dws_one", "--dt", "2024-01-03", "-o", "json")
    assert plan.statuses()["dws.dws_one 2024-01-03"] == "fresh"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("select a\nfrom {{ ref('prices') }}", "q/x.sql:2: no templates here"),
        ("{{ config(materialized='table') }}\nselect 1 as a", "q/x.sql:1: no templates here"),
        ("select 'a' as b,\n  'c as d\nfrom t", "q/x.sql:2: a quote opened here is never closed"),
        ("select 1 /* hm\n", "q/x.sql:1: `/*` is never closed"),
        ("select 1 as a\n  cast(2 as int) as b", "q/x.sql:2:3: syntax error: unexpected `cast`"),
        (
            "select '$<PARTITION_DATE>' as a cast(2 as int)",
            "q/x.sql:1:33: syntax error: unexpected `cast`\n    select '$<PARTITION_DATE>' as a c",
        ),
        ("select 1 as a\n  cast(2 as int) as b", "is a comma missing before `cast`?"),
        ("use ods; select 1 as a", "nomad does not run `USE`"),
        ("set search_path = 'ods'; select 1 as a", "write `layer.table` where unclear"),
        ("attach 'x.db' as x; select 1 as a", "`attach:` in nomad.yaml"),
        ("install spatial; select 1 as a", "nomad does not run `INSTALL`"),
        ("create unique index i on x (a); select 1 as a", "write the test `unique`"),
        ("select * from query('select ' || 'a')", "`query` hides which tables are read"),
        ("select * from json_execute_serialized_sql('{}')", "hides which tables are read"),
        ("from histogram_values(a || b, c)", "of a computed name hides which table is read"),
        ("insert overwrite table y select 1 as a", "the file is named `x` but writes `y`"),
    ],
)
def test_what_is_not_taken_says_what_to_write(empty, text, message):
    empty.write("nomad.yaml", CONFIG)
    empty.write("sql/q/x.sql", text)

    answer = empty("plan")

    assert answer.code == 2
    assert message in answer.err
