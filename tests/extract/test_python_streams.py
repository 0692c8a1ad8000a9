"""Connector `python`: a stream, which is left at a cursor and gone on with there."""

from __future__ import annotations

import pytest

from conftest import Project

STREAM = """\
from pathlib import Path
from nomad.extract.context import Rows

def stream(context):
    began, count = int(context.cursor or 0), int((context.root / "count").read_text())
    rows = [{"id": n, "d": "2024-01-02"} for n in range(began, count)]
"""
FORGETS = """\
    yield Rows(rows[:1], cursor=str(began + 1))
    yield Rows(rows[1:])
"""
PLAIN = """\
    yield Rows(rows, cursor=str(count)) if began == 0 else rows
"""
WELL = """\
    yield Rows(rows, cursor=str(count))
"""


@pytest.fixture
def stream(empty: Project):
    """Land by some function, of which a stream has so many rows by now."""

    def landed(body: str, count: int, options: str = ""):
        source = f"{{connector: python, call: 'sources.vendor:stream', dt: d{options}}}"
        empty.write("nomad.yaml", f"layers: [ods]\ntimezone: UTC\nsources:\n  s: {source}\n")
        empty.write("sources/vendor.py", STREAM + body)
        empty.write("count", str(count))
        return empty("extract")

    landed.rows = lambda: empty.rows("select id from raw.s order by id")
    return landed


def test_rows_that_forget_their_cursor_are_refused_and_come_once_they_have_it(stream):
    """What came before them stays; the next run goes on behind it."""
    refused = stream(FORGETS, 3)

    assert refused.code == 4
    assert "rows came without a cursor behind those of cursor `1`" in refused.err
    assert stream(WELL, 3).code == 0
    assert stream(WELL, 5).code == 0
    assert stream.rows() == [[n] for n in range(5)]


def test_so_are_they_in_a_later_run(stream):
    assert stream(PLAIN, 2).code == 0
    assert stream(PLAIN, 4).code == 4
    assert stream(WELL, 4).code == 0
    assert stream.rows() == [[n] for n in range(4)]


def test_with_a_key_all_may_come_again(stream):
    for count in (2, 4, 6):
        assert stream(FORGETS, count, ", key: id").code == 0

    assert stream.rows() == [[n] for n in range(6)]


def test_where_nothing_is_new_the_cursor_is_kept(stream):
    """Also where nothing may come: no row is no reason to begin anew."""
    body = "    if rows: yield Rows(rows, cursor=str(count))\n"
    for count in (2, 2, 2, 4):
        assert stream(body, count, ", empty: allow").code == 0

    assert stream.rows() == [[n] for n in range(4)]
