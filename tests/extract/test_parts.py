"""Sources that land in parts: by file, by a list, by a watermark; cut into partitions."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from pkgutil import resolve_name

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conftest import Project
from nomad.errors import Unreachable
from nomad.extract.base import Landed
from nomad.extract.connectors.file import FileConnector
from nomad.extract.memory import MemoryConnector
from nomad.ingest import cutting, landing
from nomad.ingest.extraction import extract
from nomad.lake import pieces
from nomad.names import TableName
from nomad.run.chosen import chosen
from nomad.run.result import Status
from nomad.workspace import Workspace


def made(root, *sources: str) -> Project:
    project = Project(root)
    project.write("nomad.yaml", "layers: [ods]\nsources:\n  " + "\n  ".join(sources) + "\n")
    return project


def landed(project: Project, *words: str) -> dict[str, str]:
    answer = project("extract", *words, "-o", "json")
    assert answer.code == 0, answer.err
    return {s["partition_date"]: s["status"] for s in answer.json["steps"]}


def pieces_of(project: Project, name: str) -> list[pieces.Piece]:
    with Workspace(project.root, environ={}) as workspace:
        return pieces.read(workspace.store, TableName("raw", name))


def _before(monkeypatch, function: str, act: Callable[[], object], matching: str = "") -> None:
    """Have something happen right before the first call of a function with such a word."""
    real = resolve_name(function)

    def wrapper(*words):
        if matching in repr(words):
            monkeypatch.setattr(function, real)
            act()
        return real(*words)

    monkeypatch.setattr(function, wrapper)


def _meanwhile(monkeypatch, function: str, path: Path, text: str) -> None:
    """Have a text be added to a file right before the first call of a function."""
    _before(monkeypatch, function, lambda: path.write_text(path.read_text() + text))


PRICES = 'p: {connector: file, path: "in/*.csv", each: file, dt: day, key: [code, day]}'


class TestByFile:
    @pytest.fixture
    def project(self, tmp_path):
        project = made(tmp_path, PRICES)
        project.write("in/A.csv", "code,day,close\nA,20240102,1\nA,20240103,2\n")
        project.write("in/B.csv", "code,day,close\nB,20240102,5\n")
        assert landed(project) == {"2024-01-02": "published", "2024-01-03": "published"}
        return project

    def test_rows_are_cut_by_their_own_date(self, project):
        assert project.rows("select code, close, dt::varchar from raw.p order by all") == [
            ["A", "1", "2024-01-02"], ["A", "2", "2024-01-03"], ["B", "5", "2024-01-02"],
        ]  # fmt: skip

    def test_files_that_are_as_they_were_are_not_read(self, project, monkeypatch):
        def refuse(*_):
            raise AssertionError("it was read")

        monkeypatch.setattr("nomad.extract.entities._anew", refuse)
        monkeypatch.setattr("nomad.extract.entities._added", refuse)

        assert landed(project) == {None: "fresh"}
        assert len(pieces_of(project, "p")) == 1

    def test_only_dates_whose_rows_differ_are_published(self, project):
        project.write("in/A.csv", "code,day,close\nA,20240102,1\nA,20240103,2.5\n")

        assert landed(project) == {"2024-01-03": "published"}
        assert project.rows("select close from raw.p where dt = '2024-01-03'") == [["2.5"]]

    def test_what_a_file_has_no_more_goes_with_a_warning(self, project, caplog):
        project.write("in/A.csv", "code,day,close\nA,20240103,2\n")

        assert landed(project) == {"2024-01-02": "published"}
        assert "raw.p: a part came again without 1 key that it had; their rows go" in caplog.text
        assert project.rows("select code from raw.p order by all") == [["A"], ["B"]]

    def test_of_a_file_that_grew_what_was_added_lands(self, project):
        with (project.root / "in/A.csv").open("a") as f:
            f.write("A,20240104,3\n")

        assert landed(project) == {"2024-01-04": "published"}
        (part,) = pieces_of(project, "p")[-1].parts
        assert (part.appended, part.file.rows) == (True, 1)
        assert project.rows("select count(*) from raw.p") == [[4]]

    @pytest.mark.parametrize("options", ["", ", drift: allow", ", encoding: utf-8-sig"])
    def test_a_file_with_a_byte_order_mark_grows_as_any_other(self, tmp_path, options):
        project = made(
            tmp_path, f"b: {{connector: file, path: b.csv, each: file, dt: day, key: id{options}}}"
        )
        project.write("b.csv", "\ufeffid,day,v\n1,2024-01-01,x\n")
        landed(project)
        with (project.root / "b.csv").open("a") as f:
            f.write("2,2024-01-02,y\n")

        assert landed(project) == {"2024-01-02": "published"}
        assert project.rows("select id, day, v from raw.b order by all") == [
            ["1", "2024-01-01", "x"], ["2", "2024-01-02", "y"],
        ]  # fmt: skip
        assert [p.parts[0].appended for p in pieces_of(project, "b")] == [False, True]

    @pytest.mark.parametrize("torn", ["", "A,2024"])
    @pytest.mark.parametrize("key", ["", ", key: [code, day]"])
    def test_what_is_added_while_a_file_is_read_comes_the_next_time(
        self, tmp_path, monkeypatch, key, torn
    ):
        project = made(tmp_path, f'p: {{connector: file, path: "a.csv", each: file, dt: day{key}}}')
        project.write("a.csv", f"code,day,close\nA,20240102,1\n{torn}")
        rest = "A,20240103,2\n".removeprefix(torn)
        _meanwhile(monkeypatch, "nomad.extract.places.bring", project.root / "a.csv", rest)
        landed(project)
        assert project.rows("select close from raw.p") == [["1"]]

        landed(project)
        assert project.rows("select close from raw.p order by 1") == [["1"], ["2"]]
        assert landed(project) == {None: "fresh"}

    @pytest.mark.parametrize("torn", ["", "A,2024"])
    def test_so_does_what_is_added_while_that_is_read_which_was_added_before(
        self, project, monkeypatch, torn
    ):
        path = project.root / "in/A.csv"
        path.write_text(f"{path.read_text()}A,20240104,3\n{torn}")
        rest = "A,20240105,4\n".removeprefix(torn)
        _meanwhile(monkeypatch, "nomad.extract.entities._added", path, rest)

        assert landed(project) == {"2024-01-04": "published"}
        assert landed(project) == {"2024-01-05": "published"}
        assert [p.parts[0].appended for p in pieces_of(project, "p")][1:] == [True, True]

    def test_of_a_file_without_a_whole_line_nothing_lands_as_yet(self, tmp_path, monkeypatch):
        project = made(tmp_path, 'p: {connector: file, path: "in/*.csv", each: file}')
        project.write("in/a.csv", "co")
        project.write("in/b.csv", "code\nB\n")
        path = project.root / "in/a.csv"
        _meanwhile(monkeypatch, "nomad.extract.places.bring", path, "de")
        landed(project)
        assert project.rows("select code from raw.p") == [["B"]]

        project.write("in/a.csv", "code\nA\n")
        landed(project)
        assert project.rows("select code from raw.p order by 1") == [["A"], ["B"]]

    @pytest.mark.parametrize("at", ["places.bring", "entities._added", "places._seen"])
    def test_a_file_that_goes_meanwhile_keeps_no_other_from_landing(self, project, monkeypatch, at):
        for path in ("in/B.csv", "in/A.csv"):
            known = (project.root / path).read_text()
            project.write(path, f"{known}{Path(path).stem},20240104,3\n")
        project.write("in/0.csv", "code,day,close\n0,20240104,0\n")
        goes = "0" if at == "places.bring" else "A"
        path = project.root / f"in/{goes}.csv"
        _before(monkeypatch, f"nomad.extract.{at}", path.unlink, matching=path.name)

        assert landed(project) == {"2024-01-04": "published"}
        rows = project.rows("select code from raw.p where dt = '2024-01-04' order by 1")
        assert rows == [[code] for code in "0AB" if code != goes]

    def test_where_all_go_meanwhile_the_source_is_missing(self, tmp_path, monkeypatch):
        project = made(tmp_path, PRICES)
        path = project.write("in/A.csv", "code,day,close\nA,20240102,1\n")
        _before(monkeypatch, "nomad.extract.places.bring", path.unlink)

        assert (answer := project("extract")).code == 3
        assert "source `p` has no file" in answer.err

    @pytest.mark.parametrize("added", [b"A,20240104,caf\xe9\n", b"A,20240104,caf\xc3"])
    def test_added_bytes_that_are_no_utf8_are_refused_and_other_sources_land(self, tmp_path, added):
        project = made(tmp_path, PRICES, "q: {connector: file, path: b.csv}")
        path = project.write("in/A.csv", "code,day,close\nA,20240102,1\n")
        landed(project, "p")
        path.write_bytes(path.read_bytes() + added)
        project.write("b.csv", "code\nB\n")

        assert (answer := project("extract")).code == 4
        assert "not utf-8: byte" in answer.err
        assert project.rows("select code from raw.q") == [["B"]]

    def test_then_it_is_rewritten_and_nothing_of_it_stays(self, project):
        with (project.root / "in/A.csv").open("a") as f:
            f.write("A,20240104,3\n")
        landed(project)
        project.write("in/A.csv", "code,day,close\nA,20240103,9\n")

        assert set(landed(project)) == {"2024-01-02", "2024-01-03", "2024-01-04"}
        assert project.rows("select code, day, close from raw.p order by all") == [
            ["A", "20240103", "9"], ["B", "20240102", "5"],
        ]  # fmt: skip

    def test_a_line_that_was_not_ended_is_read_again_with_its_file(self, project):
        project.write("in/C.csv", "code,day,close\nC,20240102,1")
        landed(project)
        with (project.root / "in/C.csv").open("a") as f:
            f.write("5\nC,20240103,2\n")
        landed(project)

        rows = project.rows("select close from raw.p where code = 'C' order by all")
        assert rows == [["15"], ["2"]]

    def test_a_piece_of_which_nothing_stands_is_removed(self, project):
        for name in "AB":
            project.write(f"in/{name}.csv", f"code,day,close\n{name},20240102,7\n")
        landed(project)

        assert [p.number for p in pieces_of(project, "p")] == [2]
        assert not (project.lake / "raw/p/_pieces/00000001").exists()

    def test_a_row_without_a_date_is_refused_and_nothing_changes(self, project):
        project.write("in/C.csv", "code,day,close\nC,2024-01-02,1\nC,soon,1\n")

        answer = project("extract")

        assert answer.code == 4
        assert "`day` of 1 row is no date, e.g. 'soon'" in answer.err
        assert project.rows("select count(*) from raw.p") == [[3]]

    def test_a_header_that_lost_a_column_is_refused_by_the_name_of_its_file(self, project):
        project.write("in/C.csv", "code,day\nC,2024-01-02\n")

        answer = project("extract")

        assert answer.code == 4
        assert "in/C.csv" in answer.err
        assert "lacks `close`" in answer.err

    def test_a_malformed_row_is_refused_by_the_name_of_its_file(self, project):
        project.write("in/C.csv", "code,day,close\nC,2024-01-02,1,2,3\n")
        project.write("in/D.csv", "code,day,close\nD,2024-01-02,1\n")

        answer = project("extract")

        assert answer.code == 4
        assert "in/C.csv" in answer.err

    def test_what_is_gone_from_the_lake_is_cut_again(self, project):
        for path in (project.lake / "raw/p/dt=2024-01-02").iterdir():
            path.unlink()

        assert landed(project) == {"2024-01-02": "published"}
        assert project.rows("select count(*) from raw.p") == [[3]]

    def test_without_the_note_of_what_was_cut_all_is_looked_at_and_nothing_published(self, project):
        (project.lake / "raw/p/_pieces/cut.json").unlink()

        assert landed(project) == {None: "fresh"}

    def test_a_run_broken_off_between_dates_is_made_up_for(self, project, monkeypatch):
        for name in "AB":
            with (project.root / f"in/{name}.csv").open("a") as f:
                f.write(f"{name},20240104,3\n{name},20240105,4\n")
        published = cutting._published

        def once(work, day, staged):
            if day == date(2024, 1, 5):
                raise Unreachable("the disk is away")
            return published(work, day, staged)

        monkeypatch.setattr(cutting, "_published", once)
        assert project("extract").code == 3
        monkeypatch.undo()

        assert landed(project) == {"2024-01-05": "published"}
        assert project.rows("select count(*) from raw.p") == [[7]]

    def test_doctor_finds_nothing_amiss(self, project):
        answer = project("doctor")
        assert (answer.code, "all is well" in answer.out + answer.err) == (0, True)

    def test_a_corrupt_piece_is_named(self, project):
        project.write("lake/raw/p/_pieces/00000001/manifest.json", "{")

        answer = project("extract")

        assert answer.code != 0
        assert "raw/p/_pieces/00000001/manifest.json" in answer.err


ORDERS = (
    "o: {connector: file, path: in/o.csv, watermark: changed, overlap: 1 hour, dt: day, key: id}"
)
HEAD = "id,day,changed,v\n"


class TestByWatermark:
    @pytest.fixture
    def project(self, tmp_path):
        project = made(tmp_path, ORDERS)
        first = HEAD + "1,2024-01-02,2024-01-02 10:00:00,a\n2,2024-01-02,2024-01-02 11:00:00,b\n"
        project.write("in/o.csv", first)
        landed(project)
        return project

    def test_the_highest_value_stands_in_the_piece(self, project):
        assert [p.watermark for p in pieces_of(project, "o")] == ["2024-01-02 11:00:00"]

    def test_what_came_before_is_asked_for_once_more_by_the_overlap(self, project, monkeypatch):
        asked = []
        fetch = FileConnector.fetch
        monkeypatch.setattr(
            FileConnector, "fetch", lambda s, r, i: asked.append(r.watermark) or fetch(s, r, i)
        )
        landed(project)
        assert asked == ["2024-01-02 10:00:00"]

    def test_a_second_landing_on_a_day_adds_to_the_first(self, project):
        project.write("in/o.csv", HEAD + "3,2024-01-02,2024-01-03 09:00:00,c\n")
        assert landed(project) == {"2024-01-02": "published"}
        assert project.rows("select id, v from raw.o order by all") == [
            ["1", "a"], ["2", "b"], ["3", "c"],
        ]  # fmt: skip

    def test_a_changed_row_takes_the_place_of_the_one_before(self, project):
        project.write("in/o.csv", HEAD + "2,2024-01-02,2024-01-03 09:00:00,B\n")
        landed(project)
        assert project.rows("select id, v from raw.o order by all") == [["1", "a"], ["2", "B"]]

    def test_a_row_that_went_to_another_date_leaves_the_one_before(self, project):
        project.write("in/o.csv", HEAD + "2,2024-01-05,2024-01-05 09:00:00,B\n")
        assert set(landed(project)) == {"2024-01-02", "2024-01-05"}
        rows = project.rows("select id, dt::varchar from raw.o order by all")
        assert rows == [["1", "2024-01-02"], ["2", "2024-01-05"]]

    def test_the_same_again_is_nothing_new(self, project):
        assert landed(project) == {None: "fresh"}
        assert len(pieces_of(project, "o")) == 1

    def test_by_force_all_is_landed_anew(self, project):
        project.write("in/o.csv", HEAD + "7,2024-01-02,2024-01-01 09:00:00,x\n")
        landed(project, "--force")
        assert project.rows("select id from raw.o") == [["7"]]
        assert len(pieces_of(project, "o")) == 1


def test_of_a_key_in_two_files_the_one_that_landed_last_stays_however_it_is_cut(tmp_path):
    project = made(tmp_path, PRICES)
    project.write("in/A.csv", "code,day,close\nX,20240102,1\nX,20240103,1\n")
    landed(project)
    project.write("in/B.csv", "code,day,close\nX,20240102,2\n")
    landed(project)
    assert project.rows("select close from raw.p order by dt") == [["2"], ["1"]]

    project.write("in/A.csv", "code,day,close\nX,20240102,1\nX,20240103,9\n")
    landed(project)
    after = project.rows("select close from raw.p order by dt")
    (project.lake / "raw/p/_pieces/cut.json").unlink()

    assert landed(project) == {None: "fresh"}
    assert after == [["1"], ["9"]]


def test_a_key_that_is_gone_gives_way_to_the_one_before_on_another_date(tmp_path):
    project = made(tmp_path, 'p: {connector: file, path: "in/*.csv", each: file, dt: day, key: id}')
    project.write("in/A.csv", "id,day\n1,2024-01-02\n")
    landed(project)
    project.write("in/B.csv", "id,day\n1,2024-01-03\n2,2024-01-03\n")
    landed(project)
    assert project.rows("select id, day from raw.p order by all") == [
        ["1", "2024-01-03"], ["2", "2024-01-03"],
    ]  # fmt: skip

    project.write("in/B.csv", "id,day\n2,2024-01-03\n")
    landed(project)

    assert project.rows("select id, day from raw.p order by all") == [
        ["1", "2024-01-02"], ["2", "2024-01-03"],
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("values", "highest", "above"),
    [
        (["1.5", "1.75"], "1.75", "1.8"),
        (["9", "10"], "10", "10.25"),
        (["2024-01-02", "2024-01-10"], "2024-01-10", "2024-01-10 00:00:01"),
        (["2024-01-02T10:00:00Z"], "2024-01-02T10:00:00Z", "2024-01-02T10:00:00.5Z"),
        (["b", "a"], "b", "ba"),
    ],
)
def test_the_watermark_is_the_highest_value_and_no_other(tmp_path, values, highest, above):
    project = made(tmp_path, "p: {connector: file, path: in/p.csv, watermark: n}")
    project.write("in/p.csv", "n\n" + "".join(f"{v}\n" for v in values))
    landed(project)
    assert [p.watermark for p in pieces_of(project, "p")] == [highest]

    project.write("in/p.csv", f"n\n{highest}\n{above}\n")
    landed(project)
    rows = project.rows("select n from raw.p order by all")
    assert rows == sorted([v] for v in (*values, above))


def test_without_a_key_rows_count_from_above_the_watermark(tmp_path):
    project = made(tmp_path, "log: {connector: file, path: in/log.csv, watermark: n, dt: day}")
    project.write("in/log.csv", "n,day\n9,2024-01-02\n10,2024-01-02\n")
    landed(project)
    project.write("in/log.csv", "n,day\n10,2024-01-02\n11,2024-01-02\n11,2024-01-02\n")
    landed(project)

    rows = project.rows("select n from raw.log order by n::int")
    assert rows == [["9"], ["10"], ["11"], ["11"]]


def test_each_value_of_a_list_is_fetched_and_a_fault_of_one_stops_no_other(tmp_path):
    project = made(tmp_path, "p: {connector: file, path: in/$<EACH>.csv, each: [A, B, C]}")
    for name in "AC":
        project.write(f"in/{name}.csv", f"code\n{name}\n")

    answer = project("extract")

    assert answer.code == 3
    assert "in/B.csv" in answer.err
    assert project.rows("from raw.p order by all") == [["A"], ["C"]]


def test_months_go_up_to_the_present_one(tmp_path, monkeypatch):
    project = made(
        tmp_path,
        "p: {connector: file, path: 'in/$<EACH>-$<EACH_LAST:%Y%m%d>.csv',"
        " each: {months: 2024-01}, dt: day, once: true}",
    )
    monkeypatch.setattr(Workspace, "now", lambda _: datetime(2024, 2, 10, tzinfo=UTC))
    project.write("in/2024-01-20240131.csv", "day\n2024-01-31\n")
    project.write("in/2024-02-20240229.csv", "day\n2024-02-01\n")

    landed(project)

    assert project.rows("select dt::varchar from raw.p order by 1") == [
        ["2024-01-31"], ["2024-02-01"],
    ]  # fmt: skip


# Pages -------------------------------------------------------------------------------------------


class Pages(MemoryConnector):
    """Delivers ten pages of two rows from the request's cursor on, and breaks off before one."""

    paged = True

    def __init__(self, breaks: int | None = None) -> None:
        super().__init__({})
        self.breaks = breaks
        self.asked: list[int] = []

    def fetch(self, request, into):
        for page in range(int(request.cursor or 0), 10):
            self.asked.append(page)
            if page == self.breaks:
                self.breaks = None
                raise Unreachable("cut off")
            path = into / f"{page}.json"
            rows = [{"id": 2 * page + n, "day": "2024-01-02"} for n in (0, 1)]
            path.write_text("\n".join(map(json.dumps, rows)))
            yield Landed(path, request.window, cursor=str(page + 1))


