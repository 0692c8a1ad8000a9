"""What was broken off, lost or landed in another order gives the same rows in the end."""

from __future__ import annotations

import shutil
from datetime import date

import pytest

from conftest import Project
from nomad.errors import Unreachable
from nomad.ingest import cutting


def python_source(project: Project, options: str, body: str) -> None:
    project.write("nomad.yaml", f"layers: [ods]\nsources:\n  s: {{connector: python, {options}}}\n")
    imports = "from pathlib import Path\nfrom nomad.errors import Unreachable\n"
    project.write("gen.py", f"{imports}from nomad.extract.context import Rows\n{body}")


@pytest.mark.parametrize("key", ["", ", key: [k, d]"])
def test_dates_that_a_killed_run_published_hold_no_row_twice(empty, monkeypatch, key):
    source = f"{{connector: file, path: 'in/*.csv', each: file, dt: d{key}}}"
    empty.write("nomad.yaml", f"layers: [ods]\nsources:\n  s: {source}\n")
    path = empty.write("in/a.csv", "k,d\n1,2024-01-01\n")
    assert empty("extract").code == 0
    with path.open("a") as f:
        f.write("2,2024-01-10\n3,2024-01-11\n4,2024-01-12\n")
    published = cutting._published

    def broken_off(work, day, staged):
        if day == date(2024, 1, 12):
            raise Unreachable("the disk is away")
        return published(work, day, staged)

    monkeypatch.setattr(cutting, "_published", broken_off)
    assert empty("extract").code == 3
    monkeypatch.undo()
    if key:
        path.write_text("k,d\n1,2024-01-01\n2,2024-01-10\n4,2024-01-12\n")
    expected = [["1"], ["2"], ["4"]] if key else [["1"], ["2"], ["3"], ["4"]]

    for _ in range(2):
        assert empty("extract").code == 0
        assert empty.rows("select k from raw.s order by 1") == expected


def test_a_number_that_a_removed_piece_had_is_no_longer_cut(empty):
    """A request that can't be gone on with is removed, and its number may be that of another."""
    python_source(empty, 'call: "gen:rows", with: {part: $<EACH>}, each: [a, b], dt: d', """
def rows(context, part):
    if part == "a":
        yield {"d": "2024-01-01", "n": Path(context.root, "v").read_text()}
        return
    for i in range(3):
        path = context.folder / f"x{i}.json"
        path.write_text('{"d": "2024-01-02", "n": "b"}')
        yield path
    if not Path(context.root, "up").exists():
        raise Unreachable("down")
""")  # fmt: skip
    empty.write("v", "old")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("nomad.ingest.landing._AT_ONCE", 2)
        assert empty("extract").code == 3
        empty.write("v", "new")
        assert empty("extract").code == 3
        empty.write("up", "")
        assert empty("extract").code == 0

    rows = empty.rows("select n, count(*) from raw.s group by 1 order by 1")
    assert rows == [["b", 3], ["new", 1]]


def test_a_piece_that_is_moved_aside_is_made_up_for(empty):
    source = "{connector: file, path: 'in/$<EACH>.csv', each: [a, b, c], dt: d}"
    for name in "ab":
        empty.write(f"in/{name}.csv", f"k,d\n{name},2024-01-02\n")
    empty.write("nomad.yaml", f"layers: [ods]\nsources:\n  s: {source.replace(', c]', ']')}\n")
    assert empty("extract").code == 0
    shutil.move(empty.lake / "raw/s/_pieces/00000002", empty.root / "aside")
    empty.write("nomad.yaml", f"layers: [ods]\nsources:\n  s: {source}\n")
    empty.write("in/c.csv", "k,d\nc,2024-01-02\n")

    assert empty("extract").code == 0
    assert empty.rows("select k from raw.s order by 1") == [["a"], ["b"], ["c"]]


PAGES = """
def rows(context, v):
    for n in range(int(context.cursor or 0), 4):
        yield Rows([{"id": n, "d": "2024-01-01", "v": v}], cursor=str(n + 1))
        if n == 1 and not Path(context.root, "up").exists():
            raise Unreachable("down")
"""


