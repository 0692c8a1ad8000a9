"""`nomad.*` and `quarantine.*` in `nomad sql`: as in the catalog, as of now."""

from __future__ import annotations

import duckdb
import pytest

from nomad.lake.object_cache import ObjectCache

NAMES = (
    "tables", "partitions", "columns", "lineage", "checks", "freshness", "tasks", "runs", "events",
    "backfill_progress",
)  # fmt: skip


@pytest.fixture
def refusing(built):
    built.write(
        "sql/dwd/dwd_price.yml",
        "tests: [{expression: close <> 2, name: not_two, severity: quarantine}]\n",
    )
    assert built("run", "--from", "2024-01-02", "--to", "2024-01-03").code == 0
    return built


@pytest.mark.parametrize("name", NAMES)
def test_it_answers_as_the_catalog_does(refusing, name):
    left_out = "exclude (age)" if name == "freshness" else ""
    query = f"select * {left_out} from nomad.{name} order by all"
    digest = f"select count(*), md5(string_agg(x::varchar, ';')) from ({query}) x"
    with duckdb.connect(str(refusing.root / "catalog/catalog.duckdb"), read_only=True) as con:
        con.execute("set TimeZone = 'UTC'")
        expected = [list(r) for r in con.execute(digest).fetchall()]

    assert refusing.rows(digest) == expected
    assert expected[0][0] > 0


def test_it_is_of_now(built):
    """A catalog is not needed, nor looked at."""
    for path in (built.root / "catalog").glob("*"):
        path.unlink()

    assert built.rows("select count(*) from nomad.runs") == [[2]]
    assert built.rows("select count(*) from nomad.partitions where table_name = 'raw.price'") == [
        [2]
    ]


def test_refused_rows_answer(refusing):
    assert refusing.rows("select symbol, _test from quarantine.dwd_price") == [["B", "not_two"]]


def test_a_table_that_refused_none_answers_empty(built):
    built.write(
        "sql/dwd/dwd_price.yml",
        "tests: [{expression: close < 99, name: few, severity: quarantine}]\n",
    )
    built("run", "--dt", "2024-01-02")

    assert built.rows("select count(*) from quarantine.dwd_price") == [[0]]


def test_tables_are_shown(built):
    told = built("sql", "show tables", "-o", "csv").out.split()
    everything = built("sql", "select schema, name from (show all tables)", "-o", "csv").out

    assert {"ods_price", "dwd_price", "dws_price", "price"} <= set(told)
    assert "dwd,dwd_price" in everything


def test_before_anything_ran_it_is_empty(project):
    assert project.rows("select count(*) from nomad.runs") == [[0]]
    assert project.rows("select count(*) from nomad.tables") == [[3]]


def test_an_unreadable_manifest_is_passed_over_with_a_word(built, caplog):
    (built.lake / "ods/ods_price/dt=2024-01-02/manifest.json").write_text("{")
    query = "select count(*) from nomad.partitions where table_name = 'ods.ods_price'"

    assert built.rows(query) == [[1]]
    assert "passed over" in caplog.text


def test_runs_are_told_where_nothing_can_be_kept(built, monkeypatch):
    """A project that can only be read has no place for what was seen of the lake."""

    def put(shelf, *_):
        shelf._give_up(OSError("read-only"))

    monkeypatch.setattr(ObjectCache, "put", put)

    assert built.rows("select count(*) from nomad.runs") == [[2]]
