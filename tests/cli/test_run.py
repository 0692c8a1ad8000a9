"""`nomad run` and `nomad plan`, as typed."""

from __future__ import annotations

import json

import pytest

RANGE = ("--from", "2024-01-02", "--to", "2024-01-03")


def test_the_chain_is_published(built):
    assert built.rows("select * from dwd.dwd_price order by dt, symbol") == [
        ["A", 1, "2024-01-02"],
        ["B", 2, "2024-01-02"],
        ["A", 3, "2024-01-03"],
        ["B", 4, "2024-01-03"],
    ]
    assert built.rows("from dws.dws_price order by symbol") == [["A", 3, 2], ["B", 4, 2]]


def test_a_partition_is_files_manifest_and_success(built):
    manifest = built.manifest("dwd.dwd_price", "2024-01-02")
    folder = built.lake / "dwd/dwd_price/dt=2024-01-02"

    assert {p.name for p in folder.iterdir()} == {
        "manifest.json",
        "_SUCCESS",
        manifest["files"][0]["name"],
    }
    assert manifest["files"][0]["name"] == f"{manifest['run_id']}-0.parquet"
    assert manifest["inputs"] == [
        {
            "table": "ods.ods_price",
            "partitions": "2024-01-02",
            "content_hash": built.manifest("ods.ods_price", "2024-01-02")["content_hash"],
        }
    ]
    assert manifest["stats"]["close"] == {"min": "1", "max": "2", "null_count": 0}


def test_manifest_has_the_promised_keys(built):
    assert set(built.manifest("dws.dws_price")) == {
        "manifest_version", "dest", "partition_date", "run_id", "generated_at", "file_count",
        "row_count", "files", "schema", "schema_hash", "stats", "content_hash", "sql_hash",
        "contract_hash", "engine", "inputs", "checks", "previous",
    }  # fmt: skip


def test_run_prints_the_promised_json(project):
    project("extract", "--dt", "2024-01-02")

    answer = project("run", "--dt", "2024-01-02", "--output", "json")

    assert answer.code == 0
    assert set(answer.json) == {"version", "run_id", "steps"}
    assert answer.json["version"] == 1
    assert set(answer.json["steps"][0]) == {
        "table", "partition_date", "status", "reason", "row_count", "file_count", "bytes",
        "seconds", "error", "checks", "quarantined", "retried",
    }  # fmt: skip
    assert answer.statuses() == {
        "ods.ods_price 2024-01-02": "published",
        "dwd.dwd_price 2024-01-02": "published",
        "dws.dws_price": "published",
    }


def test_plan_and_run_agree_on_the_steps(project):
    project("extract", *RANGE)

    planned = project("plan", *RANGE, "--output", "json")
    ran = project("run", *RANGE, "--output", "json")

    def cells(answer):
        return [(s["table"], s["partition_date"]) for s in answer.json["steps"]]

    assert planned.json["version"] == 1
    assert set(planned.json["steps"][0]) == {"table", "partition_date", "action", "reason"}
    assert cells(planned) == cells(ran)
    assert {s["action"] for s in planned.json["steps"]} == {"build"}


def test_what_is_fresh_is_not_built_again(built):
    before = built.manifest("dwd.dwd_price", "2024-01-02")

    answer = built("run", *RANGE, "--output", "json")

    assert set(answer.statuses().values()) == {"fresh"}
    assert built.manifest("dwd.dwd_price", "2024-01-02") == before


def test_force_builds_what_is_fresh_and_gives_the_same_content(built):
    before = built.manifest("dwd.dwd_price", "2024-01-02")

    answer = built("run", "dwd_price", "--dt", "2024-01-02", "--force", "--output", "json")

    after = built.manifest("dwd.dwd_price", "2024-01-02")
    assert answer.statuses() == {"dwd.dwd_price 2024-01-02": "published"}
    assert answer.reasons() == {"dwd.dwd_price 2024-01-02": "forced"}
    assert after["content_hash"] == before["content_hash"]
    assert after["previous"] == before["run_id"]


