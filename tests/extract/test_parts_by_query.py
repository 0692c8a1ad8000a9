"""`each: {query: …}`: a part for each row of a query over the lake and attached databases."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from conftest import Project

CONFIG = """\
layers: [dim]
naming: free
attach: {{shop: "sqlite:shop.db"}}
sources:
  stock: {{connector: file, path: stock.csv}}
  p: {{connector: python, call: "f:rows", each: {{query: "{query}"}}{more}}}
"""
FUNCTION = """\
def rows(context):
    with open("calls.txt", "a") as out:
        out.write(context.piece + " ")
    return [] if context.piece == "none" else [{"code": context.piece}]
"""


def project_of(folder, query="select code from dim.stock where open", more="") -> Project:
    project = Project(folder)
    project.write("nomad.yaml", CONFIG.format(query=query, more=more))
    project.write("f.py", FUNCTION)
    project.write("sql/dim/stock.sql", "select code, open::bool as open from raw.stock\n")
    stocks(project, "B,1", "A,1", "C,0", "B,1")
    with closing(sqlite3.connect(project.root / "shop.db")) as link:
        link.execute("create table item as select 7 as n union all select 8")
        link.commit()
    return project


@pytest.fixture(scope="module")
def unlanded(tmp_path_factory):
    """A project with the table that is asked, of which no part is ever landed."""
    return project_of(tmp_path_factory.mktemp("unlanded"))


def stocks(project: Project, *lines: str) -> None:
    project.write("stock.csv", "\n".join(("code,open", *lines)) + "\n")
    assert project("extract", "stock").code == 0
    assert project("run").code == 0


def asked(project: Project) -> list[str]:
    """Land it, and say what the function was called for."""
    path = project.root / "calls.txt"
    path.write_text("")
    answer = project("extract", "p")
    assert answer.code == 0, answer.err
    return path.read_text().split()


def test_each_row_is_a_part_and_one_that_comes_twice_is_fetched_once(tmp_path):
    project = project_of(tmp_path)

    assert sorted(asked(project)) == ["A", "B"]
    assert project.rows("select code from raw.p order by 1") == [["A"], ["B"]]


def test_a_row_that_is_gone_leaves_what_was_landed_and_once_is_once(tmp_path):
    project = project_of(tmp_path, more=", once: true")
    asked(project)
    stocks(project, "A,1", "B,0", "D,1")

    assert asked(project) == ["D"]
    assert project.rows("select code from raw.p order by 1") == [["A"], ["B"], ["D"]]


def test_another_query_asks_nothing_of_once_again(tmp_path):
    project = project_of(tmp_path, more=", once: true")
    asked(project)
    query = "select code from dim.stock"
    project.write("nomad.yaml", CONFIG.format(query=query, more=", once: true"))

    assert asked(project) == ["C"]


def test_an_attached_database_is_asked_as_well(tmp_path):
    assert sorted(asked(project_of(tmp_path, "select n from shop.item"))) == ["7", "8"]


@pytest.mark.parametrize(
    ("query", "code", "told"),
    [
        ("select code, open from dim.stock", 2, "gives 2 columns: code, open"),
        ("select code from dim.stock where false", 3, "gives no row"),
        ("select null", 4, "a row without a value"),
        ("select code from dim.stok", 1, "dim.stock"),
        ("select code from raw.p", 1, "`raw.p` was never published: `nomad extract p"),
        ("select 'none'", 3, "nothing"),
        ("drop table dim.stock", 2, "the lake is only read here"),
        ("select cod from dim.stock", 1, "cod"),
    ],
)
def test_a_query_that_gives_no_parts_is_refused(unlanded, query, code, told):
    project = unlanded
    project.write("nomad.yaml", CONFIG.format(query=query, more=""))

    answer = project("extract", "p")

    assert (answer.code, told in answer.err) == (code, True), answer.err
    assert "`p`" in answer.err
    assert not (project.lake / "raw/p/manifest.json").exists()