@pytest.mark.parametrize("how", ["watermark: id", "each: [x]", "each: [x], key: id"])
def test_a_fetch_that_was_broken_off_goes_on_after_its_last_page(tmp_path, how):
    made(tmp_path, f"p: {{connector: pages, path: x, {how}, dt: day}}")
    connector = Pages(breaks=6)
    with Workspace(tmp_path, environ={}, connectors={"pages": connector}) as workspace:
        sources = chosen(workspace, [])
        _, results = extract(workspace, sources, [], report=lambda _: None)
        assert [r.status for r in results] == [Status.FAILED]
        assert not list(tmp_path.glob("lake/raw/p/dt=*"))
        _, results = extract(workspace, sources, [], report=lambda _: None)
        assert [(r.status, r.row_count) for r in results] == [(Status.PUBLISHED, 20)]

        assert connector.asked == [*range(7), *range(6, 10)]
        extract(workspace, sources, [], report=lambda _: None)
        assert connector.asked[11:] == list(range(10))


@pytest.mark.parametrize("path", ["x", "x-$<PARTITION_DATE>"])
def test_so_does_one_of_a_date_or_of_all(tmp_path, path):
    made(tmp_path, f"p: {{connector: pages, path: {path}}}")
    connector = Pages(breaks=6)
    with Workspace(tmp_path, environ={}, connectors={"pages": connector}) as workspace:
        sources, days = chosen(workspace, []), [date(2024, 1, 2)]
        _, results = extract(workspace, sources, days, report=lambda _: None)
        assert [r.status for r in results] == [Status.FAILED]
        assert not list(tmp_path.glob("lake/raw/p/**/*-0.json.*"))
        _, results = extract(workspace, sources, days, report=lambda _: None)
        assert [(r.status, r.row_count) for r in results] == [(Status.PUBLISHED, 20)]
        _, results = extract(workspace, sources, days, report=lambda _: None)
        assert [r.status for r in results] == [Status.FRESH]

    assert connector.asked == [*range(7), *range(6, 10), *range(10)]
    assert not list(tmp_path.glob("lake/raw/p/_pieces/*/*"))