def test_a_changed_comment_keeps_all_fresh(built):
    built.write("sql/dwd/dwd_price.sql", "-- Another comment.\n" + _sql(built, "dwd/dwd_price"))

    assert set(built("plan", *RANGE, "--output", "json").statuses().values()) == {"fresh"}


def test_a_changed_expression_makes_it_and_its_readers_stale(built):
    sql = _sql(built, "dwd/dwd_price").replace("close > 0", "close > 1")
    built.write("sql/dwd/dwd_price.sql", sql)

    assert built("plan", *RANGE, "--output", "json").reasons() == {
        "ods.ods_price 2024-01-02": "fresh",
        "ods.ods_price 2024-01-03": "fresh",
        "dwd.dwd_price 2024-01-02": "SQL changed",
        "dwd.dwd_price 2024-01-03": "SQL changed",
        "dws.dws_price": "input dwd.dwd_price dt=2024-01-02 changed",
    }


def _sql(project, name):
    return (project.root / f"sql/{name}.sql").read_text(encoding="utf-8")


def test_rows_in_another_order_stop_at_the_first_table(built):
    built.write("in/2024-01-02.csv", "symbol,close\nB,2\nA,1\n")
    built("extract", "--dt", "2024-01-02")

    answer = built("run", "--dt", "2024-01-02", "--output", "json")

    assert answer.statuses() == {
        "ods.ods_price 2024-01-02": "published",
        "dwd.dwd_price 2024-01-02": "fresh",
        "dws.dws_price": "fresh",
    }
    assert answer.reasons()["ods.ods_price 2024-01-02"] == ("input raw.price dt=2024-01-02 changed")


def test_changed_rows_go_all_the_way(built):
    built.write("in/2024-01-02.csv", "symbol,close\nA,9\n")
    built("extract", "--dt", "2024-01-02")

    answer = built("run", "--dt", "2024-01-02", "--output", "json")

    assert set(answer.statuses().values()) == {"published"}
    assert built.rows("from dws.dws_price order by symbol") == [["A", 9, 2], ["B", 4, 1]]


def test_an_empty_result_is_a_success_and_the_old_rows_are_gone(built):
    built.write("in/2024-01-02.csv", "symbol,close\n")
    built("extract", "--dt", "2024-01-02")

    answer = built("run", "--dt", "2024-01-02")

    folder = built.lake / "dwd/dwd_price/dt=2024-01-02"
    assert answer.code == 0
    assert [p.name for p in folder.iterdir()] == ["manifest.json"]
    assert built.rows("select count(*) from dwd.dwd_price_dt('2024-01-02')") == [[0]]


def test_superseded_files_go_to_the_history_one_version_deep(built):
    for _ in range(3):
        built("run", "dwd_price", "--dt", "2024-01-02", "--force")

    kept = list((built.lake / "_history/dwd/dwd_price/dt=2024-01-02").iterdir())
    assert [p.name for p in kept] == [built.manifest("dwd.dwd_price", "2024-01-02")["previous"]]
    assert len(list((built.lake / "dwd/dwd_price/dt=2024-01-02").glob("*.parquet"))) == 1


def test_a_failed_table_blocks_what_needs_it_and_all_else_goes_on(project):
    project.write("in/2024-01-02.csv", "symbol,close\nA,one\n")
    project.write("sql/dws/dws_free.sql", "select 1 as a")
    project("extract", *RANGE)

    answer = project("run", *RANGE, "--output", "json")

    assert answer.code == 1
    assert answer.statuses() == {
        "dws.dws_free": "published",
        "ods.ods_price 2024-01-02": "failed",
        "ods.ods_price 2024-01-03": "published",
        "dwd.dwd_price 2024-01-02": "blocked",
        "dwd.dwd_price 2024-01-03": "published",
        "dws.dws_price": "blocked",
    }
    assert "sql/ods/ods_price.sql:2" in answer.err
    assert "Could not convert string 'one'" in answer.err


