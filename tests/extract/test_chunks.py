"""A first load by a watermark in chunks: `chunk: 1 month`, from databases, an API, a function."""

from __future__ import annotations

import os
import re
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing

import duckdb
import pytest

from conftest import ROOT, Project
from nomad.lake import pieces
from nomad.names import TableName
from nomad.workspace import Workspace
from web import Reply, serving

ROWS = (
    (1, "2024-01-05 10:00:00", "a"),
    (2, "2024-01-31 23:59:59", "b"),
    (3, "2024-02-01 00:00:00", "c"),
    (4, "2024-02-01 00:00:00", "d"),
    (5, "2024-05-20 12:00:00", "e"),
)
BY_MONTH = "watermark: at, chunk: 1 month, dt: at, key: id"


def project_of(folder, source: str) -> Project:
    project = Project(folder)
    project.write("nomad.yaml", f"layers: [ods]\ntimezone: UTC\nsources:\n  o: {{{source}}}\n")
    return project


def pieces_of(project: Project, **environ: str) -> list[pieces.Piece]:
    with Workspace(project.root, environ=environ) as workspace:
        return pieces.read(workspace.store, TableName("raw", "o"))


def killed(project: Project, function: str, nth: int, **environ: str) -> None:
    command = [sys.executable, ROOT / "tests/at_call.py", function, str(nth), "kill", "extract"]
    environ = {**os.environ, "PYTHONPATH": str(ROOT / "lib"), **environ}
    done = subprocess.run(command, cwd=project.root, env=environ, check=False)
    assert done.returncode == -signal.SIGKILL


# PostgreSQL ------------------------------------------------------------------------------------


def condition(select: str) -> str:
    return select.partition("WHERE ")[2].removesuffix(") AS __unnamed_subquery ")


class Shop:
    """A table of a PostgreSQL, and a project that lands it."""

    def __init__(self, postgres, folder, options: str = f"{BY_MONTH}, overlap: 1 day") -> None:
        self.postgres, self.environ = postgres, postgres.server.environ
        postgres.run("create table o (id int primary key, at timestamptz, v text)")
        self.add(*ROWS)
        dsn = "host=127.0.0.1 port=${PGPORT} user=nomad dbname=postgres password=${PGPASSWORD}"
        source = f'connector: postgres, dsn: "{dsn}", table: o, {options}'
        self.project = project_of(folder, source)

    def add(self, *rows) -> None:
        for n, at, v in rows:
            self.postgres.run(f"insert into o values ({n}, '{at}+00', '{v}')")

    def extract(self, *words: str) -> list[str]:
        """The WHERE of each SELECT by which rows came."""
        before = len(self.copies())
        answer = self.project("extract", *words, env=self.environ)
        assert answer.code == 0, answer.err
        return [condition(c) for c in self.copies()[before:]]

    def copies(self) -> list[str]:
        found = re.findall(r"statement: COPY \(((?:.|\n)*?)\) TO STDOUT", self.postgres.asked())
        return [c for c in found if "pg_typeof" not in c and "min(" not in c]

    def moved(self, conditions: list[str]) -> list[int]:
        asked = (f"select id from o where {c} order by 1" for c in conditions)
        return [n for query in asked for (n,) in self.postgres.rows(query)]

    def rows(self) -> list[list]:
        query = 'select id, left(cast("at" as varchar), 19) as at, v from raw.o order by id'
        answer = self.project("sql", query, "--output", "json", env=self.environ)
        return [list(r.values()) for r in answer.json["rows"]]


@pytest.fixture
def shop(postgres, tmp_path):
    return Shop(postgres, tmp_path / "p")


def test_a_first_load_goes_by_the_month_and_each_row_comes_once(shop):
    """Months without a row are passed over; the last chunk has no end."""
    conditions = shop.extract()

    assert [re.sub(r"\"at\" |'|\+00| 00:00:00", "", c) for c in conditions] == [
        '(< 2024-02-01 OR "at" IS NULL)'.replace('"at" IS', "IS"),
        ">= 2024-02-01 AND < 2024-03-01",
        ">= 2024-03-01 AND < 2024-04-01",
        ">= 2024-04-01",
    ]
    assert shop.moved(conditions) == [1, 2, 3, 4, 5]
    assert [p.rows for p in pieces_of(shop.project, **shop.environ)] == [2, 2, 0, 1]
    assert shop.rows() == [list(r) for r in ROWS]


def test_a_second_day_is_one_fetch_of_what_is_new_and_changed(shop):
    """A row that was changed within the overlap comes as well."""
    shop.extract()
    shop.add((6, "2024-05-21 08:00:00", "f"), (7, "2024-05-20 00:30:00", "late"))
    shop.postgres.run("update o set v = 'E', at = '2024-05-21 09:00+00' where id = 5")

    conditions = shop.extract()

    assert len(conditions) == 1
    assert shop.moved(conditions) == [5, 6, 7]
    assert pieces_of(shop.project, **shop.environ)[-1].rows == len([5, 6, 7])
    assert [r[2] for r in shop.rows()] == ["a", "b", "c", "d", "E", "f", "late"]
    assert shop.extract() == ["\"at\" >= '2024-05-20 09:00:00+00'"]


