"""Files by date on a disk are known by their size and times: what is unchanged is not read."""

from __future__ import annotations

import gzip
import os
from datetime import UTC, datetime, timedelta

import pytest

from nomad.workspace import Workspace

DAY = ("--dt", "2024-01-02")
READ, KNOWN = "the same bytes as before", "the same files as before"


@pytest.fixture
def later(monkeypatch):
    """Some seconds have passed since the tests wrote their files."""
    monkeypatch.setattr(Workspace, "now", lambda _: datetime.now(UTC) + timedelta(seconds=5))


@pytest.fixture
def waited(project, later):  # noqa: ARG001
    """The project, of which no file is young."""
    return project


@pytest.fixture
def landed(waited):
    assert waited("extract", *DAY).code == 0
    return waited


def reason(project, *words):
    answer = project("extract", *DAY, "-o", "json", *words)
    assert answer.code == 0, answer.err
    return answer.reasons()["raw.price 2024-01-02"]


def options(project, text):
    config = (project.root / "nomad.yaml").read_text()
    project.write("nomad.yaml", config.replace('.csv"}', f'.csv"{text}}}'))


def test_nor_is_a_file_that_lands_whole(waited):
    waited.write("in/all.csv", "symbol\nA\n")
    options(waited, "}\n  all: {connector: file, path: in/all.csv, rename: {symbol: code}")

    answers = [waited("extract", "all", *DAY, "-o", "json").reasons() for _ in range(2)]

    assert answers == [{"raw.all": "never landed"}, {"raw.all": KNOWN}]


def test_what_is_unchanged_is_not_read(landed):
    stat = (landed.root / "in/2024-01-02.csv").stat()

    assert landed.manifest("raw.price", "2024-01-02")["stamps"] == {
        "in/2024-01-02.csv": f"{stat.st_size}-{stat.st_mtime_ns}-{stat.st_ctime_ns}"
    }
    assert reason(landed) == KNOWN


def test_a_change_is_seen_though_size_and_time_of_writing_are_the_same(landed):
    """As after a copy that keeps times: the time of the change itself can't be set."""
    path = landed.root / "in/2024-01-02.csv"
    stat = path.stat()
    landed.write("in/2024-01-02.csv", "symbol,close\nA,7\nB,2\n")
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))

    assert reason(landed) == "the source changed"
    assert landed.rows("select close from raw.price where symbol = 'A'") == [["7"]]


def test_of_a_young_file_nothing_is_told(project):
    """Its next change may bear the same time."""
    assert project("extract", *DAY).code == 0

    assert "stamps" not in project.manifest("raw.price", "2024-01-02")
    assert reason(project) == READ


def test_a_file_that_was_copied_anew_is_read_once(landed):
    """And so is one that was landed before stamps were: the lake stays as it is."""
    body = (landed.root / "in/2024-01-02.csv").read_text()
    before = landed.manifest("raw.price", "2024-01-02")
    landed.write("in/2024-01-02.csv", body)

    assert [reason(landed), reason(landed)] == [READ, KNOWN]
    assert landed.manifest("raw.price", "2024-01-02") == before


def test_what_this_machine_remembers_may_be_deleted(landed):
    landed.write("in/2024-01-02.csv", (landed.root / "in/2024-01-02.csv").read_text())
    assert [reason(landed), reason(landed)] == [READ, KNOWN]
    (landed.root / ".nomad/unchanged.json").unlink()

    assert reason(landed) == READ


def test_force_lands_it_all_the_same(landed):
    assert reason(landed, "--force") == "forced"


def test_another_option_reads_it(landed):
    options(landed, ", rename: {close: price}")

    assert reason(landed) == "the source changed"
    assert landed.rows("select price from raw.price order by all") == [["1"], ["2"]]


def test_a_variable_that_says_how_it_is_read_is_heeded(waited):
    """The same file, and the same text in nomad.yaml: what lands hangs on the variable."""
    options(waited, ', encoding: "${ENCODING}"')
    waited.write("in/2024-01-02.csv", "symbol,close\né,1\n".encode("cp1252"))
    for encoding, name in (("cp1252", "é"), ("cp1251", "й")):
        assert waited("extract", *DAY, env={"ENCODING": encoding}).code == 0
        words = ("sql", "select symbol from raw.price", "-o", "json")
        found = waited(*words, env={"ENCODING": encoding})
        assert found.json["rows"] == [{"symbol": name}]


def test_a_file_more_of_a_date_is_seen(waited):
    config = (waited.root / "nomad.yaml").read_text()
    waited.write("nomad.yaml", config.replace("<PARTITION_DATE>.csv", "<PARTITION_DATE>*.csv.gz"))
    for name in ("", "b"):
        waited.write(f"in/2024-01-02{name}.csv.gz", gzip.compress(b"symbol,close\nA,1\n"))
        assert reason(waited) == ("the source changed" if name else "never landed")
        assert reason(waited) == KNOWN

    (waited.root / "in/2024-01-02b.csv.gz").unlink()
    assert reason(waited) == "the source changed"


def test_a_landed_file_that_is_gone_is_landed_again(landed):
    (path,) = (landed.lake / "raw/price/dt=2024-01-02").glob("*.csv")
    path.unlink()

    assert "gone" in reason(landed)


def test_json_whose_types_another_date_may_tell_is_read(waited):
    config = (waited.root / "nomad.yaml").read_text()
    waited.write("nomad.yaml", config.replace(".csv", ".json"))
    waited.write("in/2024-01-02.json", '{"a": 1, "b": null}\n')
    assert reason(waited) == "never landed"
    assert reason(waited) == READ

    waited.write("in/2024-01-02.json", '{"a": 1, "b": 2}\n')
    assert [reason(waited), reason(waited)] == ["the source changed", KNOWN]
