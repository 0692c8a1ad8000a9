"""What is published reaches the catalog, whoever published it and whatever is remembered here."""

from __future__ import annotations

import shutil

import duckdb
import pytest

from conftest import Project, chain
from nomad.workspace import Workspace

DAY, NEXT = ("--dt", "2024-01-02"), ("--dt", "2024-01-03")


def differences(project, name="catalog.duckdb"):
    """Compare a catalog's versions with the lake's; each view must be readable, too."""
    with duckdb.connect(str(project.root / "catalog" / name), read_only=True) as con:
        told = con.sql("select table_name, dt, run_id from nomad.partitions").fetchall()
        views = con.sql(
            "select schema_name, view_name from duckdb_views()"
            " where not internal and schema_name in ('raw', 'ods', 'dwd', 'dws')"
        ).fetchall()
        for schema, view in views:
            con.sql(f'select count(*) from "{schema}"."{view}"').fetchall()
    assert len(views) == 4
    known = {(t, str(dt) if dt else None): run for t, dt, run in told}
    there = [
        ("raw.price", "2024-01-02"), ("ods.ods_price", "2024-01-02"),
        ("dwd.dwd_price", "2024-01-02"), ("dwd.dwd_price", "2024-01-03"), ("dws.dws_price", None),
    ]  # fmt: skip
    found = {(t, dt): project.manifest(t, dt)["run_id"] for t, dt in there}
    return {cell for cell, run in found.items() if known.get(cell) != run}


def renewed(project, path, close=70):
    """Deliver other prices for the first day, and build all that comes of them."""
    project.write("in/2024-01-02.csv", f"symbol,close\nA,{close}\n")
    for command in ("extract", "run"):
        answer = project(command, *DAY, "-q", *path)
        assert answer.code == 0, answer.err


def test_a_project_that_was_elsewhere_and_came_back(built, tmp_path_factory):
    away = Project(tmp_path_factory.mktemp("away") / "p")
    built.root.rename(away.root)
    renewed(away, ())
    away.root.rename(built.root)

    answer = built("catalog", "connect")

    assert answer.code == 0
    assert differences(built) == set()


@pytest.fixture
def checkouts(built, tmp_path_factory):
    """Two of one project, over one lake."""
    where = f"lake: {{url: {built.lake}, history: 1}}\n"
    second = chain(Project(tmp_path_factory.mktemp("second")), where)
    chain(built, where)
    second.lake = built.lake
    return built, second


@pytest.mark.parametrize("command", [("run", "dws_price", "--force"), ("run", "ods_price", *NEXT)])
def test_two_checkouts_of_one_lake(checkouts, command):
    first, second = checkouts
    for n in range(2):  # the second supersedes files that are gone by then
        renewed(second, (), close=70 + n)

    answer = first(*command, "--force")

    assert answer.code == 0, answer.err
    assert "left out" not in answer.err
    assert differences(first) == set()


def test_what_is_remembered_is_of_yesterday(built):
    shutil.copytree(built.root / ".nomad", built.root / "kept")
    for n in range(2):
        renewed(built, (), close=70 + n)
    shutil.rmtree(built.root / ".nomad")
    (built.root / "kept").rename(built.root / ".nomad")

    answer = built("run", "ods_price", "--force", *NEXT)

    assert answer.err.count("left out") == 0
    assert differences(built) == set()


def test_a_lake_that_was_replaced_by_a_backup(built):
    shutil.copytree(built.lake, built.root / "backup")
    for n in range(3):
        renewed(built, (), close=70 + n)
    shutil.rmtree(built.lake)
    (built.root / "backup").rename(built.lake)

    answer = built("run", "ods_price", "--force", *NEXT)

    assert answer.code == 0
    assert differences(built) == set()


def test_a_run_in_one_environment_leaves_the_catalog_of_another_due(built):
    (built.root / "nomad.yaml").write_text(
        (built.root / "nomad.yaml").read_text() + "environments: {big: {engine: {jobs: 1}}}\n"
    )
    for n in range(2):
        env = {"NOMAD_ENV": "big"}
        built.write("in/2024-01-02.csv", f"symbol,close\nA,{80 + n}\n")
        assert [built(c, *DAY, env=env).code for c in ("extract", "run")] == [0, 0]
    told = built("doctor")

    assert "behind" in told.out
    assert "nothing to do" in built("run", *DAY).err
    assert differences(built) == set()
    assert differences(built, "catalog.big.duckdb") == set()


def test_what_a_killed_renewal_left_is_taken_away(built):
    left = built.write("catalog/.building-x/catalog.duckdb", "half of it")

    assert built("catalog", "refresh").code == 0

    assert not left.parent.exists()


def test_gc_renews_a_catalog_that_names_what_it_removes(built):
    """A run published, was killed, and left its scratch and what it superseded."""
    published = built.manifest("dwd.dwd_price", "2024-01-02")["files"][0]["name"]
    shutil.copytree(built.root / ".nomad", built.root / "kept")
    shutil.copytree(built.root / "catalog", built.root / "catalog-kept")
    old = (built.lake / "dwd/dwd_price/dt=2024-01-02" / published).read_bytes()
    renewed(built, ())
    for name in (".nomad", "catalog"):
        shutil.rmtree(built.root / name)
    (built.root / "kept").rename(built.root / ".nomad")
    (built.root / "catalog-kept").rename(built.root / "catalog")
    (built.lake / "dwd/dwd_price/dt=2024-01-02" / published).write_bytes(old)
    (built.lake / "_tmp" / "20240101T000000Z-000000").mkdir()

    assert built("gc", "--yes").code == 0

    assert not (built.lake / "dwd/dwd_price/dt=2024-01-02" / published).exists()
    assert differences(built) == set()


def test_one_bucket_on_two_servers_is_two_lakes(project):
    lake = 'lake: {url: "s3://bucket/lake", endpoint: "${SERVER}", allow_unsafe_commit: true}'
    project.write("nomad.yaml", (project.root / "nomad.yaml").read_text() + f"{lake}\n")
    project.write("catalog/catalog.duckdb", bytes(8) + b"DUCK")

    def due(port):
        with Workspace(project.root, environ={"SERVER": f"http://127.0.0.1:{port}"}) as workspace:
            found = workspace.catalog_is_due
            workspace._note_catalogs({"catalog.duckdb": workspace._catalog_basis})
        return found

    assert [due(1), due(1), due(2), due(1)] == [True, False, True, True]