def test_pages_that_other_options_brought_are_not_joined(empty):
    options = 'call: "gen:rows", with: {{v: {}}}, each: [a], once: true, dt: d'
    python_source(empty, options.format("one"), PAGES)
    assert empty("extract").code == 3
    empty.write("up", "")
    for v in ("two", "one", "one"):
        python_source(empty, options.format(v), PAGES)
        assert empty("extract").code == 0

    rows = empty.rows("select id, v from raw.s order by 1")
    assert rows == [[0, "one"], [1, "one"], [2, "one"], [3, "one"]]


def test_the_latest_landing_is_the_one_that_ended_last(empty):
    options = 'call: "gen:rows", with: {part: $<EACH>}, each: [a, b], dt: d, key: id'
    python_source(empty, options, """
def rows(context, part):
    if part == "b" or not context.cursor:
        yield Rows([{"id": 1, "d": "2024-01-01", "v": part}], cursor="1")
    if part == "b":
        return
    if not Path(context.root, "up").exists():
        raise Unreachable("down")
    yield Rows([{"id": 2, "d": "2024-01-01", "v": "a"}], cursor="2")
""")  # fmt: skip
    assert empty("extract").code == 3
    empty.write("up", "")
    assert empty("extract", "--only", "failed,missing").code == 0
    patched = empty.rows("select id, v from raw.s order by 1")

    (empty.lake / "raw/s/_pieces/cut.json").unlink()
    assert empty("extract", "--only", "failed").code == 0

    assert patched == empty.rows("select id, v from raw.s order by 1") == [[1, "a"], [2, "a"]]


def test_pieces_older_than_a_landing_of_another_kind_bring_no_old_rows_back(empty):
    def asked(options: str) -> None:
        python_source(empty, f'call: "gen:rows", {options}', """
def rows(context, part=None):
    yield {"k": "a", "v": int(Path(context.root, "v").read_text())}
""")  # fmt: skip

    def landed(value: int, *words: str) -> tuple[int, list]:
        empty.write("v", str(value))
        answer = empty("extract", *words)
        told = "nomad extract s --force" in answer.err
        return answer.code, [told, *empty.rows("select v from raw.s")]

    asked("with: {part: $<EACH>}, each: [a], once: true")
    assert landed(1) == (0, [False, [1]])
    asked("empty: allow")
    assert landed(2) == (0, [False, [2]])
    asked("with: {part: $<EACH>}, each: [a], once: true")
    assert landed(3) == (2, [True, [2]])
    assert landed(3, "--force") == (0, [False, [3]])
    assert landed(4) == (0, [False, [3]])


def test_dates_of_several_formats_are_read_together(empty):
    """As where dates that were cut are followed by files that land as they are."""
    empty.write("in/2024-01-02.csv", "k,day\na,2024-01-02\n")
    options = ("path: 'in/*.csv', each: file, dt: day", "path: 'in/$<PARTITION_DATE>.csv'")
    for day, option in zip((2, 3), options, strict=True):
        empty.write(f"in/2024-01-0{day}.csv", f"k,day\n{day},2024-01-0{day}\n")
        empty.write("nomad.yaml", f"sources:\n  s: {{connector: file, {option}}}\n")
        assert empty("extract", "--dt", f"2024-01-0{day}").code == 0

    assert empty.rows("select k, dt::varchar from raw.s order by all") == [
        ["2", "2024-01-02"], ["3", "2024-01-03"],
    ]  # fmt: skip


def test_dt_alone_is_refused_where_each_landing_would_add_all_rows_again(empty):
    empty.write("in.csv", "k,day\na,2024-01-02\n")
    for more, code in [("", 2), (", key: k", 0), (", key: k", 0)]:
        source = f"{{connector: file, path: in.csv, dt: day{more}}}"
        empty.write("nomad.yaml", f"sources:\n  s: {source}\n")

        answer = empty("extract")

        assert answer.code == code
        assert ("each landing would add all rows once more" in answer.err) == bool(code)
    assert empty.rows("select k from raw.s") == [["a"]]


def test_rows_without_a_watermark_are_there_once_where_no_row_has_one(empty):
    """Then each run asks for all there is."""
    python_source(empty, 'call: "gen:rows", watermark: u, dt: d', """
def rows(context):
    for k in range(int(Path(context.root, "n").read_text())):
        yield {"k": k, "u": None, "d": "2024-01-02"}
""")  # fmt: skip
    for count in (1, 1, 2):
        empty.write("n", str(count))
        assert empty("extract").code == 0
        assert empty.rows("select count(*) from raw.s") == [[count]]
