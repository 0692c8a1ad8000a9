"""A run changes a copy of the catalog; it must come out as one that is made anew."""

from __future__ import annotations

import itertools
import random
import shutil
from datetime import date, timedelta

import duckdb
import pytest

from conftest import rarely
from nomad.catalog import state
from nomad.catalog.maker import Maker
from nomad.engine.instance import database
from nomad.errors import LakeError
from nomad.lake.listing import Listing
from nomad.names import TableName
from nomad.run import refresher
from nomad.workspace import Workspace

DAYS = ("2024-01-02", "2024-01-03")


def content(path):
    """All that a catalog says and shows."""
    con = duckdb.connect(str(path), read_only=True)
    views = con.sql(
        "select schema_name, view_name, comment from duckdb_views() where not internal order by all"
    ).fetchall()
    macros = con.sql(
        "select schema_name, function_name from duckdb_functions()"
        " where not internal and function_type = 'table_macro' order by all"
    ).fetchall()
    found = {"views": views, "macros": macros}
    for table in ("tables", "partitions", "columns", "lineage", "checks", "tasks", "runs"):
        found[table] = con.sql(f"from nomad.{table} order by all").fetchall()
    for schema, view, _ in views:
        if schema != "nomad":
            found[f"{schema}.{view}"] = con.sql(f"from {schema}.{view} order by all").fetchall()
    con.close()
    return found


def made_anew(project):
    path = project.root / "catalog" / "catalog.duckdb"
    kept = path.with_suffix(".kept")
    shutil.copyfile(path, kept)
    path.unlink()
    assert project("catalog", "refresh").code == 0
    found = content(path)
    kept.replace(path)
    return found


def build(project, rng):
    day = rng.choice(DAYS)
    project.write(f"in/{day}.csv", f"symbol,close\nA,{rng.randrange(1, 50)}\n")
    project("extract", "--dt", day)
    project("run", "--dt", day)


def describe(project, rng):
    project.write(
        "sql/dwd/dwd_price.sql",
        f"-- The {rng.randrange(9)}th words.\nselect symbol, close from ods.ods_price"
        " where dt = '$<PARTITION_DATE>' and close > 0",
    )
    project("run", "--force", "ods", "--dt", rng.choice(DAYS))


def quarantine(project, rng):
    project.write(
        "sql/dwd/dwd_price.yml",
        f"tests: [{{name: small, expression: 'close < {rng.randrange(3, 30)}',"
        " severity: quarantine}]\nmax_quarantined: 100%\n",
    )
    project("run", "--from", DAYS[0], "--to", DAYS[1])


def no_longer(project, _):
    (project.root / "sql" / "dws" / "dws_price.sql").unlink(missing_ok=True)
    project("run", "--force", "dwd", "--dt", DAYS[0])


def fail(project, _):
    project.write("sql/dws/dws_bad.sql", "select 1 / 0 as x, cast('x' as integer) as y")
    project("run", "dws_bad")


@pytest.mark.parametrize("seed", [0, 3, *rarely(1, 2, 4)])
def test_changed_it_is_as_made_anew(built, seed):
    rng = random.Random(seed)
    path = built.root / "catalog" / "catalog.duckdb"
    for _ in range(5):
        rng.choice([build, build, describe, quarantine, no_longer, fail])(built, rng)

        assert content(path) == made_anew(built)


def test_only_what_changed_is_made_again(built):
    path = built.root / "catalog" / "catalog.duckdb"
    with duckdb.connect(str(path)) as con:
        con.execute("comment on view dwd.dwd_price is 'not made again'")

    assert built("run", "--force", "dws").code == 0

    with duckdb.connect(str(path), read_only=True) as con:
        told = con.sql("select comment from duckdb_views() where view_name = 'dwd_price'")
        assert told.fetchall() == [("not made again",)]


def test_of_another_version_it_is_made_anew(built):
    path = built.root / "catalog" / "catalog.duckdb"
    with duckdb.connect(str(path)) as con:
        con.execute("update catalog_meta.made_from set token = 'another' where kind = 'frame'")
        con.execute("create table left_over (x int)")

    assert built("run", "--force", "dws").code == 0

    with duckdb.connect(str(path), read_only=True) as con:
        assert "left_over" not in str(con.sql("show all tables"))