def test_the_same_command_picks_up_where_it_stopped(project):
    project.write("in/2024-01-02.csv", "symbol,close\nA,one\n")
    project("extract", *RANGE)
    project("run", *RANGE)
    project.write("in/2024-01-02.csv", "symbol,close\nA,1\n")
    project("extract", *RANGE)

    answer = project("run", *RANGE, "--output", "json")

    assert answer.code == 0
    assert answer.statuses()["dwd.dwd_price 2024-01-03"] == "fresh"
    assert answer.statuses()["dwd.dwd_price 2024-01-02"] == "published"


def test_a_date_that_no_source_has_is_passed_over_in_a_range(project):
    dates = ("--from", "2024-01-01", "--to", "2024-01-04")
    extracted = project("extract", *dates)
    answer = project("run", *dates, "--output", "json")

    assert extracted.code == 0
    assert "no source for 2024-01-01, 2024-01-04: passed over" in extracted.err
    assert answer.code == 0
    assert "no source for 2024-01-01, 2024-01-04: passed over" in answer.err
    assert set(answer.statuses().values()) == {"published"}
    assert set(project("run", *dates, "-o", "json").statuses().values()) == {"fresh"}


def test_a_date_that_only_one_of_two_sources_has_is_an_error(project):
    config = (project.root / "nomad.yaml").read_text()
    project.write(
        "nomad.yaml", config + '  other: {connector: file, path: "o/$<PARTITION_DATE>.csv"}\n'
    )
    project.write("o/2024-01-02.csv", "symbol\nA\n")
    project.write(
        "sql/dwd/dwd_both.sql",
        "select p.symbol from ods.ods_price as p join raw.other as o using (symbol, dt)\n"
        "where p.dt = '$<PARTITION_DATE>'",
    )
    project("extract", *RANGE)

    answer = project("run", *RANGE, "--output", "json")

    assert answer.code == 1
    assert answer.statuses()["dwd.dwd_both 2024-01-02"] == "published"
    assert answer.statuses()["dwd.dwd_both 2024-01-03"] == "failed"
    assert "raw.other has no dt=2024-01-03" in answer.err


def test_a_missing_partition_is_an_error_or_empty_if_allowed(built):
    answer = built("run", "dwd_price", "--dt", "2024-01-05")
    allowed = built("run", "dwd_price", "--dt", "2024-01-05", "--allow-missing")

    assert answer.code == 1
    assert "ods.ods_price has no dt=2024-01-05" in answer.err
    assert "nomad run ods_price --dt 2024-01-05" in answer.err
    assert allowed.code == 0
    assert built.manifest("dwd.dwd_price", "2024-01-05")["row_count"] == 0


def test_a_table_reads_its_own_earlier_partitions(built):
    built.write(
        "sql/dws/dws_total.sql",
        "with today as (select symbol, close from dwd.dwd_price where dt = '$<PARTITION_DATE>'),\n"
        "past as (select symbol, sum(close) as close from dwd.dwd_price"
        " where dt < '$<PARTITION_DATE>' group by symbol)\n"
        "select symbol, t.close + coalesce(p.close, 0) as total\n"
        "from today as t left join past as p using (symbol)",
    )

    answer = built("run", "dws_total", *RANGE)

    assert answer.code == 0, answer.err
    assert built.rows("select symbol, total from dws.dws_total where dt = '2024-01-03'"
                      " order by 1") == [["A", 4], ["B", 6]]  # fmt: skip
    assert built.manifest("dws.dws_total", "2024-01-03")["inputs"][0]["partitions"] == {
        "from": None,
        "to": "2024-01-03",
        "count": 2,
    }


def test_a_late_partition_makes_the_range_stale(built):
    built.write(
        "sql/dws/dws_week.sql",
        "select max(close) as highest from dwd.dwd_price\n"
        "where dt between cast('$<PARTITION_DATE>' as date) - 6 and '$<PARTITION_DATE>'",
    )
    built("run", "dws_week", "--dt", "2024-01-03")
    built.write("in/2024-01-01.csv", "symbol,close\nZ,99\n")
    built("extract", "--dt", "2024-01-01")
    built("run", "ods", "dwd", "--dt", "2024-01-01")

    answer = built("plan", "dws_week", "--dt", "2024-01-03", "-o", "json")

    assert answer.reasons() == {
        "dws.dws_week 2024-01-03": "input dwd.dwd_price dt=2023-12-28 … 2024-01-03 changed"
    }