def test_pages_that_were_kept_before_others_were_cut_are_cut_with_the_rest(tmp_path):
    made(tmp_path, "p: {connector: pages, path: $<EACH>, each: [x, y], dt: day}")
    connector = Pages(breaks=6)
    with Workspace(tmp_path, environ={}, connectors={"pages": connector}) as workspace:
        sources = chosen(workspace, [])
        extract(workspace, sources, [], report=lambda _: None)
        _, results = extract(workspace, sources, [], report=lambda _: None)

    assert [(r.status, r.row_count) for r in results] == [(Status.PUBLISHED, 40)]


def test_by_force_no_page_that_was_kept_before_is_taken(tmp_path):
    made(tmp_path, "p: {connector: pages, path: x-$<PARTITION_DATE>}")
    connector = Pages(breaks=6)
    with Workspace(tmp_path, environ={}, connectors={"pages": connector}) as workspace:
        sources, days = chosen(workspace, []), [date(2024, 1, 2)]
        extract(workspace, sources, days, report=lambda _: None)
        connector.breaks = 3
        extract(workspace, sources, days, report=lambda _: None, force=True)
        _, results = extract(workspace, sources, days, report=lambda _: None)

    assert [(r.status, r.row_count) for r in results] == [(Status.PUBLISHED, 20)]


