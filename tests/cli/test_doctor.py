"""`nomad doctor` finds what is amiss, and removes only what nomad itself left."""

from __future__ import annotations

import pytest

from nomad.lake.doctor import examine
from nomad.store.base import Entry
from nomad.store.local import LocalStore

FIX = "nomad doctor --fix"
FOLDER = "dwd/dwd_price/dt=2024-01-02"


def findings(project, *words):
    answer = project("doctor", "-o", "json", *words)
    return answer.code, {f["where"]: (f["what"], f["remedy"]) for f in answer.json["findings"]}


def test_all_is_well(built):
    assert built("doctor").err == "all is well\n"
    assert findings(built) == (0, {})


def test_leftovers_are_removed_and_foreign_files_are_not(built):
    orphan = built.write(f"lake/{FOLDER}/20240101T000000Z-abcdef-0.parquet", "x")
    foreign = built.write(f"lake/{FOLDER}/notes.txt", "mine")
    inbox = built.write("lake/inbox/a/b.csv", "mine")
    scratch = built.write("lake/_tmp/20240101T000000Z-abcdef/x.parquet", "x")

    code, found = findings(built)
    assert code == 1
    assert found[f"{FOLDER}/{orphan.name}"] == ("no manifest names it", FIX)
    assert found[f"{FOLDER}/notes.txt"] == (
        "not a file of nomad's; no reader sees it",
        "move it elsewhere",
    )

    assert built("doctor", "--fix").code == 1
    assert not orphan.exists()
    assert not scratch.exists()
    assert foreign.exists()
    assert inbox.exists()


def test_marks_are_put_right(built):
    (built.lake / FOLDER / "_SUCCESS").unlink()

    assert findings(built)[1] == {
        f"{FOLDER}/_SUCCESS": ("missing beside a published partition", FIX)
    }
    assert built("doctor", "--fix").code == 0
    assert findings(built) == (0, {})


@pytest.mark.parametrize(
    ("damage", "what"),
    [
        (lambda path: path.unlink(), "the manifest names it, but it is not there"),
        (lambda path: path.write_bytes(b"other"), "not the bytes that were published"),
    ],
)
def test_damage_is_told_with_the_command_that_mends_it(built, damage, what):
    (path,) = (built.lake / FOLDER).glob("*.parquet")
    damage(path)

    code, found = findings(built, "--fix")

    assert code == 1
    assert found[f"{FOLDER}/{path.name}"] == (
        what,
        "nomad run dwd_price --dt 2024-01-02 --force",
    )
    assert built("run", "dwd_price", "--force", "--dt", "2024-01-02").code == 0


def test_one_bad_manifest_does_not_spoil_what_has_nothing_to_do_with_it(built):
    built.write(f"lake/{FOLDER}/manifest.json", "{}")

    answer = built("run", "ods", "--dt", "2024-01-02", "--force", "-o", "json")

    assert answer.code == 0
    assert answer.statuses() == {"ods.ods_price 2024-01-02": "published"}
    assert built("catalog", "refresh").code == 0
    assert findings(built, "--fix")[0] == 1


def test_a_catalog_that_is_gone_is_made_again(built):
    catalog = built.root / "catalog" / "catalog.duckdb"
    catalog.unlink()
    assert findings(built)[1] == {str(catalog): ("the catalog is missing", FIX)}

    assert built("run", "--dt", "2024-01-02").code == 0

    assert catalog.exists()


def test_a_run_that_begins_while_the_lake_is_listed_keeps_its_file(built):
    """The file is put, and its run claimed, at the last moment of the listing."""
    run_id, running = "20990101T000000Z-abcdef", set()

    class Late(LocalStore):
        def list(self, prefix):
            yield from super().list(prefix)
            if prefix in ("dwd", FOLDER):
                running.add(run_id)
                yield Entry(f"{FOLDER}/{run_id}-0.parquet", "", 0.0)

    assert list(examine(Late(built.lake), ["dwd"], busy=lambda: set(running))) == []
    assert [f.remedy for f in examine(Late(built.lake), ["dwd"])] == ["remove"]


def test_what_another_machine_has_just_superseded_is_left_to_it(built):
    """It may be on its way to the history: its run can't be asked, but was at work a moment ago."""
    (old,) = (built.lake / FOLDER).glob("*.parquet")
    assert built("run", "dwd_price", "--dt", "2024-01-02", "--force").code == 0
    (past,) = (built.lake / "_history" / FOLDER).glob("*/*.parquet")
    past.rename(old)

    assert list(examine(LocalStore(built.lake), ["dwd"], grace=3600.0)) == []
    found = {f.where: f.remedy for f in examine(LocalStore(built.lake), ["dwd"])}
    assert found == {
        f"{FOLDER}/{old.name}": "remove",
        f"_history/{FOLDER}/{past.parent.name}/manifest.json": "remove",
    }


def test_damage_to_what_was_landed_is_mended_by_landing_it_again(built):
    (path,) = (built.lake / "raw/price/dt=2024-01-02").glob("*.csv")
    path.write_bytes(b"symbol,close\nZ,9\n")

    told = findings(built)[1][str(path.relative_to(built.lake))]

    assert told == (
        "not the bytes that were published",
        "nomad extract price --dt 2024-01-02 --force",
    )
    assert built(*told[1].split()[1:]).code == 0
    assert all(where.startswith("_history/") for where in findings(built)[1])


def test_damage_to_a_version_in_the_history_is_told(built):
    assert built("run", "dwd_price", "--dt", "2024-01-02", "--force").code == 0
    (path,) = (built.lake / "_history" / FOLDER).glob("*/*.parquet")
    path.write_bytes(b"other")

    code, found = findings(built)

    assert code == 1
    assert found == {
        str(path.relative_to(built.lake)): (
            "not the bytes that were published",
            "no rollback can use it: remove its folder",
        )
    }


@pytest.mark.parametrize(
    ("damage", "what"),
    [
        (lambda p: p.unlink(), "the manifest names these refused rows, but they are not there"),
        (lambda p: p.write_bytes(b"other"), "not the bytes that were published"),
    ],
)
def test_damage_to_refused_rows_is_told(project, damage, what):
    rule = "range: {min: 2, severity: quarantine}"
    project.write("sql/ods/ods_price.yml", f"columns: [{{name: close, tests: [{rule}]}}]\n")
    assert project("extract", "--dt", "2024-01-02").code == 0
    assert project("run", "ods", "--dt", "2024-01-02").code == 0
    (path,) = (project.lake / "_quarantine").rglob("*.parquet")
    damage(path)

    found = findings(project)[1]

    again = "nomad run ods_price --dt 2024-01-02 --force"
    assert found == {str(path.relative_to(project.lake)): (what, again)}
    assert project(*again.split()[1:]).code == 0
    assert all(where.startswith("_history/") for where in findings(project)[1])