def test_the_query_may_yield_dt_which_is_left_to_the_path(built):
    built.write(
        "sql/dwd/dwd_dated.sql", "select * from ods.ods_price where dt = '$<PARTITION_DATE>'"
    )

    answer = built("run", "dwd_dated", "--dt", "2024-01-02")

    assert answer.code == 0, answer.err
    assert [c["name"] for c in built.manifest("dwd.dwd_dated", "2024-01-02")["schema"]] == [
        "symbol",
        "close",
    ]
    assert built.rows("select distinct dt from dwd.dwd_dated") == [["2024-01-02"]]


def test_a_row_of_another_date_stops_the_publish(built):
    built.write(
        "sql/dwd/dwd_dated.sql", "select * from ods.ods_price where dt <= '$<PARTITION_DATE>'"
    )

    answer = built("run", "dwd_dated", "--dt", "2024-01-03")

    assert answer.code == 1
    assert "`dt` of a row is 2024-01-02, outside the partition dt=2024-01-03" in answer.err
    assert not (built.lake / "dwd/dwd_dated").exists()


def test_a_sum_of_integers_stays_exact(built):
    built.write("sql/dws/dws_sum.sql", "select sum(9007199254740993::bigint) as s from range(1)")

    built("run", "dws_sum")

    assert built.manifest("dws.dws_sum")["schema"][0]["type"] == "DECIMAL(38,0)"
    assert built("sql", "select s::varchar as s from dws.dws_sum", "-o", "csv").out == (
        "s\n9007199254740993\n"
    )


def test_statements_before_the_query_run_first_and_leak_nowhere(built):
    built.write(
        "sql/dwd/dwd_setup.sql",
        "create temp table k as select max(close) as m from ods.ods_price"
        " where dt = '$<PARTITION_DATE>';\ncreate macro twice(x) as 2 * x;\n"
        "select twice(m) as m from k",
    )
    built.write("sql/dwd/dwd_leak.sql", "select twice(1) as m")

    answer = built("run", "dwd_setup", "dwd_leak", "--dt", "2024-01-02", "-o", "json")

    assert answer.statuses() == {
        "dwd.dwd_setup 2024-01-02": "published",
        "dwd.dwd_leak": "failed",
    }
    assert built.rows("select m from dwd.dwd_setup") == [[4]]


def test_a_setting_holds_for_its_own_file_only(built):
    built.write("sql/dwd/dwd_zone.sql", "set TimeZone = 'Asia/Tokyo';\n"
                "select current_setting('TimeZone') as z")  # fmt: skip
    built.write("sql/dwd/dwd_other.sql", "select current_setting('TimeZone') as z")

    answer = built("run", "dwd_zone", "dwd_other")

    assert answer.code == 0, answer.err
    assert built.rows("select a.z, b.z from dwd.dwd_zone as a, dwd.dwd_other as b") == [
        ["Asia/Tokyo", "UTC"]
    ]


def test_a_query_reads_nothing_outside_the_project(built):
    built.write("sql/dwd/dwd_spy.sql", "select * from read_csv('/etc/passwd', header = false)")

    answer = built("run", "dwd_spy")

    assert answer.code == 1
    assert "file `/etc/passwd` is none that a query may read" in answer.err
    assert "may read only the project's folder and its lake" in answer.err


def test_the_default_date_is_yesterday(built):
    answer = built("plan", "dwd_price", "-o", "json")

    from datetime import UTC, datetime, timedelta

    yesterday = (datetime.now(UTC) - timedelta(days=1)).date()
    assert [s["partition_date"] for s in answer.json["steps"]] == [yesterday.isoformat()]


def test_plan_changes_nothing(built):
    before = sorted(p for p in built.root.rglob("*") if ".nomad" not in p.parts)

    built("plan", "--dt", "2024-01-04")

    assert sorted(p for p in built.root.rglob("*") if ".nomad" not in p.parts) == before


