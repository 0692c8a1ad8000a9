"""nomad from Python: each method gives what the command of its name prints as JSON."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import FrozenInstanceError
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

import nomad
from conftest import ROOT, TWO_DAYS, Project, chain

DAY = date(2024, 1, 2)
BOTH = ("2024-01-02", "2024-01-03")
RULES = "columns: [{name: close, tests: [{range: {min: 2}}, not_null]}]\n"


def query(columns: str) -> str:
    return f"select {columns} from ods.ods_price where dt = '$<PARTITION_DATE>'"


@pytest.fixture
def warehouse(built):
    with nomad.open(built.root) as opened:
        yield opened


def alike(values, rows):
    """See that values, as dicts, have what a command's rows have; what takes time may differ."""
    told = [v.as_dict() for v in values]
    assert [{k: t[k] for k in r if k != "seconds"} for t, r in zip(told, rows, strict=True)] == [
        {k: v for k, v in r.items() if k != "seconds"} for r in rows
    ]
    json.dumps(told)


# Beside the commands -----------------------------------------------------------------------------


def test_extract(tmp_path):
    one, two = chain(Project(tmp_path / "one")), chain(Project(tmp_path / "two"))
    days = ("--from", "2024-01-02", "--to", "2024-01-04")

    answer = one("extract", *days, "-o", "json")
    with nomad.open(two.root) as warehouse:
        run = warehouse.extract(dates=("2024-01-02", "2024-01-04"))
        again = warehouse.extract("price", dt=DAY)
        missing = warehouse.extract(dt="2024-01-04")

    rows = [{**r, "error": None} for r in answer.json["steps"]]
    assert (run.exit_code, [s.status for s in run]) == (0, ["published", "published", "missing"])
    alike([s for s in run if not s.error], rows[:2])
    assert isinstance(run.steps[2].error, nomad.errors.SourceMissing)
    assert [s.status for s in again] == ["fresh"]
    assert (missing.ok, missing.exit_code) == (False, one("extract", "--dt", "2024-01-04").code)


def test_plan(warehouse, built):
    built.write("sql/dwd/dwd_price.sql", query("symbol, close"))

    plan = warehouse.plan(dates=BOTH)

    alike(plan, built("plan", *TWO_DAYS, "-o", "json").json["steps"])
    assert [s.table for s in plan.stale] == ["dwd.dwd_price", "dwd.dwd_price", "dws.dws_price"]
    assert {s.action for s in warehouse.plan("ods", dt=DAY)} == {"fresh"}
    assert len(warehouse.plan("ods", dt=DAY, force=True).stale) == 1


def test_a_plan_names_the_dates_it_passes_over(warehouse, built):
    built.write("in/2024-01-04.csv", "symbol,close\nA,5\n")

    plan = warehouse.plan("ods", dates=("2024-01-03", "2024-01-05"))

    assert (plan.no_source, plan.not_extracted) == ((date(2024, 1, 5),), (date(2024, 1, 4),))


def test_run(tmp_path):
    one, two = chain(Project(tmp_path / "one")), chain(Project(tmp_path / "two"))
    ends = []
    assert one("extract", *TWO_DAYS).code == 0
    answer = one("run", *TWO_DAYS, "-o", "json")

    with nomad.open(two.root) as warehouse:
        warehouse.extract(dates=BOTH)
        run = warehouse.run(dates=BOTH, on_step=ends.append)

    alike(run, answer.json["steps"])
    assert run.ok
    assert run.raise_for_failure() is run
    assert sorted(ends, key=repr) == sorted(run, key=repr)
    assert Path(str(run.steps[0].location)).is_dir()


def test_a_failed_step_is_a_result(warehouse, built):
    run = warehouse.run("ods", "dwd", dt="2024-01-09")
    answer = built("run", "ods", "dwd", "--dt", "2024-01-09", "-o", "json")

    alike(run, answer.json["steps"])
    assert (run.exit_code, [s.status for s in run.failed]) == (answer.code, ["failed", "blocked"])
    assert isinstance(run.steps[0].error, nomad.errors.MissingPartition)
    with pytest.raises(nomad.errors.MissingPartition):
        run.raise_for_failure()


def test_options(warehouse):
    options = nomad.Options(force=True, dry_run=True)

    run = warehouse.run("dwd", dt=DAY, options=options)

    assert [s.status for s in run] == ["built"]
    with pytest.raises(TypeError, match="forse"):
        nomad.Options(forse=True)
    with pytest.raises(TypeError, match="force"):
        warehouse.run("dwd", force=True)


