"""A catalog shows what is published, whatever another tool left beside the one before it."""

from __future__ import annotations

import subprocess
import sys

import duckdb

PLANTED = """\
import os, duckdb
con = duckdb.connect({path!r})
con.execute("create or replace view ods.ods_price as select 'HACK' as symbol")
os._exit(9)
"""

NOTED = """\
import os, duckdb
with duckdb.connect({path!r}) as con:
    con.execute("create table notes (a int)")
con = duckdb.connect({path!r})
con.execute("insert into notes values (1)")
os._exit(9)
"""


def killed_writer(path) -> None:
    """A tool opens the catalog, changes a view and is killed: its change stays in a log beside."""
    subprocess.run([sys.executable, "-c", PLANTED.format(path=str(path))], check=False)
    assert path.with_name("catalog.duckdb.wal").exists()


def test_a_view_changed_by_a_killed_tool_is_not_replayed_into_the_next_catalog(built):
    """BI reads the published rows from a renewed catalog, not what somebody's log holds."""
    path = built.root / "catalog" / "catalog.duckdb"
    killed_writer(path)

    assert built("catalog", "refresh").code == 0

    with duckdb.connect(str(path), read_only=True) as con:
        rows = con.execute("select symbol, close from ods.ods_price order by all").fetchall()
    assert rows == [("A", 1), ("A", 3), ("B", 2), ("B", 4)]


def test_the_next_run_renews_such_a_catalog(built):
    """Nothing is stale, and yet the log goes."""
    path = built.root / "catalog" / "catalog.duckdb"
    killed_writer(path)

    assert built("run", "--dt", "2024-01-02").code == 0

    assert not path.with_name("catalog.duckdb.wal").exists()
    with duckdb.connect(str(path), read_only=True) as con:
        assert con.execute("select count(*) from ods.ods_price").fetchall() == [(4,)]


def test_doctor_tells_of_such_a_log_and_mends_it(built):
    path = built.root / "catalog" / "catalog.duckdb"
    killed_writer(path)

    told, mended, after = built("doctor"), built("doctor", "--fix"), built("doctor")

    assert (told.code, mended.code, after.code) == (1, 0, 0)
    assert "catalog.duckdb.wal" in told.out
    assert not path.with_name("catalog.duckdb.wal").exists()


def test_doctor_opens_the_catalog(built):
    """A log that fits another file makes it one that nobody can open: doctor says so."""
    path = built.root / "catalog" / "catalog.duckdb"
    size = path.stat().st_size
    path.write_bytes(b"\0" * size)

    told, mended, after = built("doctor"), built("doctor", "--fix"), built("doctor")

    assert (told.code, mended.code, after.code) == (1, 0, 0)
    assert "can't be opened" in told.out


def test_a_log_of_another_catalog_leaves_the_new_one_readable(built):
    """It puts rows into a table that the new catalog has not."""
    path = built.root / "catalog" / "catalog.duckdb"
    subprocess.run([sys.executable, "-c", NOTED.format(path=str(path))], check=False)
    assert path.with_name("catalog.duckdb.wal").exists()

    assert built("catalog", "refresh").code == 0

    with duckdb.connect(str(path), read_only=True) as con:
        assert con.execute("select count(*) from dwd.dwd_price").fetchall() == [(4,)]