@pytest.mark.parametrize(
    ("nth", "goes_on"),
    [
        (2, "\"at\" >= '2024-01-31 00:00:00+00' AND \"at\" < '2024-03-01 00:00:00+00'"),
        (4, "\"at\" >= '2024-03-31 00:00:00+00' AND \"at\" < '2024-05-01 00:00:00+00'"),
    ],
)
def test_a_load_that_was_killed_goes_on_after_its_last_chunk(shop, nth, goes_on):
    """Only the chunk that was asked for comes again, and what came late within the overlap."""
    killed(shop.project, "nomad.lake.pieces.commit", nth, **shop.environ)
    made = shop.copies()
    assert not list(shop.project.lake.glob("raw/o/dt=*"))
    shop.add((8, "2024-03-31 12:00:00", "late"))

    conditions = shop.extract()

    assert (len(made), conditions[0]) == (nth, goes_on)
    assert shop.rows() == [*map(list, ROWS), [8, "2024-03-31 12:00:00", "late"]]


def test_what_is_forced_stays_as_it_was_until_all_chunks_are_there(shop):
    shop.extract()
    shop.postgres.run("delete from o where id < 3")
    command = [sys.executable, ROOT / "tests/at_call.py", "nomad.lake.pieces.commit", "2", "kill"]
    environ = {**os.environ, **shop.environ, "PYTHONPATH": str(ROOT / "lib")}
    subprocess.run(
        [*command, "extract", "--force"], cwd=shop.project.root, env=environ, check=False
    )
    assert len(shop.rows()) == len(ROWS)

    shop.extract()

    assert shop.rows() == [list(r) for r in ROWS[2:]]


# Others ----------------------------------------------------------------------------------------


def filled(link, kind: str) -> None:
    link.execute(f'create table o (id int, "at" {kind}, v varchar(9))')
    for n, at, v in (*ROWS, (6, None, "none")):
        link.execute("insert into o values (?, ?, ?)", (n, at, v))


@pytest.mark.parametrize("connector", ["sqlite", "duckdb", "sql"])
def test_files_of_databases_go_in_chunks_with_what_has_no_watermark(tmp_path, connector, caplog):
    """It comes once, and the warning says that it never will again."""
    opened = duckdb.connect if connector == "duckdb" else sqlite3.connect
    where = "url: sqlite:///o.db" if connector == "sql" else "path: o.db"
    source = f"connector: {connector}, {where}, table: o, watermark: at, chunk: 1 month"
    project = project_of(tmp_path / "p", source)
    with closing(opened(project.root / "o.db")) as link:
        filled(link, "timestamp" if connector == "duckdb" else "text")
        link.commit()

    assert project("extract").code == 0

    rows = project.rows("select id, v from raw.o order by id")
    assert rows == [[n, v] for n, _, v in (*ROWS, (6, None, "none"))]
    assert "1 row has no `at`" in caplog.text
    assert [p.until and p.until[:10] for p in pieces_of(project)] == [
        "2024-02-01", "2024-03-01", "2024-04-01", None,
    ]  # fmt: skip
    assert project("extract").code == 0
    assert len(project.rows("from raw.o")) == len(ROWS) + 1


def test_numbers_go_by_so_many_of_them(tmp_path):
    project = project_of(
        tmp_path / "p", "connector: sqlite, path: o.db, table: o, watermark: id, chunk: 2"
    )
    with closing(sqlite3.connect(project.root / "o.db")) as link:
        filled(link, "text")
        link.commit()

    assert project("extract").code == 0

    assert [(p.since, p.until) for p in pieces_of(project)] == [
        (None, "2"), ("2", "4"), ("4", "6"), ("6", None),
    ]  # fmt: skip
    assert project.rows("select count(*), count(distinct id) from raw.o") == [[6, 6]]


@pytest.mark.parametrize("connector", ["sqlite, path: o.db", 'sql, url: "sqlite:///o.db"'])
@pytest.mark.parametrize("since", ["", ", since: 2021-01-01"])
@pytest.mark.parametrize("ats", [("2021-02-01", "2021-04-01"), ("2021-02-01",)])
def test_a_row_without_a_watermark_comes_with_the_first_load(
    tmp_path, caplog, connector, since, ats
):
    options = f"connector: {connector}, table: o, watermark: at, chunk: 1 month{since}"
    project = project_of(tmp_path / "p", options)
    with closing(sqlite3.connect(project.root / "o.db")) as link:
        link.execute("create table o (id integer, at text)")
        link.executemany("insert into o values (?, ?)", enumerate([None, *ats]))
        link.commit()

    assert (answer := project("extract")).code == 0, answer.err
    assert "1 row has no `at`" in caplog.text
    assert project.rows("select id from raw.o order by id") == [[n] for n in range(len(ats) + 1)]

    assert project("extract").code == 0
    assert project.rows("select count(*) from raw.o") == [[len(ats) + 1]]