def test_several_files_of_a_date_are_one_partition(tmp_path):
    made(tmp_path, "p: {connector: files, path: x-$<PARTITION_DATE>, drift: allow}")

    class Files(MemoryConnector):
        def fetch(self, request, into):
            for name in "ba":
                (into / f"{name}.csv").write_text(f"code\n{name}\n")
                yield Landed(into / f"{name}.csv", request.window)
            if self.delivered:
                (into / "c.csv").write_text("other\n1\n")
                yield Landed(into / "c.csv", request.window)

    connector = Files({})
    with Workspace(tmp_path, environ={}, connectors={"files": connector}) as workspace:
        sources, days = chosen(workspace, []), [date(2024, 1, 2)]
        for status in (Status.PUBLISHED, Status.FRESH):
            _, ((result),) = extract(workspace, sources, days, report=lambda _: None)
            assert result.status is status
        connector.delivered = {"c": "1"}
        _, (result,) = extract(workspace, sources, days, report=lambda _: None)
        assert result.error.exit_code == 4
        assert "other columns: b.csv has code VARCHAR, c.csv has other" in result.error.what
    assert len(list(tmp_path.glob("lake/raw/p/dt=2024-01-02/*.csv"))) == 2


def test_a_stream_goes_on_where_it_was_left(tmp_path):
    made(tmp_path, "p: {connector: pages, path: x, dt: day}")
    connector = Pages()
    with Workspace(tmp_path, environ={}, connectors={"pages": connector}) as workspace:
        for _ in range(2):
            _, results = extract(workspace, chosen(workspace, []), [], report=lambda _: None)

    assert connector.asked == list(range(10))
    assert [r.status for r in results] == [Status.FRESH]


