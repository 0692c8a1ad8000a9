"""A manifest is believed only where it belongs, and one that can't be read stops its own cells."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

DAY, OTHER = "2024-01-02", "2024-01-03"
ODS = f"ods/ods_price/dt={DAY}"
DWD = f"dwd/dwd_price/dt={DAY}"


def changed(project, folder: str, **values) -> Path:
    path = project.lake / folder / "manifest.json"
    body = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**body, **values}), encoding="utf-8")
    return path


def count(project, table: str) -> dict[str, int]:
    return dict(project.rows(f"select dt::varchar, count(*) from {table} group by 1 order by 1"))


def test_a_copied_partition_folder_is_not_read_as_the_date_it_was_copied_from(built):
    shutil.copytree(built.lake / ODS, built.lake / "ods/ods_price/dt=2024-01-04")

    assert count(built, "ods.ods_price") == {DAY: 2, OTHER: 2}
    assert built("doctor").code == 1


def test_a_manifest_of_another_table_is_not_read(built):
    shutil.copy(built.lake / DWD / "manifest.json", built.lake / ODS / "manifest.json")

    assert count(built, "ods.ods_price") == {OTHER: 2}
    answer = built("run", "--dt", DAY)
    assert answer.code == 3
    assert f"{ODS}/manifest.json" in answer.err


def test_a_manifest_below_a_table_in_a_folder_of_its_own_is_not_read(built):
    """As a backup in the table's folder is."""
    shutil.copytree(built.lake / ODS, built.lake / f"ods/ods_price/old/dt={DAY}")

    assert count(built, "ods.ods_price") == {DAY: 2, OTHER: 2}
    assert built("plan", "--from", DAY, "--to", OTHER).code == 0


def test_a_file_that_is_named_twice_is_not_read_twice(built):
    files = built.manifest("ods.ods_price", DAY)["files"]
    changed(built, ODS, files=files * 2)

    assert count(built, "ods.ods_price") == {OTHER: 2}


@pytest.mark.parametrize(
    "name",
    ["../../../../outside/precious.txt", "..", ".hidden", "a/b.parquet", "*.parquet",
     "manifest.json", "/etc/passwd", ""],
)  # fmt: skip
def test_no_name_in_a_manifest_leads_nomad_out_of_its_folder(built, name):
    precious = built.write("outside/precious.txt", "mine")
    files = built.manifest("ods.ods_price", DAY)["files"]
    changed(built, ODS, files=[*files, {**files[0], "name": name}])
    before = {p: p.read_bytes() for p in built.root.rglob("*.txt")}

    assert built("run", "ods_price", "--dt", DAY, "--force").code == 0
    for words in (("doctor", "--fix"), ("gc", "--yes")):
        built(*words)

    assert precious.read_text() == "mine"
    assert {p: p.read_bytes() for p in built.root.rglob("*.txt")} == before
    assert count(built, "ods.ods_price") == {DAY: 2, OTHER: 2}
    assert built("doctor").code == 0


@pytest.mark.parametrize("key", ["run_id", "previous"])
def test_no_run_in_a_manifest_leads_nomad_out_of_its_folder(built, key):
    path = built.lake / ODS / "manifest.json"
    outside = built.write("lake/victim/manifest.json", path.read_bytes())
    (name,) = (f["name"] for f in json.loads(path.read_text())["files"])
    kept = built.write(f"lake/victim/{name}", "mine")
    changed(built, ODS, **{key: "../../../../victim"})

    for _ in range(3):
        assert built("run", "ods_price", "--dt", DAY, "--force").code == 0

    assert kept.read_text() == "mine"
    assert outside.exists()


def test_the_refused_rows_of_a_manifest_lead_nomad_nowhere_else(built):
    precious = built.write("outside/p2.txt", "mine")
    built.write(f"lake/_quarantine/{ODS}/20240101T000000Z-abcdef.parquet", "x")
    refused = {"name": "../../../../../outside/p2.txt", "rows": 1, "bytes": 4, "sha256": "x"}
    changed(built, ODS, quarantined=refused)

    assert built("run", "ods_price", "--dt", DAY, "--force").code == 0

    assert precious.read_text() == "mine"


BROKEN = {
    "cut short": b'{"manifest_version": 1, "dest": "ods.ods_pr',
    "empty": b"",
    "zeros": b"\0" * 900,
    "later": b'{"manifest_version": 2}',
    "a list": b"[1, 2]",
    "foreign": b'{"name": "my-app", "version": 3}',
    "deep": b"[" * 100_000,
}


@pytest.fixture(params=sorted(BROKEN))
def broken(built, request):
    built.write(f"lake/{ODS}/manifest.json", BROKEN[request.param])
    return built


def test_an_unreadable_manifest_fails_its_cell_and_blocks_what_needs_it(broken):
    answer = broken("run", "--dt", DAY, "-o", "json")

    assert answer.code == 3
    assert f"{ODS}/manifest.json" in answer.err
    assert answer.statuses() == {
        f"ods.ods_price {DAY}": "failed",
        f"dwd.dwd_price {DAY}": "blocked",
        "dws.dws_price": "blocked",
    }


