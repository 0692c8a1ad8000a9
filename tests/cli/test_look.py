"""The commands that only look: graph, lineage, render, show, files, config, shell."""

from __future__ import annotations

import json

import pytest


def test_graph_as_text_mermaid_and_json(project):
    assert project("graph", "dwd+").out == (
        "dwd.dwd_price\n  ← ods.ods_price\ndws.dws_price\n  ← dwd.dwd_price\n"
    )
    assert project("graph", "-o", "mermaid").out == (
        "graph LR\n"
        "  raw.price --> ods.ods_price\n"
        "  ods.ods_price --> dwd.dwd_price\n"
        "  dwd.dwd_price --> dws.dws_price\n"
    )
    assert project("graph", "ods", "-o", "json").json == {
        "version": 1,
        "tables": ["ods.ods_price"],
        "edges": [{"from": "raw.price", "to": "ods.ods_price"}],
    }


def test_lineage_goes_down_to_the_source(built):
    assert built("lineage", "dws.dws_price.highest").out == (
        "highest\n  dwd.dwd_price.close\n    ods.ods_price.close\n      raw.price.close\n"
    )


def test_lineage_prints_the_promised_json(built):
    answer = built("lineage", "dws_price", "-o", "json").json

    assert answer["version"] == 1
    assert answer["columns"][0] == {
        "column": "symbol",
        "inputs": [{"table": "dwd.dwd_price", "column": "symbol"}],
        "sources": [{"table": "raw.price", "column": "symbol"}],
    }
    assert [c["column"] for c in answer["columns"]] == ["symbol", "highest", "days"]


def test_lineage_before_anything_is_built(project):
    project("extract", "--dt", "2024-01-02")

    assert "raw.price.close" in project("lineage", "dws_price.highest").out


def test_lineage_before_anything_is_extracted_goes_as_far_as_the_text_tells(project):
    project.write(
        "sql/dwd/dwd_own.sql",
        "select symbol, close + (select max(total) from dwd.dwd_own where dt < '$<PARTITION_DATE>')"
        " as total\nfrom dwd.dwd_price join ods.ods_price using (symbol, close)"
        " where dwd_price.dt = '$<PARTITION_DATE>'",
    )

    assert project("lineage", "dws_price.highest").out.startswith(
        "highest\n  dwd.dwd_price.close\n    ods.ods_price.close\n"
    )
    assert "  dwd.dwd_price.close\n" in project("lineage", "dwd_own.total").out


@pytest.mark.parametrize(
    ("sql", "column", "sources"),
    [
        ("with a as (select * from ods_price) select a.close + 1 as x from a", "x", ["close"]),
        ("select case when symbol = 'A' then close end as x from ods.ods_price", "x",
         ["close", "symbol"]),
        ("select close as x from ods.ods_price union all select length(symbol) from ods.ods_price",
         "x", ["close", "symbol"]),
        ("from ods.ods_price select max(close) over (partition by symbol) as x", "x",
         ["close", "symbol"]),
        ("select 1 as x from ods.ods_price", "x", []),
        ('select p."Close" as x from ods.ods_price as p', "x", ["close"]),
        ("select (select max(close) from ods.ods_price) as x", "x", ["close"]),
    ],
)  # fmt: skip
def test_lineage_of_shapes(built, sql, column, sources):
    built.write("sql/dws/dws_shape.sql", sql)

    (found,) = built("lineage", f"dws_shape.{column}", "-o", "json").json["columns"]

    assert [s["column"] for s in found["inputs"]] == sources