# Beside plain Python -----------------------------------------------------------------------------

_FILES = st.dictionaries(
    st.sampled_from("ABC"),
    st.lists(st.tuples(st.integers(1, 4), st.integers(0, 2)), max_size=4),
    min_size=1,
)
"""Rows (day, value) by file."""


@settings(max_examples=8, deadline=None)
@given(st.lists(_FILES, min_size=1, max_size=3), st.sampled_from(["", "[code, day]", "day", "v"]))
def test_whatever_becomes_of_the_files_the_table_is_their_rows(tmp_path_factory, steps, key):
    keyed = f", key: {key}" if key else ""
    source = f'p: {{connector: file, path: "in/*.csv", each: file, dt: day{keyed}}}'
    project = made(tmp_path_factory.mktemp("model"), source)
    landings: dict[str, list[tuple[int, list]]] = {}
    for clock, step in enumerate([{"A": [(1, 0)]}, *steps], 1):
        for name, rows in step.items():
            lines = (f"{name},2024-01-0{day},{value}\n" for day, value in rows)
            path = project.write(f"in/{name}.csv", "code,day,v\n" + "".join(lines))
            os.utime(path, (clock, clock))
            now = [(name, f"2024-01-0{day}", str(value)) for day, value in rows]
            before = [row for _, some in landings.get(name, []) for row in some]
            if name in landings and len(now) > len(before) and now[: len(before)] == before:
                landings[name].append((clock, now[len(before) :]))
            else:
                landings[name] = [(clock, now)]
        landed(project)
        for _ in range(2):
            found = project.rows("select code, day, v from raw.p order by all")
            assert found == _expected(landings, key)
            (project.lake / "raw/p/_pieces/cut.json").unlink()
            landed(project)