@pytest.mark.usefixtures("restless")
@pytest.mark.parametrize("number", [8, *rarely(25)])
def test_renewed_all_the_while_it_misses_nothing(project, monkeypatch, number):
    monkeypatch.setattr(refresher, "_EVERY", 0.0)
    monkeypatch.setattr(refresher, "_REST", 0)
    days = [date(2024, 1, 2) + timedelta(n) for n in range(number)]
    for n, day in enumerate(days):
        project.write(f"in/{day}.csv", f"symbol,close\nA,{n + 1}\nB,2\n")
    span = ("--from", str(days[0]), "--to", str(days[-1]))
    assert project("extract", *span).code == 0

    for _ in range(3):
        assert project("run", *span, "--force", "-j", "4").code == 0

        path = project.root / "catalog" / "catalog.duckdb"
        assert content(path) == made_anew(project)


@pytest.mark.parametrize("call", [2, 3, 4])
def test_what_is_published_while_a_table_is_made_is_not_taken_for_made(built, monkeypatch, call):
    calls = itertools.count(1)
    later: list[str] = []
    real = Listing.mark

    def mark(self, prefix):
        found = real(self, prefix)
        if prefix == "dwd/dwd_price" and next(calls) == call:
            key = "dwd/dwd_price/dt=2024-01-02/manifest.json"
            blob = self.every(prefix, suffix="manifest.json", fresh=False)[key]
            self.learn(key, blob._replace(version="later"))
            later.append(key)
        return found

    with Workspace(built.root, environ={}) as workspace:
        maker = Maker(workspace.project, workspace.lake, now=workspace.now(), fresh=False)
        shutil.copyfile(built.root / "catalog" / "catalog.duckdb", copy := built.root / "copy")
        with database(str(copy)) as session:
            session.execute("update catalog_meta.made_from set token = '' where kind = 'table'")
            monkeypatch.setattr(Listing, "mark", mark)
            assert maker.update(session, built.root)
            monkeypatch.undo()
            kept = state.read(session).tables["dwd.dwd_price"]
        now = maker._token(TableName("dwd", "dwd_price"))

    assert (kept != now) == bool(later)


def test_partitions_of_before_are_forgotten_by_a_refresh(built):
    """A table was partitioned, is full for a while, and partitioned again."""
    path = built.root / "sql/dwd/dwd_price.sql"
    dated = path.read_text()
    path.write_text("select symbol, close from ods.ods_price where dt = '2024-01-02'")
    assert built("run", "dwd_price").code == 0
    for folder in (built.lake / "dwd/dwd_price").glob("dt=*"):
        shutil.rmtree(folder)
    assert built("catalog", "refresh").code == 0

    path.write_text(dated)
    assert built("run", "dwd_price", "--dt", "2024-01-02").code == 0

    assert content(built.root / "catalog" / "catalog.duckdb") == made_anew(built)


def test_lineage_follows_the_files_though_nothing_is_built(built):
    path = built.root / "sql/dws/dws_price.sql"
    path.write_text(path.read_text().replace("dwd.dwd_price", "ods.ods_price"))

    assert built("run", "ods", "--dt", "2024-01-02").code == 0

    found = content(built.root / "catalog" / "catalog.duckdb")
    assert ("dws.dws_price", "ods.ods_price") in found["lineage"]
    assert found["lineage"] == made_anew(built)["lineage"]


def test_a_renewal_beside_a_run_that_fails_is_told_and_made_up_for(built, monkeypatch, caplog):
    monkeypatch.setattr(refresher, "_EVERY", 0.0)
    monkeypatch.setattr(refresher, "_REST", 0)
    calls = itertools.count(1)
    real = Workspace.refresh_catalog

    def refresh(self, *words, **named):
        if next(calls) == 1:
            raise LakeError("no room for the catalog")
        return real(self, *words, **named)

    monkeypatch.setattr(Workspace, "refresh_catalog", refresh)

    answer = built("run", "--dt", "2024-01-02", "--force")

    assert answer.code == 0
    told = [m for m in caplog.messages if "not renewed" in m]
    assert told == ["the catalog is not renewed yet: no room for the catalog"]
    assert content(built.root / "catalog" / "catalog.duckdb") == made_anew(built)