@pytest.mark.parametrize(
    ("sql", "inputs"),
    [
        ("select 1 as Weight, close as Shut from ods.ods_price", {"Weight": [], "Shut": ["close"]}),
        ("select max(close), 1 from ods.ods_price", {'max("close")': ["close"], "1": []}),
        (
            "create temp table t as select symbol as s, close as c from ods.ods_price;"
            "create temp table u as select c + 1 as d from t; select d from u",
            {"d": ["close"]},
        ),
    ],
)
def test_lineage_names_columns_as_the_table_has_them(built, sql, inputs):
    built.write("sql/dws/dws_shape.sql", sql)
    built.write("sql/dws/dws_above.sql", "select * from dws.dws_shape")
    assert built("run", "dws").code == 0

    found = built("lineage", "dws_shape", "-o", "json").json["columns"]

    assert {c["column"]: [i["column"] for i in c["inputs"]] for c in found} == inputs
    above = built("lineage", "dws_above", "-o", "json").json["columns"]
    assert [c["inputs"][0]["column"] for c in above] == list(inputs)


@pytest.mark.parametrize(
    ("sql", "why"),
    [
        ("select l.m from ods.ods_price as s, lateral (select max(o.close) as m from"
         " ods.ods_price as o where o.symbol > s.symbol) as l", "LATERAL"),
        ("select close as m, symbol as s from ods.ods_price union all by name"
         " select symbol as s, close as m from ods.ods_price", "UNION BY NAME"),
        ("select m from ods.ods_price as x(s, m)", "columns that are renamed by a table's alias"),
        ("select m from (values (1), (2)) as t(m)", "VALUES"),
        ("""select "A" as m from (pivot ods.ods_price on symbol in ('A') using sum(close))""",
         "PIVOT or UNPIVOT"),
        ("select columns('close') as m from ods.ods_price", "COLUMNS(…)"),
    ],
)  # fmt: skip
def test_lineage_says_where_it_ends_in_place_of_a_wrong_column(built, sql, why):
    built.write("sql/dws/dws_shape.sql", sql)
    built.write("sql/dws/dws_above.sql", "select m + 1 as n from dws.dws_shape")
    assert built("run", "dws").code == 0

    answer = built("lineage", "dws_above.n")

    assert answer.code == 0
    told = f"  dws.dws_shape.m (not traced: columns are not traced through {why})"
    assert answer.out.splitlines()[:2] == ["n", told]


@pytest.mark.parametrize("what", ["dws_price.nope", "raw.price.nope", "ods_price.dt"])
def test_lineage_of_a_column_that_is_not_there_prints_none(built, what):
    answer = built("lineage", what)

    assert (answer.code, answer.out) == (2, "")
    assert f"no column `{what.rpartition('.')[2]}` in " in answer.err


@pytest.mark.parametrize("what", ["raw.price", "raw.price.zzz"])
def test_lineage_of_a_source_that_never_landed_says_that_its_columns_are_not_known(project, what):
    answer = project("lineage", what)

    assert (answer.code, answer.out) == (0, "")
    assert answer.err == "nothing is landed of raw.price: its columns aren't known yet\n"


def test_lineage_of_a_column_does_not_mind_its_case(built):
    assert built("lineage", "dws_price.HIGHEST").out.startswith("highest\n")


def test_a_mistyped_column_is_not_traced_to_one_that_is_not_there(built):
    built.write("sql/dws/dws_shape.sql", "select p.clsoe as m from raw.price as p")

    answer = built("lineage", "dws_shape")

    assert answer.code == 0
    assert "raw.price.clsoe" not in answer.out
    assert "(not traced: " in answer.out


def test_lineage_of_an_unknown_column_names_the_nearest(built):
    answer = built("lineage", "dws_price.highst")

    assert answer.code == 2
    assert "no column `highst` in dws.dws_price" in answer.err
    assert "did you mean `highest`?" in answer.err


def test_render_prints_the_statements_as_they_run(project):
    project.write(
        "sql/dwd/dwd_two.sql",
        "create temp table k as select $<LEAST> as n;\n"
        "select symbol from ods.ods_price, k where dt = '${PARTITION_DATE}' -- the day",
    )

    answer = project("render", "dwd_two", "--dt", "2024-01-02", "--var", "least=3")

    assert answer.out == (
        "create temp table k as select 3 as n;\n"
        "select symbol from ods.ods_price, k where dt = '2024-01-02';\n"
    )


