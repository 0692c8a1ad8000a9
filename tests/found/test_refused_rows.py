"""Refused rows belong to their version: each delivered row lands on one side, and stays there."""

from __future__ import annotations

import hashlib
import json

import duckdb
import pytest

DAY = ("--dt", "2024-01-02")
TABLE = ("ods_price", *DAY)

CONTRACT = """\
max_quarantined: 100%
columns:
  - {name: close, tests: [range: {min: 0, severity: quarantine}]}
"""


@pytest.fixture
def refusing(project):
    """Two of four rows are refused, and published that way twice."""
    project.write("sql/ods/ods_price.yml", CONTRACT)
    project.write("in/2024-01-02.csv", "symbol,close\nA,1\nB,-2\nC,3\nD,-4\n")
    assert project("extract", *DAY).code == 0
    for more in ((), ("--force",)):
        assert project("run", *TABLE, *more).code == 0
    return project


def versions(project):
    return [v["run_id"] for v in project("history", *TABLE, "-o", "json").json["versions"]]


def refused(project):
    rows = project("quarantine", "show", *TABLE, "-o", "json").json["rows"]
    return sorted(r["symbol"] for r in rows)


def back(project):
    return project("rollback", *TABLE, "--to", versions(project)[1], "-o", "json")


def refused_files(project):
    return sorted((project.lake / "_quarantine").rglob("*.parquet"))


def test_a_rollback_brings_the_refused_rows_back(refusing):
    for _ in range(3):
        assert back(refusing).code == 0

        assert refused(refusing) == ["B", "D"]
        assert refusing.rows("select symbol from ods.ods_price order by all") == [["A"], ["C"]]
        assert len(refused_files(refusing)) == 1
    assert "  q" in refusing("status", *TABLE).out
    assert "2 rows" in refusing("status", *TABLE, "-o", "json").out
    assert refusing("doctor").err == "all is well\n"
    catalog = refusing.root / "catalog" / "catalog.duckdb"
    with duckdb.connect(str(catalog), read_only=True) as con:
        assert con.execute("select count(*) from quarantine.ods_price").fetchone() == (2,)


def test_the_refused_rows_of_a_version_are_kept_and_pruned_with_it(refusing):
    past = refusing.lake / "_history/ods/ods_price/dt=2024-01-02"
    first = versions(refusing)[1]
    assert (past / first / f"{first}.parquet").exists()

    assert refusing("run", *TABLE, "--force").code == 0

    assert not (past / first).exists()
    assert len(list(past.rglob("*.parquet"))) == 2
    assert len(refused_files(refusing)) == 1


def test_a_run_that_is_undone_has_its_refused_rows_undone(refusing):
    """The rule was mended by mistake: nothing was refused any longer."""
    before = refused(refusing)
    refusing.write("sql/ods/ods_price.yml", CONTRACT.replace("min: 0", "min: -9"))
    bad = refusing("run", *TABLE, "-o", "json").json["run_id"]
    assert refused(refusing) == []

    assert refusing("rollback", "--run", bad).code == 0

    assert refused(refusing) == before == ["B", "D"]
    assert refused_files(refusing) != []


def test_a_check_tells_of_the_refused_rows(refusing):
    assert back(refusing).code == 0

    answer = refusing("check", *TABLE, "-o", "json")

    (check,) = answer.json["checks"]
    assert (answer.code, check["status"], check["failed"]) == (0, "quarantined", 2)
    assert answer.err == "1 check, 0 broken, 2 rows in quarantine\n"


def test_a_compaction_keeps_the_refused_rows(refusing):
    in_two_files(refusing)
    before = refused(refusing)

    done = refusing("compact", *TABLE)

    assert done.code == 0, done.err
    assert "2 files are now 1" in done.out
    assert refused(refusing) == before == ["B", "D"]
    assert refusing("catalog", "refresh").err.count("left out") == 0
    assert refusing("doctor").err == "all is well\n"
    assert back(refusing).code == 0
    assert refused(refusing) == before


def in_two_files(project):
    """Have the partition's rows in a file each, as pieces that arrived one by one."""
    folder = project.lake / "ods/ods_price/dt=2024-01-02"
    body = project.manifest("ods.ods_price", "2024-01-02")
    (whole,) = folder.glob("*.parquet")
    body["files"] = []
    for n, symbol in ((1, "A"), (2, "C")):
        path = folder / f"{body['run_id']}-{n}.parquet"
        duckdb.sql(f"copy (from '{whole}' where symbol = '{symbol}') to '{path}'")
        data = path.read_bytes()
        digest = hashlib.sha256(data).hexdigest()
        file = {"name": path.name, "rows": 1, "bytes": len(data), "sha256": digest}
        body["files"].append(file)
    body["file_count"] = 2
    (folder / "manifest.json").write_text(json.dumps(body))
    whole.unlink()
    assert project("catalog", "refresh").code == 0


def test_a_version_kept_by_an_older_nomad_goes_back_and_its_lost_rows_are_told(refusing):
    """It threw the refused rows away when a version was replaced."""
    old = versions(refusing)[1]
    (refusing.lake / f"_history/ods/ods_price/dt=2024-01-02/{old}/{old}.parquet").unlink(
        missing_ok=True
    )
    told = (
        "its 2 rows in quarantine were not kept: "
        "`nomad run ods_price --dt 2024-01-02 --force` finds such rows again"
    )

    dry = refusing("rollback", *TABLE, "--to", old, "--dry-run")
    done = refusing("rollback", *TABLE, "--to", old)

    assert (dry.code, done.code) == (0, 0)
    assert told in dry.out
    assert told in done.out
    assert refused(refusing) == []
    assert refusing.rows("select symbol from ods.ods_price order by all") == [["A"], ["C"]]
    assert refusing("doctor").err == "all is well\n"
    assert refusing("run", *TABLE, "--force").code == 0
    assert refused(refusing) == ["B", "D"]


def test_refused_rows_that_are_gone_are_told_with_the_command_that_finds_them(refusing):
    (file,) = refused_files(refusing)
    file.unlink()

    answer = refusing("doctor", "-o", "json")

    (found,) = answer.json["findings"]
    assert answer.code == 1
    assert found["where"] == str(file.relative_to(refusing.lake))
    assert "nomad run ods_price" in str(found)
    assert refusing("run", *TABLE, "--force").code == 0
    assert refusing("doctor").err == "all is well\n"


def test_a_run_that_mends_a_lost_file_leaves_no_refused_rows_of_the_version_before(refusing):
    """That version is of no use to anybody: it does not go to the history either."""
    (data,) = (refusing.lake / "ods/ods_price/dt=2024-01-02").glob("*.parquet")
    data.unlink()

    assert refusing("run", *TABLE).code == 0

    assert refused(refusing) == ["B", "D"]
    assert refusing("doctor").err == "all is well\n"
    assert len(refused_files(refusing)) == 1