def _expected(landings, key):
    """The rows of all files, the later landing and within it the later file last."""
    parts = sorted((n, name, rows) for name, some in landings.items() for n, rows in some)
    rows = [row for _, _, some in parts for row in some]
    names = [n for n in ("code", "day", "v") if n in key]
    tells = [("code", "day", "v").index(n) for n in names]
    once = {tuple(row[i] for i in tells): row for row in rows} if key else dict(enumerate(rows))
    return sorted(map(list, once.values()))


def test_many_rows_are_cut_year_by_year_to_the_same(tmp_path, monkeypatch):
    project = made(tmp_path, PRICES)
    lines = [f"A,20{year}0102,{year}\n" for year in (22, 23, 24)]
    project.write("in/A.csv", "code,day,close\n" + "".join(lines))
    monkeypatch.setattr(cutting, "_MANY", 1)
    project.write("in/B.csv", "code,day,close\nB,never,1\n")
    assert project("extract").code == 4
    assert not list(project.lake.glob("raw/p/dt=*"))
    project.write("in/B.csv", "code,day,close\n")

    landed(project)

    assert project.rows("select dt::varchar, close from raw.p order by all") == [
        ["2022-01-02", "22"], ["2023-01-02", "23"], ["2024-01-02", "24"],
    ]  # fmt: skip
    project.write("in/A.csv", "code,day,close\n" + "".join(lines).replace(",23\n", ",99\n"))
    assert landed(project) == {"2023-01-02": "published"}


