"""A fetch that was broken off, whose server doesn't know any more where that was."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from conftest import Project
from nomad.workspace import Workspace
from web import Reply, serving

CONFIG = """\
layers: [ods]
sources:
  s:
    {{connector: rest, url: "{url}/rows", records: items, retries: 0, {options},
     paging: {{type: cursor, next: next}}}}
"""
DATED = "params: {day: $<PARTITION_DATE>}"
LISTED = "each: [A], dt: day"
CHUNKED = (
    "params: {from: $<WATERMARK>, to: $<UNTIL>}, watermark: u, since: 2024-01-01, chunk: 1 month,"
    " key: id, dt: day"
)
COUNT = 4
WORDS = ("extract", "--dt", "2024-01-02")


@dataclass
class Api:
    """Gives one row a page; its cursors are good as long as it knows their `word`."""

    word: str = "old"
    fails_at: int = 0
    refusal: int = 410

    def __call__(self, asked) -> Reply:
        word, _, at = asked.query.get("cursor", f"{self.word}-0").partition("-")
        if word != self.word:
            return Reply({"error": "the cursor has expired"}, self.refusal)
        n = int(at)
        if self.fails_at and n == self.fails_at:
            return Reply({}, 500)
        month = asked.query.get("from", "2024-01")[:7]
        row = {"id": f"{month}-{n}", "day": "2024-01-02", "u": f"{month}-1{n}", "word": word}
        return Reply({"items": [row], "next": f"{word}-{n + 1}" if n + 1 < COUNT else None})


@pytest.fixture
def web(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with serving(Api(fails_at=2)) as found:
        yield found


def project_of(tmp_path, web, options: str) -> Project:
    """A project whose source was left after two pages."""
    project = Project(tmp_path / "p")
    project.write("nomad.yaml", CONFIG.format(url=web.url, options=options))
    assert project(*WORDS).code == 3
    web.calls.clear()
    return project


@pytest.mark.parametrize("refusal", [400, 410])
@pytest.mark.parametrize("options", [DATED, LISTED], ids=["dated", "listed"])
def test_it_is_fetched_from_its_beginning(web, tmp_path, caplog, options, refusal):
    project = project_of(tmp_path, web, options)

    web.answer = Api("new", refusal=refusal)
    done = project(*WORDS)

    assert done.code == 0, done.err
    assert f"HTTP {refusal}" in caplog.text
    assert "it is fetched from its beginning" in caplog.text
    rows = project.rows("select id, word from raw.s order by id")
    assert rows == [[f"2024-01-{n}", "new"] for n in range(COUNT)]
    assert [c.query.get("cursor") for c in web.calls] == ["old-2", None, "new-1", "new-2", "new-3"]


def test_of_a_load_in_chunks_the_last_chunk_is(web, tmp_path, monkeypatch):
    """What is there of the chunks before it stays."""
    monkeypatch.setattr(Workspace, "now", lambda _: datetime(2024, 3, 20, tzinfo=UTC))
    web.answer = lambda asked: Api(fails_at=2 if asked.query["from"] > "2024-02" else 0)(asked)
    project = project_of(tmp_path, web, CHUNKED)

    web.answer = Api("new")
    done = project(*WORDS)

    assert done.code == 0, done.err
    rows = project.rows("select id[:7], word, count(*) from raw.s group by all order by all")
    assert rows[:2] == [["2024-01", "old", COUNT], ["2024-02", "new", COUNT]]


@pytest.mark.parametrize("options", [DATED, LISTED], ids=["dated", "listed"])
def test_who_may_not_ask_goes_on_once_he_may(web, tmp_path, options):
    project = project_of(tmp_path, web, options)

    web.answer = Api("new", refusal=403)
    assert project(*WORDS).code == 3
    web.answer = Api()
    (tmp_path / "cache").rename(tmp_path / "before")
    web.calls.clear()
    done = project(*WORDS)

    assert done.code == 0, done.err
    assert [c.query.get("cursor") for c in web.calls] == ["old-2", "old-3"]
    assert project.rows("select count(*) from raw.s") == [[COUNT]]


def test_a_second_refusal_is_told_and_nothing_is_landed(web, tmp_path):
    """What is kept then is what came anew."""
    project = project_of(tmp_path, web, LISTED)

    web.answer = lambda asked: Api("old" if asked.query.get("cursor") is None else "new")(asked)
    done = project(*WORDS)

    assert done.code == 3
    assert "HTTP 410 Gone for page 2" in done.err
    assert not list(project.lake.glob("raw/s/dt=*"))
