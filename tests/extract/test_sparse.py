"""JSON of which only some rows have a field: it lands in any order, and a renamed field doesn't."""

from __future__ import annotations

import json
from itertools import permutations

import pytest

from conftest import Project

FOLDER = '{connector: file, path: "in/*.json", each: file, dt: d, key: id}'
FILES = {
    "a": [{"id": 1, "d": "2024-01-01"}],
    "b": [{"id": 2, "d": "2024-01-01", "note": "x"}, {"id": 3, "d": "2024-01-02"}],
    "c": [{"id": 4, "d": "2024-01-02", "memo": 7, "note": None}],
}
PAGES = """
import json
from pathlib import Path

from nomad.extract.context import Rows


def pages(context):
    rows = json.loads(Path(context.root, "rows.json").read_text())
    for number in range(int(context.cursor or 0), len(rows)):
        yield Rows([rows[number]], cursor=str(number + 1))
"""


def of(root, source: str) -> Project:
    project = Project(root)
    project.write("nomad.yaml", f"layers: [ods]\nsources:\n  s: {source}\n")
    return project


def put(project: Project, name: str, *rows: object) -> None:
    project.write(f"in/{name}.json", "".join(f"{json.dumps(row)}\n" for row in rows))


@pytest.mark.parametrize("order", list(permutations("abc")), ids="".join)
def test_files_land_in_any_order_to_the_same(tmp_path, order):
    project = of(tmp_path, FOLDER)
    for name in order:
        put(project, name, *FILES[name])
        assert (answer := project("extract")).code == 0, answer.err

    put(project, "a", *FILES["a"], {"id": 5, "d": "2024-01-03"})
    assert (answer := project("extract")).code == 0, answer.err
    assert project.rows("select id, note, memo from raw.s order by id") == [
        [1, None, None], [2, "x", None], [3, None, None], [4, None, 7], [5, None, None],
    ]  # fmt: skip


def paged(root) -> Project:
    project = of(root, '{connector: python, call: "feed:pages", dt: d}')
    project.write("feed.py", PAGES)
    return project


def test_pages_of_a_cursor_land_with_and_without_a_field(tmp_path):
    project, rows = paged(tmp_path), []
    for more in ([{"id": 1}, {"id": 2, "note": "x"}, {"id": 3}], [{"id": 4}], [{"note": "y"}]):
        rows += [{"d": "2024-01-01", **row} for row in more]
        project.write("rows.json", json.dumps(rows))
        assert (answer := project("extract")).code == 0, answer.err

    assert project.rows("select id, note from raw.s order by all") == [
        [1, None], [2, "x"], [3, None], [4, None], [None, "y"],
    ]  # fmt: skip


@pytest.mark.parametrize("at_once", [True, False])
def test_a_page_with_a_field_in_place_of_another_is_refused(tmp_path, at_once):
    project = paged(tmp_path)
    rows = [{"id": n, "d": "2024-01-01", **({"note": "x"} if n else {})} for n in range(2)]
    project.write("rows.json", json.dumps(rows))
    if not at_once:
        assert project("extract").code == 0
    project.write("rows.json", json.dumps([*rows, {"ident": 3, "d": "2024-01-01"}]))

    assert (answer := project("extract")).code == 4
    assert "lacks `id`; has new `ident`" in answer.err


def test_so_is_a_file(tmp_path):
    project = of(tmp_path, FOLDER.replace(", key: id", ""))
    put(project, "a", {"id": 1, "d": "2024-01-01"})
    assert project("extract").code == 0
    put(project, "b", {"ident": 2, "d": "2024-01-01"})

    assert (answer := project("extract")).code == 4
    assert "in/b.json: lacks `id`; has new `ident`" in answer.err


@pytest.mark.parametrize("field", ["id", "d"])
def test_a_file_without_what_tells_rows_apart_is_refused(tmp_path, field):
    project = of(tmp_path, FOLDER)
    put(project, "a", {"id": 1, "d": "2024-01-01", "v": 1})
    assert project("extract").code == 0
    row = {"id": 2, "d": "2024-01-01", "v": 2}
    del row[field]
    put(project, "b", row)

    assert (answer := project("extract")).code == 4
    assert f"lacks `{field}`" in answer.err
    assert project.rows("select id from raw.s") == [[1]]
