"""What a killed landing leaves beside its pieces is found and goes; what a piece names stays."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import pytest

from conftest import ROOT
from nomad.lake import piece_doctor
from nomad.store.base import Entry
from nomad.store.local import LocalStore

FIX = "nomad doctor --fix"
PIECES = "raw/p/_pieces"
DEAD = "20240101T000000Z-abcdef-0.csv"
SOURCE = 'p: {connector: file, path: "in/*.csv", each: file, dt: day, key: [code, day]}'

KILLED = """\
import os, signal, sys
from nomad.lake import pieces
put_all = pieces.put_all
def killed(*words):
    put_all(*words)
    os.kill(os.getpid(), signal.SIGKILL)
pieces.put_all = killed
sys.argv = ["nomad", "extract"]
from nomad.cli import main
main()
"""
"""`nomad extract`, killed between the files of a piece and its manifest."""


@pytest.fixture
def landed(empty):
    empty.write("nomad.yaml", f"layers: [ods]\nsources:\n  {SOURCE}\n")
    empty.write("sql/ods/ods_p.sql", "select * from raw.p\n")
    empty.write("in/A.csv", "code,day,close\nA,20240102,1\n")
    assert empty("extract").code == 0
    return empty


def findings(project, *words):
    answer = project("doctor", "-o", "json", *words)
    return answer.code, {f["where"]: (f["what"], f["remedy"]) for f in answer.json["findings"]}


def part_of(project, number=1):
    folder = project.lake / PIECES / f"{number:08d}"
    body = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    return folder / body["parts"][0]["file"]["name"]


def killed(project):
    """Have a landing killed half-way through its second piece; give the file that it left."""
    project.write("in/B.csv", "code,day,close\nB,20240103,2\n")
    environ = {**os.environ, "PYTHONPATH": str(ROOT / "lib")}
    done = subprocess.run(
        [sys.executable, "-c", KILLED], cwd=project.root, env=environ, check=False
    )
    assert done.returncode == -signal.SIGKILL
    (left,) = (project.lake / PIECES / "00000002").iterdir()
    return left


def rows(project):
    return project.rows("select code, close from raw.p order by all")


def test_all_is_well_where_pieces_are(landed):
    assert landed("doctor").err == "all is well\n"
    assert landed("gc", "--yes").err == "nothing to remove\n"


@pytest.mark.parametrize("words", [("doctor", "--fix"), ("gc", "--yes"), ("extract",)])
def test_what_a_killed_landing_left_goes_and_nothing_else(landed, words):
    left, whole = killed(landed), part_of(landed)
    assert findings(landed)[1][f"{PIECES}/00000002/{left.name}"] == ("no piece names it", FIX)

    answer = landed(*words)

    assert answer.code == 0, answer.err
    assert not left.exists()
    assert whole.exists()
    assert findings(landed) == (0, {})
    assert landed("extract").code == 0
    assert rows(landed) == [["A", "1"], ["B", "2"]]


def test_pages_of_a_fetch_that_has_not_ended_stay(landed):
    """Nor does the folder of a piece in which another run's file is left hide its own."""
    manifest = part_of(landed).parent / "manifest.json"
    body = json.loads(manifest.read_text(encoding="utf-8"))
    manifest.write_text(json.dumps({**body, "complete": False, "cursor": "2"}))
    beside = landed.write(f"lake/{PIECES}/00000001/{DEAD}", "x")

    code, found = findings(landed)
    assert (code, found) == (1, {f"{PIECES}/00000001/{DEAD}": ("no piece names it", FIX)})
    assert landed("gc", "--yes").code == 0

    assert not beside.exists()
    assert part_of(landed).exists()


def test_what_is_not_nomads_is_told_and_left(landed):
    mine = landed.write(f"lake/{PIECES}/00000001/notes.txt", "mine")
    odd = landed.write(f"lake/{PIECES}/old/{DEAD}", "mine")

    code, found = findings(landed, "--fix")

    told = ("not a file of nomad's; no reader sees it", "move it elsewhere")
    assert (code, found) == (
        1,
        {f"{PIECES}/00000001/notes.txt": told, f"{PIECES}/old/{DEAD}": told},
    )
    assert landed("gc", "--yes").code == 0
    assert mine.exists()
    assert odd.exists()


