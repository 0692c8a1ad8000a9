"""Where a project may not lie, and what its folders may not be: said before anything is done."""

from __future__ import annotations

import shutil

import duckdb
import pytest

from conftest import Project, chain
from nomad.store import local
from nomad.store.client import date_of

DAY = ("--dt", "2024-01-02")


def test_a_nomad_yml_is_told_to_be_renamed(empty, monkeypatch):
    empty.write("nomad.yml", "layers: [ods]\n")
    assert "mv nomad.yml nomad.yaml" in empty("ls").err
    assert empty("ls").code == 2
    monkeypatch.chdir(empty.write("sub/x", "").parent)

    assert "mv nomad.yml nomad.yaml" in empty.process("ls").stderr


def test_a_path_with_a_question_mark_is_refused_before_anything_is_written(tmp_path):
    project = chain(Project(tmp_path / "a?b"))

    answer = project("extract", *DAY)

    assert answer.code == 2
    assert "rename that folder" in answer.err
    assert not project.lake.exists()


@pytest.mark.parametrize("moved", ["ods/ods_price", "ods/ods_price/dt=2024-01-02"])
def test_nothing_is_published_through_a_link_out_of_the_lake(built, tmp_path_factory, moved):
    """It could not be read there: DuckDB is held to the lake."""
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "x"
    shutil.move(built.lake / moved, elsewhere)
    (built.lake / moved).symlink_to(elsewhere)

    answer = built("run", "ods_price", *DAY, "--force")

    assert answer.code == 3
    assert "a symbolic link leads out of the lake" in answer.err
    assert "mount" in answer.err


@pytest.mark.parametrize("last", ["2024-01-03", "2024-01-31"])
def test_a_partition_moved_away_behind_a_link_is_told_and_no_other_suffers(
    built, tmp_path_factory, monkeypatch, caplog, last
):
    """Over few dates and over many: its manifest is still the same file, but can't be used."""
    monkeypatch.setattr(local, "_RACY", 0.0)
    span = ("--from", "2024-01-02", "--to", last)
    assert set(built("plan", *span, "--output", "json").reasons().values()) == {"fresh"}
    elsewhere, place = tmp_path_factory.mktemp("elsewhere") / "x", "ods/ods_price/dt=2024-01-02"
    shutil.move(built.lake / place, elsewhere)
    (built.lake / place).symlink_to(elsewhere)

    finding = built("doctor")
    assert finding.code == 1
    assert f"{place}/manifest.json" in finding.out
    assert "remove the link" in finding.out
    planned = built("plan", "ods_price", *span, "--output", "json").reasons()
    assert "remove the link" in planned["ods.ods_price 2024-01-02"]
    assert planned["ods.ods_price 2024-01-03"] == "fresh"
    assert built("run", "ods_price", *DAY).code == 3
    assert built("catalog", "refresh").code == 0
    with duckdb.connect(str(built.root / "catalog/catalog.duckdb"), read_only=True) as made:
        seen = made.execute("SELECT DISTINCT dt::VARCHAR FROM ods.ods_price").fetchall()
    assert seen == [("2024-01-03",)]
    answer = built("sql", "SELECT count(*) FROM ods_price", "--output", "csv")
    assert answer.out.split() == ["count_star()", "2"]
    assert "symbolic link" in caplog.messages[-1]

    (built.lake / place).unlink()
    assert built("run", *DAY).code == 0
    assert built("doctor").code == 0
    assert len(list(elsewhere.iterdir())) == 3


@pytest.mark.parametrize(
    "header",
    ["Tue, 02 Jan 2024 10:00:00 GMT", "Tue, 02 Jan 2024 10:00:00", "Tue, 2 Jan 2024 10:00:00 -0000",
     "Tue, 02 Jan 2024 10:00:00 GMT, Tue, 02 Jan 2024 10:00:00 GMT"],
)  # fmt: skip
def test_a_date_header_is_read_without_a_zone_and_doubled(header):
    assert date_of(header).isoformat() == "2024-01-02T10:00:00+00:00"


@pytest.mark.parametrize("header", [None, "", "yesterday", "99 Foo 2024 10:00:00"])
def test_a_date_header_that_is_none_is_left_out(header):
    assert date_of(header) is None


def test_a_damaged_file_is_named_with_its_partition(built):
    (path,) = (built.lake / "ods/ods_price/dt=2024-01-02").glob("*.parquet")
    path.write_bytes(b"not Parquet at all, but long enough to be looked at")

    answer = built("sql", "from ods.ods_price")

    assert answer.code == 1
    assert (
        f"ods.ods_price dt=2024-01-02: file {path.relative_to(built.lake)} is damaged" in answer.err
    )
    assert "nomad doctor" in answer.err


def test_history_goes_around_manifests_that_can_not_be_read(built):
    for _ in range(2):
        assert built("run", "dwd_price", *DAY, "--force").code == 0
    built.write("lake/dwd/dwd_price/dt=2024-01-02/manifest.json", "{}")
    states = [
        v["state"] for v in built("history", "dwd_price", *DAY, "-o", "json").json["versions"]
    ]
    assert states == ["kept"]
    (kept,) = built.lake.glob("_history/dwd/dwd_price/dt=2024-01-02/*/manifest.json")
    kept.write_bytes(b"")

    assert built("history", "dwd_price", *DAY).code == 0
    assert built("run", "dwd_price", *DAY, "--force").code == 0
