"""A relative path counts from the project's folder, wherever one stands."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

import nomad
from conftest import Project

QUERIES = {
    "a file": "select * from read_csv('data/x.csv')",
    "some files": "select w from read_csv('data/*.csv')",
    "a folder up": "select * from read_csv('./sub/../data/x.csv')",
    "JSON": "select * from read_json('data/x.json')",
}


@pytest.fixture
def shop(tmp_path):
    """A project with files and a database; `sub`, and a folder beside it, have others."""
    made = Project(tmp_path / "project")
    made.write("nomad.yaml", "layers: [ods]\nattach: {shop: shop.duckdb}\n")
    made.write("sql/ods/ods_here.sql", "select 1 as one")
    for folder, word in (("", "right"), ("sub/", "WRONG"), ("../away/", "WRONG")):
        made.write(f"{folder}data/x.csv", f"w\n{word}\n")
        made.write(f"{folder}data/x.json", f'{{"w": "{word}"}}\n')
        with duckdb.connect(str(made.root / folder / "shop.duckdb")) as con:
            con.execute(f"create table t as select '{word}' as w")
    return made


@pytest.fixture(params=["sub", "../away", "/"])
def stand(request, shop):
    """Type a command in another folder."""

    def typed(*words: str) -> subprocess.CompletedProcess[str]:
        given = ["--project", os.path.relpath(shop.root, shop.root / request.param)]
        command = [sys.executable, "-m", "nomad", *given, *words]
        return subprocess.run(
            command,
            cwd=shop.root / request.param,
            env={**os.environ, "PYTHONPATH": str(Path(nomad.__file__).parents[1])},
            capture_output=True,
            text=True,
            check=False,
        )

    return typed


@pytest.mark.parametrize("title", QUERIES)
def test_a_table_reads_the_file_of_the_project(shop, stand, title):
    shop.write("sql/ods/ods_x.sql", QUERIES[title])

    done = stand("run", "ods_x")

    assert done.returncode == 0, done.stderr
    assert shop.rows("select w from ods.ods_x") == [["right"]]


def test_a_table_reads_the_attached_database_of_the_project(shop, stand):
    shop.write("sql/ods/ods_x.sql", "select w from shop.t")

    done = stand("run", "ods_x")

    assert done.returncode == 0, done.stderr
    assert shop.rows("select w from ods.ods_x") == [["right"]]


@pytest.mark.parametrize("query", [QUERIES["a file"], "select w from shop.t"])
def test_a_question_reads_what_the_project_has(stand, query):
    done = stand("sql", query, "-o", "csv")

    assert done.returncode == 0, done.stderr
    assert done.stdout == "w\nright\n"


def test_a_check_reads_the_file_of_the_project(shop, stand):
    shop.write(
        "sql/checks/ods_here__is_right.sql",
        "select h.one from ods.ods_here as h, read_csv('data/x.csv') as x where x.w <> 'right'",
    )

    done = stand("run", "ods_here")

    assert done.returncode == 0, done.stderr


def test_a_migration_reads_the_file_of_the_project(shop, stand):
    shop.write(
        "catalog/migrations/0001_words.sql",
        "create table words as select * from read_csv('data/x.csv')",
    )

    done = stand("catalog", "refresh")

    assert done.returncode == 0, done.stderr
    with duckdb.connect(str(shop.root / "catalog" / "catalog.duckdb"), read_only=True) as con:
        assert con.execute("from words").fetchall() == [("right",)]


def test_from_a_folder_that_is_gone_a_project_can_be_named(shop):
    command = f"mkdir gone && cd gone && rmdir ../gone && {sys.executable} -m nomad"
    done = subprocess.run(
        ["bash", "-c", f"{command} --project {shop.root} run ods_here"],
        cwd=shop.root,
        env={**os.environ, "PYTHONPATH": str(Path(nomad.__file__).parents[1])},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr


def test_a_command_leaves_its_caller_where_it_was(shop, monkeypatch):
    monkeypatch.chdir(shop.root / "sub")
    shop("run", "ods_here")

    assert Path.cwd() == shop.root / "sub"