@pytest.mark.parametrize(
    ("damage", "what"),
    [
        (lambda path: path.unlink(), "a piece names it, but it is not there"),
        (lambda path: path.write_bytes(b"other"), "not the bytes that were landed"),
    ],
)
def test_a_piece_whose_file_is_gone_or_changed_is_landed_anew_as_told(landed, damage, what):
    part = part_of(landed)
    damage(part)

    code, found = findings(landed)
    assert (code, found) == (
        1,
        {f"{PIECES}/00000001/{part.name}": (what, "nomad extract p --force")},
    )

    assert landed("extract", "p", "--force").code == 0
    assert findings(landed) == (0, {})
    assert rows(landed) == [["A", "1"]]


def test_a_manifest_that_cannot_be_read_is_told(landed):
    (part_of(landed).parent / "manifest.json").write_text("{")

    code, found = findings(landed)

    ((what, remedy),) = found.values()
    assert code == 1
    assert what.startswith("not the manifest of a piece that nomad can read")
    assert "move its folder aside" in remedy


def test_the_pieces_of_a_source_that_is_gone_go_when_told(landed):
    """What isn't nomad's stays, and so does what other sources have."""
    mine = landed.write(f"lake/{PIECES}/notes.txt", "mine")
    text = (landed.root / "nomad.yaml").read_text()
    landed.write("nomad.yaml", text.replace("  p: ", "  q: "))
    landed.write("sql/ods/ods_p.sql", "select * from raw.q\n")
    assert landed("extract").code == 0

    found = findings(landed)[1]
    assert found["raw/p"] == (
        "no source is named so any more: 1 version and 1 piece are left",
        "nomad gc --orphans",
    )
    assert landed("gc", "--orphans", "--yes").code == 0

    assert [p for p in (landed.lake / "raw/p").rglob("*") if p.is_file()] == [mine]
    assert landed.rows("select count(*) from raw.q") == [[1]]


# Others at work ----------------------------------------------------------------------------------


class Aged(LocalStore):
    """A store whose objects are all of one age."""

    age = 10.0

    def list(self, prefix):
        return (Entry(key, stamp, self.age) for key, stamp, _ in super().list(prefix))


@pytest.fixture
def store(landed):
    landed.write(f"lake/{PIECES}/00000002/{DEAD}", "x")
    with_age = Aged.__new__(Aged)
    with_age.__dict__.update(_store(landed).__dict__)
    return with_age


def _store(project):
    from nomad.workspace import Workspace

    with Workspace(project.root, environ={}) as workspace:
        store = workspace.store
    assert isinstance(store, LocalStore)
    return store


def found(store, **words):
    return [f.where for f in piece_doctor.examine(store, **words)]


def test_the_file_of_a_live_run_is_left_alone(store):
    run = DEAD.rpartition("-")[0]

    assert found(store) == [f"{PIECES}/00000002/{DEAD}"]
    assert found(store, busy=lambda: {run}) == []


def test_the_file_of_another_machine_is_left_for_the_grace(store):
    run = DEAD.rpartition("-")[0]

    assert found(store, grace=11.0) == []
    assert found(store, grace=9.0) == [f"{PIECES}/00000002/{DEAD}"]
    assert found(store, grace=11.0, dead={run}) == [f"{PIECES}/00000002/{DEAD}"]


def test_a_piece_that_is_landed_during_the_look_is_no_finding(store, landed):
    """Its files were listed, and its run has ended when one asks who is at work."""
    commit = landed.root / "later.json"
    manifest = part_of(landed).parent / "manifest.json"
    body = json.loads(manifest.read_text(encoding="utf-8"))
    body["parts"][0]["file"]["name"] = DEAD
    commit.write_text(json.dumps({**body, "number": 2}))

    def busy():
        target = landed.lake / PIECES / "00000002/manifest.json"
        if not target.exists():
            target.write_bytes(commit.read_bytes())
        return ()

    assert found(store, busy=busy, deep=False) == []
