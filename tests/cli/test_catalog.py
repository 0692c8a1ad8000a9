"""`nomad catalog`, and the file it makes."""

from __future__ import annotations

import shutil

import duckdb
import pytest


@pytest.fixture
def catalog(built):
    return built.root / "catalog" / "catalog.duckdb"


def ask(path, query):
    with duckdb.connect(str(path), read_only=True) as con:
        return con.execute(query).fetchall()


def test_duckdb_itself_reads_views_and_macros_from_anywhere(catalog, tmp_path, monkeypatch):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)

    assert ask(catalog, "select count(*) from dwd.dwd_price_dt('2024-01-02')") == [(2,)]
    assert ask(catalog, "select count(*) from dwd.dwd_price") == [(4,)]
    assert ask(catalog, "select count(*) from raw.price") == [(4,)]


def test_a_macro_opens_the_one_file(catalog):
    plan = ask(catalog, "explain analyze from dwd.dwd_price_dt('2024-01-02')")[0][1]

    assert "Scanning Files: 1/2" in plan


def test_descriptions_are_comments(catalog):
    assert ask(catalog, "select comment from duckdb_views() where view_name = 'dwd_price'") == [
        ("Prices above zero.",)
    ]


def test_the_catalog_lists_tables_and_partitions(catalog):
    assert ask(catalog, "select name, partitioned from nomad.tables order by 1") == [
        ("dwd.dwd_price", True),
        ("dws.dws_price", False),
        ("ods.ods_price", True),
    ]
    assert ask(catalog, "select sum(row_count) from nomad.partitions") == [(14,)]


def test_a_holder_of_the_old_file_neither_blocks_nor_breaks(built, catalog):
    with duckdb.connect(str(catalog)) as holder:
        built.write("in/2024-01-04.csv", "symbol,close\nA,5\n")
        built("extract", "--dt", "2024-01-04")

        answer = built("run", "--dt", "2024-01-04")

        assert answer.code == 0, answer.err
        assert holder.execute("select count(*) from ods.ods_price").fetchall() == [(4,)]
    assert ask(catalog, "select count(*) from ods.ods_price") == [(5,)]


def test_migrations_are_applied_once_each(built, catalog):
    built.write("catalog/migrations/0001_double.sql", "create macro double(x) as 2 * x;")

    first = built("catalog", "migrate")
    at = ask(catalog, "select name, applied_at from catalog_meta.schema_migrations")
    second = built("catalog", "migrate")

    assert first.out == "applied  0001_double.sql\n"
    assert second.out == ""
    assert ask(catalog, "select name, applied_at from catalog_meta.schema_migrations") == at
    assert ask(catalog, "select double(21)") == [(42,)]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda path: path.write_text("select 2"), "an applied migration was edited"),
        (lambda path: path.unlink(), "an applied migration is missing"),
    ],
)
def test_an_edited_or_missing_migration_is_refused(built, catalog, change, message):
    path = built.write("catalog/migrations/0001_double.sql", "create macro double(x) as 2 * x;")
    built("catalog", "migrate")
    change(path)

    answer = built("catalog", "migrate")

    assert answer.code == 2
    assert f"catalog/migrations/0001_double.sql: {message}" in answer.err
    assert ask(catalog, "select count(*) > 0 from dwd.dwd_price") == [(True,)]


def test_a_run_goes_on_past_an_edited_migration(built, catalog):
    """All is built, and in the catalog; the migration is told of until its text is back."""
    path = built.write("catalog/migrations/0001_double.sql", "create macro double(x) as 2 * x;")
    built("catalog", "migrate")
    path.write_text("create macro double(x) as 3 * x;")
    built.write("sql/ods/ods_new.sql", "select 7 as a")

    answer = built("run", "ods_new", "ods_price", "--dt", "2024-01-02", "--force", "-o", "json")

    assert answer.code == 2
    assert answer.statuses() == {
        "ods.ods_new": "published", "ods.ods_price 2024-01-02": "published",
    }  # fmt: skip
    assert f"run {answer.json['run_id']}: 2 published\n" in answer.err
    assert "an applied migration was edited" in answer.err
    assert ask(catalog, "select a from ods.ods_new") == [(7,)]
    assert built("run", "ods_new").code == 2

    path.write_text("create macro double(x) as 2 * x;")
    assert built("run", "ods_new").code == 0
    assert ask(catalog, "select double(a) from ods.ods_new") == [(14,)]