def test_many_files_land_as_a_few_pieces(tmp_path, monkeypatch):
    monkeypatch.setattr(landing, "_AT_ONCE", 2)
    project = made(tmp_path, PRICES)
    for n in range(5):
        project.write(f"in/{n}.csv", f"code,day,close\n{n},20240102,1\n")

    landed(project)

    assert [len(p.parts) for p in pieces_of(project, "p")] == [2, 2, 1]
    assert project.rows("select count(*) from raw.p") == [[5]]


class TestAskedAgain:
    @pytest.fixture
    def project(self, tmp_path):
        project = made(tmp_path, self.source("[a, b]"))
        for code in "abc":
            project.write(f"in/{code}.csv", f"code,day\n{code},2024-01-02\n")
        assert landed(project) == {"2024-01-02": "published"}
        return project

    @staticmethod
    def source(each: str, more: str = "") -> str:
        path = 'path: "in/$<EACH>.csv"'
        return f"p: {{connector: file, {path}, each: {each}, once: true, dt: day, key: code{more}}}"

    @pytest.mark.parametrize("more", ["", ", drift: allow, max_unpacked: 1 GB"])
    def test_of_a_longer_list_what_is_new_alone(self, project, more):
        made(project.root, self.source("[a, b, c]", more))
        project.write("in/a.csv", "code,day\na,2024-01-09\n")

        assert landed(project) == {"2024-01-02": "published"}
        assert project.rows("select code from raw.p order by 1") == [["a"], ["b"], ["c"]]
        assert [p.window for p in pieces_of(project, "p")] == ["a", "b", "c"]

    def test_by_force_a_file_of_a_piece_that_is_gone_comes_again(self, project):
        (gone,) = project.lake.glob("raw/p/_pieces/*1/*.csv")
        gone.unlink()

        assert project("extract", "--force").code == 0
        assert project.rows("select code from raw.p order by 1") == [["a"], ["b"]]

    def test_a_value_that_has_nothing_is_an_error_each_time(self, project):
        made(project.root, self.source("[a, none, b]"))

        for _ in range(2):
            answer = project("extract")
            assert answer.code == 3
            assert "nothing" in answer.err or "no file" in answer.err

    def test_months_that_have_nothing_are_passed_over_but_not_all_of_them(self, tmp_path):
        month = f"{datetime.now(UTC):%Y-%m}"
        source = self.source("{months: 2024-01}").replace("in/$<EACH>", "by/$<EACH>")
        project = made(tmp_path, source)
        assert project("extract").code == 3
        project.write(f"by/{month}.csv", f"code,day\na,{month}-01\n")

        assert landed(project) == {f"{month}-01": "published"}
