"""A catalog that could not be renewed is renewed by the next run, whatever that finds to do."""

from __future__ import annotations

import duckdb

from nomad.catalog import metadata

DAY = ("--dt", "2024-01-02")


def asked(project, query):
    with duckdb.connect(str(project.root / "catalog" / "catalog.duckdb"), read_only=True) as con:
        return con.sql(query).fetchall()


def test_a_bad_migration_fails_the_catalog_alone(built):
    """Tables are built and published, and readers of the catalog see them; each run tells of it."""
    before = built.manifest("dwd.dwd_price", "2024-01-02")["run_id"]
    bad = built.write("catalog/migrations/0001_bad.sql", "create macro bad(a) as a*;")

    answer = built("run", "dwd_price", "--force", *DAY)

    assert answer.code == 1
    assert "catalog/migrations/0001_bad.sql" in answer.err
    assert built.manifest("dwd.dwd_price", "2024-01-02")["run_id"] != before
    again = built("run", "dwd_price", *DAY)
    assert again.code == 1
    assert "catalog/migrations/0001_bad.sql" in again.err
    bad.unlink()
    assert built("run", "dwd_price", "--force", *DAY).code == 0
    assert built("doctor").code == 0


def test_a_run_with_nothing_to_do_renews_what_a_dead_one_left_behind(built):
    """As after a full disk: published, and the catalog says nothing of it."""
    path = built.root / "catalog" / "catalog.duckdb"
    old = path.read_bytes()
    built.write("in/2024-01-02.csv", "symbol,close\nA,70\n")
    built("extract", *DAY)
    path.unlink()
    path.mkdir()
    failed = built("run", *DAY)
    path.rmdir()
    path.write_bytes(old)

    again = built("run", *DAY)

    assert failed.code != 0
    assert again.code == 0
    assert "nothing to do" in again.err
    assert asked(built, "select max(close) from dwd.dwd_price") == [(70,)]


def test_new_words_reach_the_catalog_though_nothing_is_stale(built):
    path = built.root / "sql" / "dwd" / "dwd_price.sql"
    path.write_text(path.read_text().replace("-- Prices above zero.", "-- Brand new words."))

    answer = built("run", *DAY)

    assert "nothing to do" in answer.err
    told = asked(built, "select comment from duckdb_views() where view_name = 'dwd_price'")
    assert told == [("Brand new words.",)]


def test_a_catalog_of_another_schema_is_made_anew_though_nothing_is_built(built, monkeypatch):
    assert built("run", *DAY).code == 0
    path = built.root / "catalog" / "catalog.duckdb"
    with duckdb.connect(str(path)) as con:
        con.execute("drop view nomad.tasks")
    assert built("run", *DAY).code == 0
    monkeypatch.setattr(metadata, "FORM", "that of another nomad")

    assert "nothing to do" in built("run", *DAY).err

    assert asked(built, "select count(*) > 0 from nomad.tasks") == [(True,)]


def test_a_run_with_nothing_to_do_renews_a_catalog_that_is_no_database(built):
    assert built("run", *DAY).code == 0
    built.write("catalog/catalog.duckdb", "garbage")

    assert "nothing to do" in built("run", *DAY).err

    assert asked(built, "select count(*) from dwd.dwd_price") == [(4,)]