def test_a_migration_that_fails_is_named_and_left_out(built, catalog):
    """It leaves nothing behind, and those after it wait; the tables are in the catalog."""
    built.write("catalog/migrations/0001_good.sql", "create macro good(x) as x;")
    built.write("catalog/migrations/0002_bad.sql", "create table half (a int); create macro;")
    built.write("catalog/migrations/0003_late.sql", "create macro late(x) as x;")

    answer = built("catalog", "refresh")

    assert answer.code == 1
    assert "catalog/migrations/0002_bad.sql:1" in answer.err
    applied = ask(catalog, "select name from catalog_meta.schema_migrations")
    assert applied == [("0001_good.sql",)]
    assert ask(catalog, "select count(*) from duckdb_tables() where table_name = 'half'") == [(0,)]
    assert ask(catalog, "select good(count(*)) from dwd.dwd_price") == [(4,)]
    assert {p.name for p in catalog.parent.iterdir()} == {"migrations", "catalog.duckdb"}


def test_a_migration_may_read_the_lake_s_tables(built, catalog):
    """It is applied when they are there, and waits until they are."""
    built.write("sql/dws/dws_new.sql", "select 1 as a, '$<PARTITION_DATE>' as d")
    built.write(
        "catalog/migrations/0001_tables.sql",
        "create macro dwd.latest(d) as table select * from dwd.dwd_price where dt = d;"
        "create view dwd.best as select max(close) as close from dwd.dwd_price;",
    )
    built.write("catalog/migrations/0002_new.sql", "create macro one() as table from dws.dws_new;")

    waiting = built("catalog", "migrate")

    assert waiting.code == 0, waiting.err
    assert waiting.out == "applied  0001_tables.sql\n"
    assert ask(catalog, "select count(*) from dwd.latest('2024-01-02')") == [(2,)]
    assert ask(catalog, "from dwd.best") == [(4,)]
    assert built("run", "dws_new", "--dt", "2024-01-02").code == 0
    assert ask(catalog, "select a from one()") == [(1,)]


def test_the_catalog_tells_what_ran_and_what_is_there(built, catalog):
    built("run", "--dt", "2024-01-09")
    runs = "select command, published, fresh, failed from nomad.runs order by began_at"
    tasks = "select table_name, status, row_count from nomad.tasks where dt = '2024-01-02'"
    columns = "select name, type, nullable from nomad.columns where table_name = 'dws.dws_price'"
    fresh = "select latest_dt::varchar from nomad.freshness where table_name = 'dwd.dwd_price'"

    assert ask(catalog, runs) == [("extract", 2, 0, 0), ("run", 5, 0, 0), ("run", 0, 0, 3)]
    assert ask(catalog, f"{tasks} order by 1") == [
        ("dwd.dwd_price", "published", 2),
        ("ods.ods_price", "published", 2),
        ("raw.price", "published", 2),
    ]
    assert ask(catalog, "from nomad.lineage order by 1") == [
        ("dwd.dwd_price", "ods.ods_price"),
        ("dws.dws_price", "dwd.dwd_price"),
        ("ods.ods_price", "raw.price"),
    ]
    assert ask(catalog, columns) == [
        ("symbol", "VARCHAR", False),
        ("highest", "INTEGER", False),
        ("days", "BIGINT", False),
    ]
    assert ask(catalog, fresh) == [("2024-01-03",)]
    assert ask(catalog, "select count(*) from nomad.checks") == [(0,)]


@pytest.mark.parametrize("kind", ["not UTF-8", "a folder"])
def test_a_migration_that_can_not_be_read_stops_the_catalog_alone(built, kind):
    """Looking, planning and asking go on; a run builds, and then names the file."""
    if kind == "a folder":
        (built.root / "catalog/migrations/0009_bad.sql").mkdir(parents=True)
    else:
        built.write("catalog/migrations/0009_bad.sql", b"select '\xe9'")

    for words in (("ls",), ("plan", "--dt", "2024-01-02"), ("sql", "select 1"), ("lint",)):
        answer = built(*words)
        assert answer.code == 0, (words, answer.err)
    answer = built("run", "--dt", "2024-01-02", "--force")

    assert answer.code == 2
    assert [x.split()[0] for x in answer.out.splitlines()] == ["published"] * 3
    assert "catalog/migrations/0009_bad.sql: can't be read" in answer.err


def test_a_folder_in_the_catalog_s_place_is_named_and_all_is_published(built, catalog):
    catalog.unlink()
    catalog.mkdir()

    run = built("run", "ods_price", "--dt", "2024-01-02", "--force")
    told = [built("catalog", "refresh"), built("doctor")]

    assert run.code == told[0].code == 3
    assert "published  ods.ods_price" in run.out
    for text in (run.err, told[0].err, told[1].out):
        assert "something else lies in its place: move it aside" in text
    catalog.rmdir()
    assert built("catalog", "refresh").code == 0


def test_a_link_that_leads_nowhere_is_no_full_disk(built):
    shutil.rmtree(built.lake / "_runs")
    (built.lake / "_runs").symlink_to(built.root / "nowhere")

    answer = built("run", "ods_price", "--dt", "2024-01-02", "--force")

    assert answer.code == 3
    assert f"{built.lake}/_runs: the lake can't be used" in answer.err
    assert "something else lies in its place: move it aside" in answer.err
