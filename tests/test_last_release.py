"""A lake and catalog made by the last release are read, planned, rolled back and published to."""

from __future__ import annotations

import shutil
import tarfile
from pathlib import Path

import pytest

from conftest import Project

RANGE = ("--from", "2024-01-02", "--to", "2024-01-04")
ARCHIVE = Path(__file__).parent / "releases" / "0.1.0.tar.gz"
TOTALS = "select symbol, total, dt::varchar from dwd.dwd_total order by all"


@pytest.fixture
def old(tmp_path: Path) -> Project:
    """The project as the last release left it, in another folder."""
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(tmp_path, filter="data")
    return Project(tmp_path)


def test_what_was_fresh_is_fresh(old: Project):
    plan = old("plan", *RANGE, "--output", "json")

    assert plan.code == 0, plan.err
    assert set(plan.statuses().values()) == {"fresh"}


def test_what_was_landed_is_not_landed_again(old: Project):
    answer = old("extract", *RANGE, "--output", "json")

    assert answer.code == 0, answer.err
    assert set(answer.statuses().values()) == {"fresh"}


def test_its_rows_are_read(old: Project):
    assert old.rows(TOTALS)[-1] == ["B", 1050, "2024-01-04"]
    assert old.rows("select symbol, price, told_at::varchar from raw.tick order by all")[0] == [
        "A", 2.5, "2024-01-02 10:00:00",
    ]  # fmt: skip
    assert old.rows("from dws.dws_px order by name") == [
        ["Alpha", 900, 3, 4.15],
        ["Beta", 1050, 3, 4.20],
    ]


def test_doctor_says_of_its_catalog_that_another_version_made_it(old: Project):
    answer = old("doctor")

    assert answer.code == 1
    assert "the catalog was made by another version of nomad" in answer.out
    assert "nomad doctor --fix" in answer.out


def test_doctor_finds_nothing_amiss(old: Project):
    shutil.rmtree(old.root / ".nomad")
    (old.root / "catalog" / "catalog.duckdb").unlink()
    assert old("catalog", "refresh").code == 0

    answer = old("doctor")

    assert (answer.code, answer.out) == (0, ""), answer.err


def test_refused_rows_are_shown(old: Project):
    listed = old("quarantine", "list", "--output", "json").json["quarantine"]

    assert [r["rows"] for r in listed] == [1, 1, 1]


def test_a_version_of_the_last_release_is_published_again(old: Project):
    told = old("history", "dwd_total", "--dt", "2024-01-04", "--output", "json")
    past = told.json["versions"]
    kept = next(r["run_id"] for r in past if r["state"] == "kept")

    assert old("rollback", "dwd_total", "--dt", "2024-01-04", "--to", kept).code == 0
    assert old.manifest("dwd.dwd_total", "2024-01-04")["previous"]
    assert old.rows(TOTALS)[-1] == ["B", 1050, "2024-01-04"]


def test_a_run_of_the_last_release_is_undone(old: Project):
    last = max(path.stem for path in old.lake.glob("_runs/*/*.jsonl"))

    answer = old("rollback", "--run", last)

    assert answer.code == 0, answer.err
    assert old.rows("select max(close) from ods.ods_px") == [[4.20]]
    assert old.rows("select close from ods.ods_px where symbol = 'A' and dt = '2024-01-04'") == [
        [4.10]
    ]


def test_the_next_day_is_built_on_it(old: Project):
    old.write("in/px/2024-01-05.csv", "symbol,close,volume\nA,5.10,500\nB,5.20,550\n")
    old.write("in/tick/2024-01-05.jsonl", '{"symbol": "A", "price": 9.5, "told_at": "x"}\n')

    assert old("extract", "--dt", "2024-01-05").code == 0
    answer = old("run", "--dt", "2024-01-05")

    assert answer.code == 0, answer.err
    assert old.rows(TOTALS)[-1] == ["B", 1600, "2024-01-05"]
    assert old("doctor").code == 0