def test_show_lists_partitions_or_prints_a_manifest(built):
    rows = built("show", "dwd_price", "-o", "json").json["partitions"]
    one = built("show", "dwd_price", "--dt", "2024-01-02").json
    source = built("show", "raw.price", "-o", "csv").out.splitlines()

    assert [(r["partition_date"], r["row_count"]) for r in rows] == [
        ("2024-01-02", 2),
        ("2024-01-03", 2),
    ]
    assert one == built.manifest("dwd.dwd_price", "2024-01-02")
    assert len(source) == 3
    assert built("show", "dwd_price", "--dt", "2024-02-01").code == 1


def test_files_prints_the_exact_paths(built):
    manifest = built.manifest("dwd.dwd_price", "2024-01-02")
    path = built.lake / "dwd/dwd_price/dt=2024-01-02" / manifest["files"][0]["name"]

    assert built("files", "dwd_price", "--dt", "2024-01-02").out == f"{path}\n"
    assert built("files", "dws_price").out.startswith(str(built.lake / "dws/dws_price"))


def test_files_of_a_range_are_those_that_are_there(built):
    answer = built("files", "dwd_price", "--from", "2023-12-30", "--to", "2024-01-05")
    none = built("files", "dwd_price", "--from", "2023-12-30", "--to", "2023-12-31")

    assert [line.split("/")[-2] for line in answer.out.splitlines()] == [
        "dt=2024-01-02",
        "dt=2024-01-03",
    ]
    assert none.code == 1
    assert "dwd.dwd_price has no dt=2023-12-30" in none.err


def test_config_prints_each_value_and_its_origin(project, monkeypatch):
    text = (project.root / "nomad.yaml").read_text() + "vars: {password: '${PW}'}\n"
    project.write("nomad.yaml", text + "attach: {shop: 'postgres://me:hunter2@db/shop'}\n")
    monkeypatch.setenv("PW", "hunter2")
    monkeypatch.setenv("NOMAD_ENGINE_JOBS", "3")

    answer = project("config", "-o", "json")

    values = {v["key"]: (v["value"], v["origin"]) for v in answer.json["values"]}
    assert values["engine.jobs"] == ("3", "NOMAD_ENGINE_JOBS")
    assert values["timezone"] == ("UTC", "nomad.yaml:2")
    assert values["lake.url"] == ("lake", "default")
    assert values["vars.password"][0] == "***"
    assert "hunter2" not in answer.out


def test_the_shell_answers_query_after_query(built):
    done = built.process(
        "shell", input=".tables\nselect count(*) as n\nfrom dwd.dwd_price;\nselect nosuch;\n"
    )

    assert "dws.dws_price" in done.stdout
    assert done.stdout.endswith("n\n─\n4\n")
    assert 'Referenced column "nosuch"' in done.stderr
    assert done.returncode == 1


def test_completion_reads_the_names_of_files_only(project):
    project.write("sql/dwd/dwd_bad.sql", "this is no SQL")

    assert project.completed("+dwd").split() == ["plain,+dwd_bad", "plain,+dwd_price"]


def test_log_lines_as_json(built):
    answer = built("run", "dwd", "--dt", "2024-01-02", "--force", "--log-format", "json", "-q")

    (line,) = answer.err.splitlines()
    assert answer.out == ""
    assert set(json.loads(line)) == {
        "table", "partition_date", "status", "reason", "row_count", "file_count", "bytes",
        "seconds", "error", "checks", "quarantined", "retried", "run_id", "location", "peak_memory",
        "waited",
    }  # fmt: skip
    assert json.loads(line)["peak_memory"] > 10_000_000


def test_verbose_says_where(built):
    answer = built("run", "dwd", "--dt", "2024-01-02", "--force", "--verbose")

    assert f"bytes in 1 file, {built.lake}/dwd/dwd_price/dt=2024-01-02" in answer.out