def test_backfill(warehouse, built):
    built.write("sql/dwd/dwd_price.sql", query("symbol, close"))
    words = ("backfill", "ods", "dwd", *TWO_DAYS, "--order", "desc", "--dry-run", "-o", "json")
    listed = built(*words).json["steps"]

    run = warehouse.backfill("ods", "dwd", dates=BOTH, only=["stale"], newest_first=True)

    assert [s.as_dict()["partition_date"] for s in run] == [s["partition_date"] for s in listed]
    assert [s.status for s in run] == ["published"] * 2
    assert warehouse.backfill("dwd", dates=BOTH).steps == ()
    with pytest.raises(nomad.errors.Misuse, match="`late` is none of missing, failed, stale, all"):
        warehouse.backfill("dwd", dates=BOTH, only="late")


def test_check(warehouse, built):
    built.write("sql/ods/ods_price.yml", RULES)

    checks = warehouse.check("ods", dt=DAY)
    answer = built("check", "ods", "--dt", "2024-01-02", "-o", "json")

    alike(checks, answer.json["checks"])
    assert (checks.ok, checks.exit_code) == (False, answer.code)
    assert next((c.test, c.status, c.failed) for c in checks) == ("close_range", "fail", 1)
    assert warehouse.check("ods", dt="2024-02-01").unpublished == ("ods.ods_price",)


def test_the_tests_that_rows_broke_stand_in_the_result(warehouse, built):
    built.write("sql/ods/ods_price.yml", RULES)

    (step,) = warehouse.run("ods", dt=DAY)

    assert isinstance(step.error, nomad.errors.Refused)
    assert [(c.test, c.failed, c.rows) for c in step.checks] == [("close_range", 1, 2)]


def test_status(warehouse, built):
    answer = built("status", "--from", "2024-01-02", "--to", "2024-01-04", "-o", "json")

    states = warehouse.status(dates=("2024-01-02", "2024-01-04"))

    alike(states, answer.json["cells"])
    assert {s.partition_date: s.state for s in states if s.table == "ods.ods_price"} == {
        DAY: "published",
        date(2024, 1, 3): "published",
        date(2024, 1, 4): "missing",
    }
    assert len(warehouse.status("ods")) == 30


def test_history_and_rollback(warehouse, built):
    (first,) = warehouse.history("dwd_price", DAY)
    built.write("sql/dwd/dwd_price.sql", query("symbol, 7 as close"))
    second = warehouse.run("dwd", dt=DAY)
    alike(
        warehouse.history("dwd_price", DAY),
        built("history", "dwd_price", "--dt", "2024-01-02", "-o", "json").json["versions"],
    )

    back = warehouse.rollback("dwd_price", DAY, to=first.run_id)

    now, *kept = warehouse.history("dwd_price", DAY)
    assert (now.run_id, now.content_hash) == (back.run_id, first.content_hash)
    assert isinstance(now.generated_at, datetime)
    assert next((v.run_id, v.state) for v in kept) == (second.run_id, "kept")
    undone = warehouse.rollback(run=back.run_id)
    assert [s.status for s in undone] == ["published"]
    with pytest.raises(nomad.errors.Misuse, match="or `run` alone"):
        warehouse.rollback("dwd_price", run=back.run_id)


def test_sql(warehouse, built):
    relation = warehouse.sql("from dwd.dwd_price").filter("close > 2")

    assert relation.aggregate("count(*)").fetchall() == [(2,)]
    assert relation.columns == ["symbol", "close", "dt"]
    rows = [list(r) for r in warehouse.sql("select symbol, close from dwd.dwd_price").fetchall()]
    assert sorted(rows) == sorted(built.rows("select symbol, close from dwd.dwd_price"))
    with pytest.raises(nomad.errors.Misuse):
        warehouse.sql("select 1; select 2")


def test_files(warehouse, built):
    told = built("files", "dwd_price", *TWO_DAYS).out.splitlines()

    assert warehouse.files("dwd_price", dates=BOTH) == tuple(told)
    with pytest.raises(nomad.errors.MissingPartition):
        warehouse.files("dwd_price", "2024-02-01")


def test_tables(warehouse, built):
    alike(
        warehouse.tables.values(),
        [
            {k: v for k, v in r.items() if k != "full_scans"}
            for r in built("ls", "-o", "json").json["tables"]
        ],
    )
    assert warehouse.tables["dwd.dwd_price"].partitioned


# Dates and words ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "day", [DAY, datetime(2024, 1, 2, 9, tzinfo=UTC), "2024-01-02", " 2024-01-02"]
)
def test_a_date_may_be_typed_or_given(warehouse, day):
    assert [s.partition_date for s in warehouse.plan("ods", dt=day)] == [DAY]