def test_the_journal_has_a_line_for_every_step(built):
    answer = built("run", "--dt", "2024-01-02", "-o", "json")

    (path,) = built.lake.glob(f"_runs/dt=*/{answer.json['run_id']}.jsonl")
    events = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert [e["event"] for e in events] == ["begin", "step", "step", "step", "end"]
    assert {e["run_id"] for e in events} == {answer.json["run_id"]}


def test_nothing_is_left_in_scratch(built):
    assert list((built.lake / "_tmp").iterdir()) == []


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--dt", "2024-02-30"), "`2024-02-30` is not a date"),
        (("--from", "2024-01-03", "--to", "2024-01-02"), "the range begins after it ends"),
        (("nosuch",), "`nosuch` selects no table"),
        (("raw.price",), "`price` is a source: `nomad extract price` lands it"),
        (("+Price",), "`price` is a source: `nomad extract price` lands it"),
        (("dwd_prize",), "did you mean `dwd_price`"),
        (("--exclude", "*"), "nothing is selected"),
        (("--from", "2024-01-03"), "--from and --to go together"),
    ],
)
def test_misuse_is_told_and_exits_2(built, words, message):
    for command in ("plan", "run"):
        answer = built(command, *words)

        assert answer.code == 2
        assert message in answer.err
        assert answer.out == ""


def test_a_dry_run_builds_the_whole_chain_and_publishes_nothing(built):
    built.write("sql/dwd/dwd_price.sql", _sql(built, "dwd/dwd_price").replace("> 0", "> 1"))
    before = sorted(p for p in built.lake.rglob("*"))

    answer = built("run", "--dt", "2024-01-02", "--dry-run", "-o", "json")

    assert answer.code == 0, answer.err
    assert answer.statuses() == {
        "ods.ods_price 2024-01-02": "fresh",
        "dwd.dwd_price 2024-01-02": "built",
        "dws.dws_price": "built",
    }
    assert [s["row_count"] for s in answer.json["steps"]] == [2, 1, 2]
    assert sorted(p for p in built.lake.rglob("*")) == before
    assert built.rows("select count(*) from dwd.dwd_price_dt('2024-01-02')") == [[2]]


def test_a_dry_run_finds_what_would_fail(project):
    project.write("in/2024-01-02.csv", "symbol,close\nA,one\n")
    project("extract", "--dt", "2024-01-02")

    answer = project("run", "--dt", "2024-01-02", "--dry-run", "-o", "json")

    assert answer.code == 1
    assert answer.statuses()["dwd.dwd_price 2024-01-02"] == "blocked"


def test_fail_fast_stops_at_the_first_failure(project):
    project.write("in/2024-01-02.csv", "symbol,close\nA,one\n")
    project("extract", *RANGE)

    answer = project("run", *RANGE, "--fail-fast", "--jobs", "1", "-o", "json")

    assert answer.code == 1
    assert answer.statuses() == {
        "ods.ods_price 2024-01-02": "failed",
        "ods.ods_price 2024-01-03": "blocked",
        "dwd.dwd_price 2024-01-02": "blocked",
        "dwd.dwd_price 2024-01-03": "blocked",
        "dws.dws_price": "blocked",
    }


def test_a_table_that_reads_only_what_is_fresh_waits_for_nobody(built):
    answer = built("run", "--jobs", "4", *RANGE, "--force", "-o", "json")

    assert set(answer.statuses().values()) == {"published"}


def test_a_pivot_keeps_its_rows(built):
    built.write(
        "sql/dws/dws_pivot.sql", "pivot ods.ods_price on symbol using first(close) group by dt"
    )

    built("run", "dws_pivot")

    assert built.manifest("dws.dws_pivot")["row_count"] == 2
    assert built.rows("select * exclude (dt) from dws.dws_pivot order by dt") == [[1, 2], [3, 4]]


