"""Backfill: exactly the cells that need it, in the order asked for, and on from where it stopped."""

from __future__ import annotations

import subprocess
import sys

import pytest

from conftest import ROOT, chain, kept, rarely
from nomad.engine.instance import Session

RANGE = ("--from", "2024-01-02", "--to", "2024-01-07")


@kept
def landed_week(project):
    chain(project)
    for n in range(2, 8):
        row = "A,x" if n == 5 else f"A,{n}"
        project.write(f"in/2024-01-0{n}.csv", f"symbol,close\n{row}\n")
    assert project("extract", *RANGE).code == 0


@pytest.fixture
def week(landed_week):
    """Six days; of the fourth, ods can't be built."""
    return landed_week()


def cells(answer):
    return [
        f"{s['table'].partition('.')[2]} {s['partition_date'] or ''}".strip()
        for s in answer.json["steps"]
    ]


def test_only_failed_runs_those_and_what_waited_for_them(week):
    first = week("backfill", *RANGE, "-o", "json")
    assert first.code == 1
    assert sum(s == "published" for s in first.statuses().values()) == 10
    week.write("in/2024-01-05.csv", "symbol,close\nA,5\n")
    week("extract", "--dt", "2024-01-05")

    again = week("backfill", *RANGE, "--only", "failed", "-o", "json")

    assert again.code == 0, again.err
    assert cells(again) == ["ods_price 2024-01-05", "dwd_price 2024-01-05", "dws_price"]
    assert week("backfill", *RANGE).err.endswith("nothing to do\n")


def test_only_stale_leaves_what_is_missing(week):
    week("backfill", "--from", "2024-01-02", "--to", "2024-01-03")
    path = week.root / "sql/dwd/dwd_price.sql"
    path.write_text(path.read_text() + " and close < 100")

    told = week("backfill", *RANGE, "--only", "stale", "--dry-run", "-o", "json")

    assert cells(told) == ["dwd_price 2024-01-02", "dwd_price 2024-01-03", "dws_price"]


def test_the_newest_first_and_only_so_many(week):
    told = week("backfill", "ods dwd", *RANGE, "--order", "desc", "--max-steps", "4", "-o", "json")

    assert cells(told) == [
        "ods_price 2024-01-07", "dwd_price 2024-01-07",
        "ods_price 2024-01-06", "dwd_price 2024-01-06",
    ]  # fmt: skip


def test_a_table_that_reads_its_own_past_goes_forward_whatever_the_order(week):
    week.write("in/2024-01-05.csv", "symbol,close\nA,5\n")
    week("extract", "--dt", "2024-01-05")
    week.write(
        "sql/dws/dws_sum.sql",
        "select coalesce(max(p.total), 0) + any_value(o.close) as total from ods.ods_price as o"
        " left join dws.dws_sum as p on p.dt = date '$<PARTITION_DATE>' - 1"
        " where o.dt = '$<PARTITION_DATE>'",
    )

    done = week("backfill", "ods dws_sum", *RANGE, "--order", "desc", "--jobs", "2", "-o", "json")

    assert week.rows("select max(total) from dws.dws_sum") == [[2 + 3 + 4 + 5 + 6 + 7]], done.err


def test_a_state_that_is_none(week):
    answer = week("backfill", *RANGE, "--only", "misssing")

    assert answer.code == 2
    assert "`misssing` is none of missing, failed, stale, all" in answer.err


def test_the_newest_dates_come_first_though_a_full_table_reads_them_all(week):
    answer = week(
        "backfill", "dwd_price dws_price ods_price", *RANGE, "--order", "desc",
        "--max-steps", "3", "--dry-run", "-o", "json",
    )  # fmt: skip

    assert cells(answer) == [
        "ods_price 2024-01-07",
        "dwd_price 2024-01-07",
        "ods_price 2024-01-06",
    ]


@pytest.mark.parametrize("days", [12, *rarely(100)])
def test_killed_three_times_and_resumed_it_ends_the_same(days, capsys):
    """Of four layers over the dates, no step is run twice but those in flight at a kill."""
    script = ROOT / "tests" / "bench" / "backfill.py"

    done = subprocess.run(
        [sys.executable, script, "--days", str(days)], capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stdout + done.stderr
    with capsys.disabled():
        print(f"\n  {done.stdout}", end="")  # noqa: T201


def test_a_query_that_treats_dates_alike_is_described_once(project, monkeypatch):
    """Again where an input's columns differ: the lake has what the query then gives."""
    text = (project.root / "nomad.yaml").read_text()
    project.write("nomad.yaml", text.replace('.csv"}', '.csv", drift: allow}'))
    project.write("sql/ods/ods_price.sql", "select * from raw.price where dt = '$<PARTITION_DATE>'")
    project.write(
        "sql/dwd/dwd_price.sql", "select * from ods.ods_price where dt = '$<PARTITION_DATE>'"
    )
    for n in range(2, 8):
        more, told = (",volume", ",7") if n in (4, 5) else ("", "")
        project.write(f"in/2024-01-0{n}.csv", f"symbol,close{more}\nA,{n}{told}\n")
    assert project("extract", *RANGE).code == 0
    asked, real = [], Session.describe
    monkeypatch.setattr(Session, "describe", lambda s, q, **w: asked.append(q) or real(s, q, **w))

    one_by_one = ("--jobs", "1", "--fail-fast")  # of two side by side, both may ask
    assert project("run", "ods dwd", *RANGE, *one_by_one).code == 0

    assert len([q for q in asked if "dt = '" in q]) <= 2 * 2 + 2  # columns, and those of the plan
    for n in range(2, 8):
        schema = project.manifest("dwd.dwd_price", f"2024-01-0{n}")["schema"]
        wanted = ["symbol", "close", "volume"] if n in (4, 5) else ["symbol", "close"]
        assert [c["name"] for c in schema] == wanted


def test_columns_that_are_called_by_the_date(project):
    """As DuckDB calls an expression without a name: each date has columns of its own."""
    project.write(
        "sql/ods/ods_price.sql",
        "select symbol, count(*) filter (where dt = '$<PARTITION_DATE>') from raw.price"
        " where dt = '$<PARTITION_DATE>' group by symbol",
    )
    days = ("--from", "2024-01-02", "--to", "2024-01-03")
    assert project("extract", *days).code == 0

    answer = project("run", "ods_price", *days, "--jobs", "1")

    assert answer.code == 0, answer.err
    names = [project.manifest("ods.ods_price", d)["schema"][1]["name"] for d in (days[1], days[3])]
    assert ["2024-01-02" in names[0], "2024-01-03" in names[1]] == [True, True]
