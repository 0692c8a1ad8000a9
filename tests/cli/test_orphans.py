"""What is left of tables and sources that are gone is listed, and removed when told."""

from __future__ import annotations

import errno
import os
import shutil

import pytest

DAY = ("--dt", "2024-01-02")


def listed(project) -> dict[str, str]:
    answer = project("doctor", "-o", "json")
    assert answer.code == 0, answer.out
    told = {f["where"]: f["what"] for f in answer.json["findings"]}
    assert {f["remedy"] for f in answer.json["findings"]} <= {"nomad gc --orphans"}
    return told


@pytest.fixture
def renamed(built):
    """A table that has a history, renamed and built under its new name."""
    assert built("run", "dwd_price", *DAY, "--force").code == 0
    sql = built.root / "sql/dwd/dwd_price.sql"
    sql.rename(sql.with_name("dwd_quote.sql"))
    last = built.root / "sql/dws/dws_price.sql"
    last.write_text(last.read_text().replace("dwd_price", "dwd_quote"))
    assert built("run", "--from", "2024-01-02", "--to", "2024-01-03").code == 0
    return built


def test_the_folders_of_a_renamed_table_go_when_told(renamed):
    assert listed(renamed) == {
        "dwd/dwd_price": "no SQL file makes it any more: 3 versions are left"
    }
    mine = renamed.write("lake/dwd/dwd_price/notes.txt", "mine")
    before = {p for p in renamed.lake.rglob("*") if p.is_file()}
    assert renamed("gc", "--yes").code == 0
    assert renamed("gc", "--orphans", "--dry-run").code == 0
    assert {p for p in renamed.lake.rglob("*") if p.is_file()} == before

    assert renamed("gc", "--orphans", "--yes").code == 0

    assert list((renamed.lake / "dwd/dwd_price").rglob("*")) == [mine]
    assert not (renamed.lake / "_history/dwd/dwd_price").exists()
    assert renamed.rows("select count(*) from dwd.dwd_quote") == [[4]]
    mine.unlink()
    assert renamed("doctor").err == "all is well\n"


def test_what_a_table_left_that_is_not_by_date_any_more_goes_when_told(built):
    built.write("sql/dwd/dwd_price.sql", "select symbol, close from ods.ods_price\n")
    assert built("run", "dwd_price", "dws_price").code == 0
    assert listed(built) == {
        "dwd/dwd_price": "the table is not by date any more: 2 versions are left"
    }

    assert built("gc", "--orphans", "--yes").code == 0

    assert sorted(p.name for p in (built.lake / "dwd/dwd_price").iterdir())[1:] == [
        "_SUCCESS", "manifest.json",
    ]  # fmt: skip
    assert built.rows("select count(*) from dwd.dwd_price") == [[4]]


def test_what_a_full_table_left_that_is_by_date_now_goes_when_told(built):
    built.write(
        "sql/dws/dws_price.sql",
        "select symbol from dwd.dwd_price where dt = '$<PARTITION_DATE>'\n",
    )
    assert built("run", *DAY).code == 0
    assert listed(built) == {"dws/dws_price": "the table is by date now: 1 version is left"}

    assert built("gc", "--orphans", "--yes").code == 0

    assert [p.name for p in (built.lake / "dws/dws_price").iterdir()] == ["dt=2024-01-02"]


def test_a_source_that_left_the_configuration_goes_when_told(built):
    text = (built.root / "nomad.yaml").read_text()
    built.write("nomad.yaml", text.replace("  price:", "  quote:"))
    for sql in (built.root / "sql/ods").iterdir():
        sql.write_text(sql.read_text().replace("raw.price", "raw.quote"))

    assert built("gc", "--orphans", "--yes").code == 0

    assert not (built.lake / "raw/price").exists()


def test_so_it_does_in_a_project_of_sources_alone(empty):
    empty.write("a.csv", "x\n1\n")
    text = "layers: [ods]\nsources: {a: {connector: file, path: a.csv}"
    empty.write("nomad.yaml", text + ", b: {connector: file, path: a.csv}}\n")
    assert empty("extract").code == 0
    empty.write("nomad.yaml", text + "}\n")

    answer = empty("gc", "--orphans", "--yes")

    assert answer.code == 0, answer.err
    assert "no source is named so any more" in answer.out
    assert [p.name for p in (empty.lake / "raw").iterdir()] == ["a"]


def test_a_table_whose_file_can_not_be_read_is_not_taken_for_gone(built):
    built.write("sql/dwd/dwd_price.sql", "selct 1 from\n")
    before = set((built.lake / "dwd").rglob("*"))

    built("gc", "--orphans", "--yes")

    assert set((built.lake / "dwd").rglob("*")) == before


def test_they_only_go_by_yes(renamed):
    """Off a terminal too: what was published is never removed by a command that was not sure."""
    before = {p for p in renamed.lake.rglob("*") if p.is_file()}

    answer = renamed("gc", "--orphans")

    assert answer.code == 0
    assert "dwd/dwd_price" in answer.out
    assert "would be removed; give --yes" in answer.err
    assert {p for p in renamed.lake.rglob("*") if p.is_file()} == before


@pytest.mark.parametrize("left", ["an empty folder", "nothing"])
def test_where_no_table_is_there_nothing_is_an_orphan(built, left):
    """A checkout without its SQL files doesn't empty the lake."""
    shutil.rmtree(built.root / "sql")
    if left == "an empty folder":
        (built.root / "sql").mkdir()
    before = {p for p in built.lake.rglob("*") if p.is_file()}

    answer = built("gc", "--orphans", "--yes")

    assert answer.code == 2
    assert "sql/ holds no table: everything would be an orphan" in answer.err
    told = {f["remedy"] for f in built("doctor", "-o", "json").json["findings"]}
    assert "bring back the files of sql/" in told
    assert "nomad gc --orphans" not in told
    assert {p for p in built.lake.rglob("*") if p.is_file()} == before


def test_a_layer_that_is_a_link_is_read_and_its_tables_are_no_orphans(built):
    layer = built.root / "sql/dws"
    layer.rename(built.root / "elsewhere")
    layer.symlink_to("../elsewhere")
    (built.root / "elsewhere/again").symlink_to(".")

    assert built("run", *DAY, "-o", "json").statuses()["dws.dws_price"] == "fresh"
    assert built("doctor").err == "all is well\n"


def test_a_layer_that_cannot_be_looked_into_is_an_error(built, monkeypatch):
    ask = os.scandir

    def scandir(path):
        if str(path).endswith("sql/dws"):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return ask(path)

    monkeypatch.setattr(os, "scandir", scandir)

    for command in (("plan", *DAY), ("gc", "--orphans", "--yes"), ("doctor",)):
        answer = built(*command)
        assert answer.code == 2
        assert "sql/dws: can't be looked into: Permission denied" in answer.err