def test_a_temp_table_reads_what_its_own_statement_asks_for(built):
    built.write(
        "sql/dws/dws_temp.sql",
        "create temp table h as select symbol, count(*) as n from ods.ods_price group by symbol;\n"
        "select o.symbol, h.n from ods.ods_price as o join h using (symbol)\n"
        "where o.dt = '$<PARTITION_DATE>'",
    )

    built("run", "dws_temp", "--dt", "2024-01-03")

    assert built.rows("select n from dws.dws_temp") == [[2], [2]]


def test_a_day_that_a_temp_table_asks_for_must_be_there(built):
    built.write(
        "sql/dws/dws_temp.sql",
        "create temp table p as select * from ods.ods_price where dt = '$<PARTITION_DATE>';\n"
        "select symbol from p",
    )

    alone = built("run", "dws_temp", "--dt", "2024-01-10")
    ranged = built("run", "dws_temp", "--from", "2024-01-03", "--to", "2024-01-04", "-o", "json")

    assert alone.code == 1
    assert "ods.ods_price has no dt=2024-01-10" in alone.err
    assert ranged.statuses() == {"dws.dws_temp 2024-01-03": "published"}


def test_what_a_clock_says_is_not_taken_for_the_date(built):
    """A query that calls a clock reads all of its input, and is always stale."""
    built.write("sql/dws/dws_clock.sql", "select symbol from ods.ods_price where dt < current_date")

    first = built("run", "dws_clock", "-o", "json")
    again = built("run", "dws_clock", "-o", "json")

    assert first.json["steps"][0]["row_count"] == 4
    assert again.reasons() == {"dws.dws_clock": "volatile: calls current_date"}
    assert again.statuses() == {"dws.dws_clock": "published"}


def test_an_input_that_is_no_longer_partitioned_makes_its_readers_stale(built):
    built.write("sql/ods/ods_price.sql", "select 'Z' as symbol, 7 as close")
    built.write("sql/dwd/dwd_price.sql", "select symbol, close from ods.ods_price")
    built("run", "ods", "dwd")

    answer = built("run", "dws_price", "-o", "json")

    assert answer.statuses() == {"dws.dws_price": "published"}
    assert built.rows("from dws.dws_price") == [["Z", 7, 1]]


def test_a_table_reads_its_own_past_from_its_first_day_on(built):
    built.write(
        "sql/dws/dws_own.sql",
        "select symbol, close + coalesce((select max(running) from dws.dws_own as o"
        " where o.symbol = p.symbol and dt = cast('$<PARTITION_DATE>' as date) - 1), 0)"
        " as running\n"
        "from dwd.dwd_price as p where dt = '$<PARTITION_DATE>'",
    )

    answer = built("run", "dws_own", *RANGE)

    assert answer.code == 0, answer.err
    assert built.rows("select running from dws.dws_own where dt = '2024-01-03' order by 1") == [
        [4],
        [6],
    ]
    assert set(built("plan", "dws_own", *RANGE, "-o", "json").statuses().values()) == {"fresh"}


def test_days_of_an_own_past_are_built_in_order_whatever_the_jobs(built):
    for day in range(4, 20):
        built.write(f"in/2024-01-{day:02}.csv", "symbol,close\nA,1\n")
    dates = ("--from", "2024-01-02", "--to", "2024-01-19")
    built("extract", *dates)
    built("run", *dates)
    built.write(
        "sql/dws/dws_own.sql",
        "with past as (select coalesce(max(n), 0) as n from dws.dws_own"
        " where dt < '$<PARTITION_DATE>')\nselect past.n + 1 as n from past",
    )

    answer = built("run", "dws_own", *dates, "--jobs", "4")

    assert answer.code == 0, answer.err
    assert built.rows("select n, day(dt) from dws.dws_own order by dt") == [
        [n, n + 1] for n in range(1, 19)
    ]


def test_the_date_outside_quotes_is_refused(built):
    built.write("sql/dws/dws_bare.sql", "select $<PARTITION_DATE> as d")

    answer = built("run", "dws_bare", "--dt", "2024-01-02")

    assert answer.code == 2
    assert "sql/dws/dws_bare.sql:1: `$<PARTITION_DATE>` outside quotes would be a subtraction" in (
        answer.err
    )


