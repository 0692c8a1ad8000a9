"""The note of what was cut: whatever is in it, the next landing has the right rows."""

from __future__ import annotations

import json

import pytest

from conftest import Project

ROWS = "d,n\n2024-01-01,1\n2024-01-02,2\n"


def days(**more):
    return lambda note: {**note, "days": {**note["days"], **more}}


@pytest.mark.parametrize(
    "changed",
    [
        days(x="y"),
        days(**{"2024-13-01": "y"}),
        days(**{"20240101": "y"}),
        days(**{"": "y"}),
        lambda note: {**note, "days": {"x": "y"}},
        lambda note: {**note, "days": {"": "y"}},
        lambda note: {**note, "days": []},
        lambda note: {**note, "through": 1e999},
        lambda _: [],
        lambda _: "no JSON",
    ],
    ids=["no date", "no day", "not as written", "no partition", "alone", "all", "list", "endless",
         "none", "torn"],
)  # fmt: skip
def test_a_note_that_somebody_changed_is_made_anew(empty: Project, changed):
    empty.write(
        "nomad.yaml",
        'timezone: UTC\nsources:\n  s: {connector: file, path: "in/*.csv", each: file, dt: d}\n',
    )
    empty.write("in/a.csv", ROWS)
    assert empty("extract").code == 0
    path = empty.lake / "raw/s/_pieces/cut.json"
    note = path.read_text(encoding="utf-8")
    made = changed(json.loads(note))
    path.write_text(made if isinstance(made, str) else json.dumps(made), encoding="utf-8")

    empty.write("in/b.csv", "d,n\n2024-01-02,3\n")
    done = empty("extract")

    assert done.code == 0, done.err
    assert empty.rows("select dt::text, n from raw.s order by n") == [
        ["2024-01-01", "1"], ["2024-01-02", "2"], ["2024-01-02", "3"],
    ]  # fmt: skip
    assert empty("extract").code == 0
    assert list(json.loads(path.read_text(encoding="utf-8"))["days"]) == list(
        json.loads(note)["days"]
    )