@pytest.mark.parametrize("broken", ["later"], indirect=True)
def test_all_else_is_planned_and_built(broken):
    broken.write(f"in/{OTHER}.csv", "symbol,close\nA,5\n")
    assert broken("extract", "--dt", OTHER).code == 0

    answer = broken("run", "--from", DAY, "--to", OTHER, "-o", "json")

    assert answer.code == 3
    assert answer.statuses()[f"dwd.dwd_price {OTHER}"] == "published"
    assert broken("run", "--dt", OTHER, "ods", "dwd").code == 0
    assert count(broken, "dwd.dwd_price") == {DAY: 2, OTHER: 1}


@pytest.mark.parametrize("days", [(DAY, OTHER), ("2024-01-01", "2024-01-09")])
@pytest.mark.parametrize("broken", ["empty", "foreign"], indirect=True)
def test_what_lists_goes_around_an_unreadable_manifest_and_names_it(broken, days, caplog):
    span = ("--from", days[0], "--to", days[1])
    for words in (
        ("plan", *span), ("status", *span), ("sql", "from ods.ods_price"), ("catalog", "refresh"),
        ("show", "ods_price"), ("backfill", "--dry-run", *span),
    ):  # fmt: skip
        caplog.clear()
        answer = broken(*words)
        assert answer.code == 0, (words, answer.err)
        told = answer.err + answer.out + caplog.text
        assert words[0] == "status" or f"{ODS}/manifest.json" in told, words
    assert broken("ls").code == 0
    states = {
        (c["table"], c["partition_date"]): c["state"]
        for c in broken("status", *span, "-o", "json").json["cells"]
    }
    assert states["ods.ods_price", DAY] == "failed"
    assert states["ods.ods_price", OTHER] == "published"


def test_a_forced_build_of_the_very_partition_heals_it(broken):
    assert broken("run", "ods_price", "--dt", DAY, "--force").code == 0

    assert broken("run", "--dt", DAY).code == 0
    assert count(broken, "ods.ods_price") == {DAY: 2, OTHER: 2}
    assert broken("doctor", "--fix").code == 0
    assert broken("doctor").err == "all is well\n"


@pytest.mark.parametrize("broken", ["empty", "later"], indirect=True)
def test_doctor_says_which_command_heals_an_unreadable_manifest(broken):
    found = {f["where"]: f["remedy"] for f in broken("doctor", "-o", "json").json["findings"]}

    assert found[f"{ODS}/manifest.json"].endswith(f"nomad run ods_price --dt {DAY} --force")


def test_all_unreadable_manifests_of_what_a_build_reads_are_named_at_once(built):
    for day in (DAY, OTHER):
        built.write(f"lake/dwd/dwd_price/dt={day}/manifest.json", "{}")

    answer = built("run", "dws_price", "--force")

    assert answer.code == 3
    assert all(f"dwd/dwd_price/dt={day}/manifest.json" in answer.err for day in (DAY, OTHER))
    assert f"; dwd/dwd_price/dt={OTHER}/manifest.json can't be read either\n" in answer.err


def test_a_source_whose_manifest_is_unreadable_is_landed_again_when_forced(built):
    built.write(f"lake/raw/price/dt={DAY}/manifest.json", "{}")
    assert built("extract", "--dt", DAY).code == 3

    assert built("extract", "--dt", DAY, "--force").code == 0

    assert count(built, "raw.price") == {DAY: 2, OTHER: 2}
    assert built("run", "--dt", DAY).code == 0


@pytest.mark.parametrize("last", [DAY, "2024-01-09"])
def test_a_published_file_that_is_gone_is_noticed_and_made_again(built, last):
    """A plan of a few days, and one of so many that the table is listed; both known as fresh."""
    span = ("--from", DAY, "--to", last)
    assert set(built("plan", *span, "-o", "json").statuses().values()) == {"fresh"}
    (path,) = (built.lake / DWD).glob("*.parquet")
    path.unlink()

    plan = built("plan", *span, "-o", "json")
    assert plan.reasons()[f"dwd.dwd_price {DAY}"] == "a published file is gone"
    assert built("run", *span).code == 0

    assert count(built, "dwd.dwd_price") == {DAY: 2, OTHER: 2}
    assert set(built("plan", *span, "-o", "json").statuses().values()) == {"fresh"}
    assert built("doctor").err == "all is well\n"


def test_a_landed_file_that_is_gone_is_landed_again(built):
    (path,) = (built.lake / f"raw/price/dt={DAY}").glob("*.csv")
    path.unlink()

    assert built("extract", "--dt", DAY).code == 0

    assert count(built, "raw.price") == {DAY: 2, OTHER: 2}


def test_a_check_of_a_range_tells_of_what_it_could_not_read(built):
    built.write("sql/ods/ods_price.yml", "columns: [{name: symbol, tests: [not_null]}]\n")
    assert built("run", "--from", DAY, "--to", OTHER).code == 0
    (built.lake / ODS / "manifest.json").write_text("{")

    answer = built("check", "ods_price", "--from", DAY, "--to", OTHER)

    assert answer.code == 3
    assert f"{ODS}/manifest.json" in answer.err
    assert "1 check, 0 broken" in answer.err


@pytest.mark.parametrize("moment", ["soon", "2024-01-02T00:00:00", 5])
def test_a_manifest_that_was_made_at_no_time_is_not_believed(built, moment):
    changed(built, ODS, generated_at=moment)

    assert count(built, "ods.ods_price") == {OTHER: 2}
    assert built("history", "ods_price", "--dt", DAY).code in {0, 3}
    assert built("sql", "select * from nomad.partitions").code == 0