def test_an_attached_database_is_read_and_never_taken_for_fresh(built):
    import duckdb

    path = built.root / "shop.duckdb"
    with duckdb.connect(str(path)) as con:
        con.execute("create table t as select 1 as v")
    built.write(
        "nomad.yaml", (built.root / "nomad.yaml").read_text() + f"attach: {{shop: '{path}'}}\n"
    )
    built.write("sql/dws/dws_shop.sql", "select v from shop.t")
    assert built("run", "dws_shop").code == 0
    with duckdb.connect(str(path)) as con:
        con.execute("update t set v = 2")

    answer = built("run", "dws_shop", "-o", "json")

    assert answer.reasons() == {"dws.dws_shop": "volatile: reads shop.t, which is not tracked"}
    assert built.rows("from dws.dws_shop") == [[2]]


@pytest.mark.parametrize(
    "name", ["p [x] y", "p_dt=2020-01-01", "year=2024", "it's", "中文 é", "100%"]
)
def test_a_project_in_a_folder_of_any_name(tmp_path, project, name):
    import shutil

    from conftest import Project

    moved = Project(shutil.copytree(project.root, tmp_path / "elsewhere" / name))
    for command in ("extract", "run"):
        answer = moved(command, *RANGE)
        assert answer.code == 0, answer.err

    assert moved.rows("select sum(close) from dwd.dwd_price") == [[10]]
    assert set(moved("plan", *RANGE, "-o", "json").statuses().values()) == {"fresh"}


@pytest.mark.parametrize("words", [("",), (" ",), ("--dt", "")])
def test_an_empty_word_is_not_everything(built, words):
    assert built("run", *words).code == 2


def test_the_case_of_a_column_makes_no_other_column(project):
    project.write("in/2024-01-03.csv", "SYMBOL,Close\nC,3\n")
    project.write("sql/ods/ods_all.sql", "select symbol, close from raw.price")
    project("extract", *RANGE)

    project("run", "ods_all")

    assert project.rows("select symbol from ods.ods_all order by 1") == [["A"], ["B"], ["C"]]
    assert project("sql", "from raw.price limit 1", "-o", "csv").out.splitlines()[0] == (
        "SYMBOL,Close,dt"
    )


@pytest.mark.parametrize(
    "values",
    [
        ("[]::int[]", "null::int[]", "[null]::int[]", "[1]", "[1, null]"),
        ("null::struct(a int)", "{'a': null::int}", "{'a': 1}"),
        ("null::varchar[]", "['null']", "[null::varchar]", "['']"),
        ("interval '1 month'", "interval '30 days'", "interval '720 hours'"),
        ("0.0::double", "-0.0::double", "null::double"),
    ],
)
def test_values_that_differ_differ_in_content(built, values):
    hashes = set()
    for value in values:
        built.write("sql/ods/ods_list.sql", f"select {value} as l")
        built("run", "ods_list")
        hashes.add(built.manifest("ods.ods_list")["content_hash"])

    assert len(hashes) == len(values)


def test_another_time_zone_makes_tables_stale(built):
    config = (built.root / "nomad.yaml").read_text()
    built.write("nomad.yaml", config.replace("timezone: UTC", "timezone: Asia/Shanghai"))

    reasons = built("plan", "--dt", "2024-01-02", "-o", "json").reasons()

    assert reasons["ods.ods_price 2024-01-02"] == "SQL changed"


def test_a_comment_in_the_head_of_a_temp_table_hides_nothing(built):
    built.write(
        "sql/dws/dws_temp.sql",
        "create -- one two three four five six table\ntemp table h as select count(*) as n"
        " from ods.ods_price;\nselect h.n from h, ods.ods_price where dt = '$<PARTITION_DATE>'",
    )

    built("run", "dws_temp", "--dt", "2024-01-03")

    assert built.rows("select distinct n from dws.dws_temp") == [[4]]


def test_a_temp_table_may_be_a_pivot(built):
    built.write(
        "sql/dws/dws_temp.sql",
        "create temp table p as pivot ods.ods_price on symbol using sum(close) group by dt;\n"
        "select * exclude (dt) from p",
    )
    assert built("run", "dws_temp").code == 0
    assert built.rows("from dws.dws_temp order by all") == [[1, 2], [3, 4]]


