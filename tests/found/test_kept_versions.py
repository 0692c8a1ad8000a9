"""A past version stays as long as it is to be kept, whatever lies beside it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from conftest import CONFIG
from nomad.workspace import Workspace

DAY = ("--dt", "2024-01-02")
TABLE = ("dwd_price", *DAY)
FOLDER = "dwd/dwd_price/dt=2024-01-02"


def keep(project, how_many):
    project.write("nomad.yaml", f"{CONFIG}lake: {{history: {how_many}}}\n")


def versions(project):
    return [v["run_id"] for v in project("history", *TABLE, "-o", "json").json["versions"]]


@pytest.mark.parametrize("name", [".DS_Store", ".nfs000000000012", ".20240102T000000Z-abcdef-0.p"])
@pytest.mark.parametrize("mend", [("gc", "--yes"), ("doctor", "--fix"), ("run", *DAY)])
def test_a_stray_file_takes_no_version_with_it(built, name, mend):
    assert built("run", *TABLE, "--force").code == 0
    now, past = versions(built)
    stray = built.write(f"lake/_history/{FOLDER}/{past}/{name}", "")
    built.write("lake/_tmp/20240101T000000Z-abcdef/x", "left by a run that died")

    assert built(*mend).code == 0

    assert versions(built) == [now, past]
    assert stray.exists()
    assert built("rollback", *TABLE, "--to", past).code == 0
    assert built("doctor").err == "all is well\n"


def test_what_is_not_nomad_s_stays(built):
    """Beside past versions and refused rows, and in the folder of a version that goes."""
    assert built("run", *TABLE, "--force").code == 0
    old = versions(built)[1]
    strays = [
        built.write(f"lake/{path}", "mine")
        for path in (
            "_history/dwd/readme.txt",
            f"_history/{FOLDER}/notes.txt",
            f"_history/{FOLDER}/{old}/notes.txt",
            "_quarantine/dwd/readme.txt",
            f"_quarantine/{FOLDER}/notes.parquet",
            f"_quarantine/{FOLDER}/.DS_Store",
        )
    ]
    assert built("run", *TABLE, "--force").code == 0

    built("gc", "--yes")
    built("doctor", "--fix")

    assert [p for p in strays if not p.exists()] == []
    assert old not in versions(built)


def test_one_that_lacks_a_file_does_not_count_as_the_one_that_is_kept(built):
    keep(built, "2")
    for _ in range(2):
        assert built("run", *TABLE, "--force").code == 0
    now, newer, older = versions(built)
    for path in (built.lake / "_history" / FOLDER / newer).glob("*.parquet"):
        path.unlink()
    keep(built, "1")

    assert built("gc", "--yes").code == 0

    assert versions(built) == [now, older]


def test_the_age_of_a_version_counts_from_when_it_was_superseded(built, monkeypatch):
    """Made sixty days ago and replaced just now, it is kept for thirty days more."""
    keep(built, "30 days")
    run_days_ago(built, monkeypatch, 60)
    made = versions(built)[0]
    run_days_ago(built, monkeypatch, 0)

    assert built("gc", "--yes").code == 0

    assert made in versions(built)
    assert built("rollback", *TABLE, "--to", made).code == 0


def test_a_version_superseded_long_ago_goes(project, monkeypatch):
    keep(project, "30 days")
    at(monkeypatch, 70)
    assert project("extract", *DAY).code == 0
    assert project("run", *DAY).code == 0
    for days in (60, 50, 10):
        run_days_ago(project, monkeypatch, days)
    now, before, *older = versions(project)

    assert project("gc", "--yes").code == 0

    assert len(older) == 2
    assert versions(project) == [now, before]


def run_days_ago(project, monkeypatch, days):
    at(monkeypatch, days)
    assert project("run", *TABLE, "--force").code == 0
    at(monkeypatch, 0)


def at(monkeypatch, days):
    now = datetime.now(UTC) - timedelta(days=days)
    monkeypatch.setattr(Workspace, "now", lambda _: now)


def test_one_that_can_t_be_read_hides_no_other_and_is_not_removed(built):
    """A later nomad's, perhaps."""
    keep(built, "2")
    for _ in range(2):
        assert built("run", *TABLE, "--force").code == 0
    now, newer, older = versions(built)
    bad = built.write(f"lake/_history/{FOLDER}/{newer}/manifest.json", '{"manifest_version": 9}')

    assert built("gc", "--yes").code == 0

    assert bad.exists()
    assert versions(built) == [now, older]
    assert built("rollback", *TABLE, "--to", older).code == 0


def test_a_clock_that_was_set_back_changes_no_order(built, monkeypatch):
    """Which version came after which its manifest says, not the time in the names of runs."""
    keep(built, "3")
    made = versions(built)
    for days in (-9, 5, -20, 400):
        run_days_ago(built, monkeypatch, days)
        made.insert(0, built.manifest("dwd.dwd_price", DAY[1])["run_id"])
    kept = made[:-1]

    assert versions(built) == kept

    keep(built, "1")
    assert built("gc", "--yes").code == 0

    assert versions(built) == made[:2]


def test_a_version_made_before_the_clock_was_set_back_is_kept_from_when_it_was_made(
    built, monkeypatch
):
    keep(built, "30 days")
    old = versions(built)[0]
    run_days_ago(built, monkeypatch, 400)

    assert built("gc", "--yes").code == 0

    assert versions(built)[1:] == [old]