@pytest.fixture
def web(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with serving() as found:
        yield found


API = (
    "params: {since: $<WATERMARK>, until: $<UNTIL>}, paging: {type: page}, watermark: at,"
    " chunk: 2 years, since: 2020-01-01, key: id"
)


def answer(asked) -> Reply:
    """The rows from a date up to another, two a page; both bounds are within."""
    since, until, page = (asked.query[n] for n in ("since", "until", "page"))
    found = [{"id": n, "at": at} for n, at, _ in ROWS if since <= at <= until or at[:10] == until]
    return Reply(found[int(page) * 2 - 2 : int(page) * 2])


def test_an_api_is_asked_from_start_up_to_the_present(web, tmp_path):
    project = project_of(tmp_path / "p", f'connector: rest, url: "{web.url}", {API}')
    web.answer = answer

    assert project("extract").code == 0

    first = [c.query for c in web.calls if c.query["page"] == "1"]
    assert [(c["since"], c["until"]) for c in first[:3]] == [
        ("2020-01-01", "2022-01-01"), ("2022-01-01", "2024-01-01"), ("2024-01-01", "2026-01-01"),
    ]  # fmt: skip
    assert project.rows("select id from raw.o order by id") == [[r[0]] for r in ROWS]
    count = len(web.calls)
    assert project("extract").code == 0
    assert [c.query["since"] for c in web.calls[count:]][:1] == ["2024-05-20 12:00:00"]


def test_an_api_that_was_broken_off_within_a_chunk_goes_on_with_its_next_page(web, tmp_path):
    project = project_of(tmp_path / "p", f'connector: rest, url: "{web.url}", {API}')

    def failing(asked) -> Reply:
        at_last = asked.query["since"] == "2024-01-01" and asked.query["page"] == "2"
        return Reply({"error": "no"}, 400) if at_last else answer(asked)

    web.answer = failing
    assert project("extract").code == 3
    count, web.answer = len(web.calls), answer

    assert project("extract").code == 0

    again = [(c.query["since"], c.query["page"]) for c in web.calls[count:]]
    assert again[0] == ("2024-01-01", "2")
    assert project.rows("select id from raw.o order by id") == [[r[0]] for r in ROWS]


def test_a_function_is_told_from_where_and_up_to_where(tmp_path):
    source = "connector: python, call: 'f:rows', watermark: at, chunk: 2 years, key: at"
    project = project_of(tmp_path / "p", f"{source}, since: 2021-01-01")
    project.write("f.py", "def rows(c):\n    yield {'at': c.watermark, 'until': str(c.until)}\n")

    assert project("extract").code == 0

    rows = project.rows('select cast("at" as varchar), until from raw.o order by 1')
    assert rows[:2] == [["2021-01-01", "2023-01-01"], ["2023-01-01", "2025-01-01"]]
    assert rows[-1][1] == "None"


@pytest.mark.parametrize(
    ("source", "code", "told"),
    [
        ("connector: python, call: 'f:rows', watermark: at, chunk: 1 month", 2, "needs a `since:`"),
        (
            "connector: python, call: 'f:rows', watermark: at, chunk: 1 day, since: 2024-01-01",
            2,
            "needs a `key:`",
        ),
        (
            "connector: rest, url: 'http://127.0.0.1:9', watermark: at, chunk: 1 day, key: id,"
            " since: 2020-01-01",
            2,
            "$<UNTIL>",
        ),
        ("connector: file, path: a.csv, watermark: at, chunk: 1 day", 2, "connector `file`"),
        ("connector: file, path: a.csv, watermark: at, chunk: 0 days", 2, "must be like `1 month`"),
        ("connector: file, path: a.csv, watermark: at, chunk: month", 2, "must be like `1 month`"),
        ("connector: file, path: a.csv, chunk: 1 day, dt: at", 2, "needs a `watermark:`"),
        ("connector: file, path: a.csv, watermark: at, since: 2020-01-01", 2, "needs a `chunk:`"),
        (
            "connector: file, path: a.csv, watermark: at, chunk: 1 day, since: soon",
            2,
            "must be a date",
        ),
        (
            "connector: python, call: 'f:none', watermark: at, chunk: 1 year, since: 2024-01-01,"
            " key: id",
            3,
            "has nothing since 2024-01-01",
        ),
        ("connector: duckdb, path: o.db, table: o, watermark: id, chunk: 1 day", 2, "a number"),
        ("connector: duckdb, path: o.db, table: o, watermark: at, chunk: 5", 2, "an age"),
    ],
)
def test_what_can_not_go_in_chunks_is_refused(tmp_path, source, code, told):
    project = project_of(tmp_path / "p", source)
    project.write("a.csv", "at\n2024-01-01\n")
    project.write("f.py", "def rows(c):\n    return [{'at': 1}]\ndef none(c):\n    return []\n")
    with closing(duckdb.connect(project.root / "o.db")) as link:
        filled(link, "timestamp")

    answered = project("extract")

    assert (answered.code, told in answered.err) == (code, True), answered.err
    assert not list(project.lake.glob("raw/o/dt=*"))