def test_a_pivot_that_fails_fails_alone(built):
    built.write(
        "sql/dws/dws_pivot.sql",
        "pivot (select symbol, cast(symbol as int) as v from ods.ods_price) on symbol using sum(v)",
    )

    answer = built("run", "dws_pivot", "dwd", "--dt", "2024-01-02", "--force", "-o", "json")

    assert answer.code == 1
    assert answer.statuses() == {
        "dwd.dwd_price 2024-01-02": "published",
        "dws.dws_pivot": "failed",
    }


def test_the_latest_day_of_a_single_partition(built):
    """DuckDB 1.5 fails on max(dt) over one file whose dt it reads from the path."""
    built.write(
        "sql/dws/dws_latest.sql",
        "select max(dt) as latest from ods.ods_price where dt <= '$<PARTITION_DATE>'",
    )

    answer = built("run", "dws_latest", "--dt", "2024-01-02")

    assert answer.code == 0, answer.err
    assert built.rows("select latest, dt from dws.dws_latest") == [["2024-01-02", "2024-01-02"]]
    assert built.rows("select max(dt) from ods.ods_price_dt('2024-01-02')") == [["2024-01-02"]]
    assert built.rows("select max(dt) from dws.dws_latest") == [["2024-01-02"]]


@pytest.mark.parametrize(
    "condition",
    [
        "dt = date '$<PARTITION_DATE>' or dt = date '$<PARTITION_DATE>' - 1",
        "dt in ('2024-01-03', '$<PARTITION_DATE>')",
        "dt in ('2024-01-02', '$<PARTITION_DATE>')",
    ],
)
def test_each_day_that_is_named_must_be_there(built, condition):
    built.write("sql/dws/dws_two.sql", f"select symbol from ods.ods_price where {condition}")

    answer = built("run", "dws_two", "--dt", "2024-01-04")

    assert answer.code == 1
    assert "sql/dws/dws_two.sql: ods.ods_price has no dt=2024-01-04" in answer.err


def test_a_set_that_reads_a_table_is_refused(built):
    built.write("sql/dws/dws_set.sql", "set variable m = (select max(dt) from ods.ods_price);\n"
                "select getvariable('m') as m")  # fmt: skip

    answer = built("plan")

    assert answer.code == 2
    assert "sql/dws/dws_set.sql:1: `SET` that reads a table" in answer.err


@pytest.mark.parametrize("value", ["big", "[1, big]", "{'a': big}"])
def test_a_number_of_more_than_38_digits_is_told_by_its_column(project, value):
    query = f"select 1 as a, sum(1) as b,\n{value} as h\nfrom (select {2**127 - 1}::hugeint as big)"
    project.write("sql/ods/ods_h.sql", f"{query} group by all")

    answer = project("run", "ods_h")

    assert answer.code == 1
    assert "sql/ods/ods_h.sql: `h` has a value of more than 38 digits\n" in answer.err
    assert "SELECT" not in answer.err


def test_a_date_that_waits_to_be_extracted_is_not_said_to_have_no_source(project):
    project("extract", "--dt", "2024-01-02")

    answer = project("run", "ods", "--from", "2024-01-01", "--to", "2024-01-03")

    assert answer.code == 0
    assert "no source for 2024-01-01: passed over\n" in answer.err
    assert "not extracted: 2024-01-03; `nomad extract --dt 2024-01-03` first\n" in answer.err


def test_a_long_list_of_dates_is_folded(project):
    """Ten years of weekends would bury the summary."""
    for day in range(1, 31, 2):
        project.write(f"in/2024-04-{day:02d}.csv", "symbol,close\nA,1\n")

    answer = project("extract", "--from", "2024-04-01", "--to", "2024-04-30")

    assert answer.code == 0
    assert (
        "no source for 2024-04-02, 2024-04-04, 2024-04-06, 2024-04-08, 2024-04-10"
        " and 10 dates more: passed over\n"
    ) in answer.err
