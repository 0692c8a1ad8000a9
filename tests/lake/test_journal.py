"""One odd line in one journal is left out with its name; all else of it, and all else, goes on."""

from __future__ import annotations

import shutil

import duckdb
import pytest

ODD = {
    "cut short": b'{"event": "st',
    "zeros": b"\0" * 200,
    "no object": b"[1, 2]",
    "a number": b"7",
    "another's event": b'{"hello": "world"}',
    "of another type": b'{"event": "step", "run_id": "X", "table": "ods.x", "row_count": "many"}',
    "no step": b'{"event": "step", "run_id": "X"}',
    "not a date": b'{"event": "step", "run_id": "X", "table": "ods.x", "status": "failed",'
    b' "partition_date": "someday", "error": null, "reason": ""}',
    "no text": b'{"event": "begin", "run_id": "X", "command": "\xff\xfe"}',
    "not a number": b'{"event": "step", "run_id": "X", "seconds": NaN}',
}


HARMLESS = [ODD["another's event"], ODD["no step"], ODD["not a number"]]
"""DuckDB reads these: no line of a run is lost by them, and no word is said."""


def spoiled(project, line: bytes) -> str:
    """Put an odd line into a journal; everything is then to be read anew."""
    journal = max((project.lake / "_runs").glob("*/*.jsonl"))
    first, _, rest = journal.read_bytes().partition(b"\n")
    journal.write_bytes(first + b"\n" + line + b"\n" + rest)
    shutil.rmtree(project.root / ".nomad")
    (project.root / "catalog" / "catalog.duckdb").unlink()
    return journal.name


@pytest.mark.parametrize("line", ODD.values(), ids=ODD)
def test_an_odd_line_stops_nothing(built, line, caplog):
    """Each command that reads journals goes on; the journal is named, and no temporary file."""
    name = spoiled(built, line)

    again = ("run", "ods_price", "--dt", "2024-01-02", "--force", "-o", "json")
    answers = [
        built("catalog", "refresh"),
        forced := built(*again),
        built("extract", "--dt", "2024-01-02"),
        built("backfill", "--from", "2024-01-02", "--to", "2024-01-03"),
        built("status"),
        built("doctor", "--fix"),
        built("rollback", "--run", forced.json["run_id"]),
    ]

    assert [a.code for a in answers] == [0] * 7, [a.err for a in answers]
    assert name in caplog.text or line in HARMLESS
    assert "events.jsonl" not in caplog.text
    with duckdb.connect(str(built.root / "catalog" / "catalog.duckdb"), read_only=True) as con:
        assert con.execute("select count(*) from nomad.runs").fetchall()[0][0] >= 4
        assert con.execute(
            "select count(*) from nomad.tasks where table_name = 'ods.x'"
        ).fetchall() == [(0,)]


def test_what_is_sound_in_such_a_journal_is_kept(built):
    """Its run has its begin, its steps and its end in the catalog."""
    name = spoiled(built, b'{"event": "st')
    built("catalog", "refresh")

    with duckdb.connect(str(built.root / "catalog" / "catalog.duckdb"), read_only=True) as con:
        rows = con.execute(
            f"select command, published, ended_at is null from nomad.runs"
            f" where run_id = '{name.removesuffix('.jsonl')}'"
        ).fetchall()
    assert rows == [("run", 5, False)]