@pytest.mark.parametrize(
    "words",
    [
        {"dt": "2024-13-01"},
        {"dt": 5},
        {"dates": ("2024-01-03", "2024-01-02")},
        {"dates": "2024-01-02"},
        {"dates": ("2024-01-02",)},
    ],
)
def test_what_is_no_date_is_an_error(warehouse, words):
    with pytest.raises(nomad.errors.BadDate):
        warehouse.plan("ods", **words)


def test_errors_are_exceptions(warehouse, tmp_path):
    with pytest.raises(nomad.errors.EmptySelection):
        warehouse.plan("nosuch")
    with pytest.raises(nomad.errors.EmptySelection):
        warehouse.plan("ods", exclude="ods")
    with pytest.raises(nomad.errors.Misuse, match="either `dt` or `dates`"):
        warehouse.run(dt=DAY, dates=BOTH)
    with pytest.raises(nomad.errors.NoProject):
        nomad.open(tmp_path / "nowhere")
    with pytest.raises(TypeError):
        warehouse.run(since=DAY)


def test_results_do_not_change(warehouse):
    (step,) = warehouse.plan("ods", dt=DAY)

    with pytest.raises(FrozenInstanceError):
        step.reason = "another"
    assert {step} == {warehouse.plan("ods", dt=DAY).steps[0]}


# A long-lived process ----------------------------------------------------------------------------


def test_what_others_publish_and_edit_between_calls_is_seen(warehouse, built):
    with nomad.open(built.root) as other:
        assert warehouse.sql("select count(*) from ods.ods_price").fetchall() == [(4,)]
        built.write("in/2024-01-04.csv", "symbol,close\nA,5\n")
        built.write("sql/dwd/dwd_new.sql", query("symbol"))
        assert built.process("extract", "--dt", "2024-01-04").returncode == 0
        assert other.run("ods", "dwd_new", dt="2024-01-04").ok

        assert [s.action for s in warehouse.plan("ods", dt="2024-01-04")] == ["fresh"]
        assert warehouse.sql("select count(*) from ods.ods_price").fetchall() == [(5,)]
        assert warehouse.sql("select symbol from dwd.dwd_new").fetchall() == [("A",)]


def test_an_interrupt_leaves_the_lake_whole_and_the_next_call_goes_on(warehouse, built):
    def interrupt(_):
        raise KeyboardInterrupt

    forced = nomad.Options(force=True, jobs=1)
    with pytest.raises(KeyboardInterrupt):
        warehouse.run(dates=BOTH, options=forced, on_step=interrupt)

    assert built("doctor").code == 0
    assert warehouse.run(dates=BOTH, options=forced).ok


def test_a_closed_warehouse_says_so(built):
    warehouse = nomad.open(built.root)
    warehouse.close()
    warehouse.close()

    with pytest.raises(nomad.errors.Misuse, match="the warehouse is closed"):
        warehouse.sql("select 1")


def test_nothing_is_printed(warehouse, capfd):
    warehouse.extract(dates=BOTH)
    warehouse.run(dates=BOTH, options=nomad.Options(force=True))
    warehouse.run("dwd", dt="2024-01-09")
    warehouse.check(dt=DAY)
    warehouse.status()

    assert capfd.readouterr() == ("", "")


# The package -------------------------------------------------------------------------------------


def test_what_is_exported_is_there_and_described():
    assert set(nomad.__all__) <= set(dir(nomad))
    for name in set(nomad.__all__) - {"Day", "__version__"}:
        assert getattr(nomad, name).__doc__, name
    methods = {n for n in vars(nomad.Warehouse) if not n.startswith("_")}
    assert methods == {
        "extract", "plan", "run", "backfill", "check", "status", "history", "rollback", "sql",
        "files", "tables",
    }  # fmt: skip
    with pytest.raises(AttributeError, match="no attribute `Frame`"):
        nomad.Frame  # noqa: B018


def test_the_examples_of_the_page_run(built):
    text = (ROOT / "docs" / "python.md").read_text(encoding="utf-8")
    code = "\n".join(re.findall(r"```python\n(.*?)```", text, re.DOTALL))
    script = built.write("page.py", code)
    told = "".join(re.findall(r"```text\n(.*?)```", text, re.DOTALL))

    done = subprocess.run(
        [sys.executable, str(script)],
        env={**os.environ, "PYTHONPATH": str(ROOT / "lib")},
        cwd=built.root,
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == told
