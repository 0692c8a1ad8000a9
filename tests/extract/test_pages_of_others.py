"""Pages of a date are kept while another run keeps those of another date, or of the same one."""

from __future__ import annotations

import pytest

from conftest import Project
from nomad.lake import pieces
from nomad.names import TableName
from nomad.store.local import LocalStore
from web import Reply, serving

CONFIG = """\
layers: [ods]
sources:
  s:
    {{connector: rest, url: "{url}/rows", params: {{day: $<PARTITION_DATE>}},
     paging: {{type: page}}}}
"""
PAGES = 3
TABLE = TableName("raw", "s")


@pytest.fixture
def web(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with serving() as found:
        yield found


@pytest.fixture
def project(web, tmp_path):
    made = Project(tmp_path / "p")
    made.write("nomad.yaml", CONFIG.format(url=web.url))
    return made


def page(asked) -> Reply:
    at = int(asked.query["page"])
    return Reply([{"id": at, "day": asked.query["day"]}] if at <= PAGES else [])


def test_a_number_that_another_date_has_taken_is_no_fault(web, project):
    """While the first date waits for its first page, a page of the second one is kept."""

    def answer(asked) -> Reply:
        first, at = asked.query["day"] == "2024-01-01", asked.query["page"]
        if first and at == "1":
            assert project("extract", "--dt", "2024-01-02").code == 3
        return Reply({}, 404) if not first and at == "2" else page(asked)

    web.answer = answer
    done = project("extract", "--dt", "2024-01-01")
    assert done.code == 0, done.err

    web.answer = page
    web.calls.clear()
    done = project("extract", "--dt", "2024-01-02")

    assert done.code == 0, done.err
    assert web.calls[0].query["page"] == "2"
    every = [[day, n] for day in ("2024-01-01", "2024-01-02") for n in (1, 2, 3)]
    assert project.rows("select day, id from raw.s order by all") == every
    assert pieces.read(LocalStore(project.lake), TABLE) == []


def test_a_page_that_another_machine_keeps_of_the_same_date_ends_the_fetch(web, project):
    """Else pages of both would be taken for one fetch, and rows would be there twice."""

    def answer(asked) -> Reply:
        if asked.query["page"] == "2":
            store = LocalStore(project.lake)
            kept = pieces.read(store, TABLE)[-1]
            copy = project.write("copy.json", "{}")
            pieces.commit(store, TABLE, kept._replace(number=2, run_id="another"), [copy])
        return page(asked)

    web.answer = answer
    done = project("extract", "--dt", "2024-01-01")

    assert done.code == 1
    assert "another run has landed piece 2 of raw.s meanwhile" in done.err
    assert not (project.lake / "raw/s/dt=2024-01-01").exists()
