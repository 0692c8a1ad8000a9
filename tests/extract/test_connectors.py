"""Connectors: one contract for all, and how one of another package is found and used."""

from __future__ import annotations

import json
import re
import sqlite3
import tomllib
from datetime import UTC, date, datetime
from hashlib import sha256
from pathlib import Path

import pytest

from conftest import ROOT
from nomad.config.options import Option, one_of
from nomad.config.sources import COMMON, SourceConfig
from nomad.errors import Refused, SourceMissing
from nomad.extract.base import Connector, Landed, Previous, Request
from nomad.extract.connectors.file import FileConnector
from nomad.extract.memory import MemoryConnector
from nomad.extract.registry import CONNECTORS
from nomad.ingest.extraction import extract
from nomad.names import is_plain
from nomad.run.chosen import chosen
from nomad.workspace import Workspace

DAY = date(2024, 1, 2)
TEXT = "symbol,close\nA,1\n"


@pytest.fixture(params=["file", "memory"])
def connector(request, tmp_path):
    """One that has `TEXT` at `there.csv`."""
    (tmp_path / "there.csv").write_text(TEXT)
    return FileConnector() if request.param == "file" else MemoryConnector({"there.csv": TEXT})


@pytest.fixture
def into(tmp_path):
    folder = tmp_path / "into"
    folder.mkdir()
    return folder


def asked(root: Path, path: str, **more) -> Request:
    source = SourceConfig("s", "any", {"path": path}, "nomad.yaml:1")
    return Request(source, DAY, root, **more)


def test_it_is_a_connector(connector):
    assert isinstance(connector, Connector)


def test_what_is_there_lands_as_a_whole_file_of_the_window(connector, tmp_path, into):
    (landed,) = connector.fetch(asked(tmp_path, "there.csv"), into)

    assert (landed.window, landed.format) == (DAY, "csv")
    assert landed.path.parent == into
    assert landed.path.read_text() == TEXT


def test_what_is_not_there_is_missing(connector, tmp_path, into):
    with pytest.raises(SourceMissing, match="source `s`"):
        list(connector.fetch(asked(tmp_path, "none.csv"), into))


def test_nothing_comes_where_it_is_the_same_as_before(connector, tmp_path, into):
    before = Previous(sha256(TEXT.encode()).hexdigest())

    assert list(connector.fetch(asked(tmp_path, "there.csv", previous=before), into)) == []
    assert list(into.iterdir()) == []


def test_what_has_changed_since_comes(connector, tmp_path, into):
    other = Previous(sha256(b"other").hexdigest())

    (landed,) = connector.fetch(asked(tmp_path, "there.csv", previous=other), into)

    assert landed.path.read_text() == TEXT


@pytest.mark.parametrize("name", CONNECTORS)
def test_options_of_a_shipped_connector_are_declared_in_full(name):
    options = [*CONNECTORS[name].options, *COMMON]
    names = [o.name for o in options]

    assert all(is_plain(n) for n in names)
    assert len({*names, "connector"}) == len(names) + 1
    assert all(o.sentence.endswith(".") for o in options)


def test_a_rule_is_asked_of_what_is_of_its_kind():
    def rule(value, given):
        return None if given.get("unit") else f"needs a `unit` beside {value}"

    option = Option("by", "How it is cut.", one_of("day", "month"), rule=rule)

    assert option.fault("week", {}) == "can't be `week`: it can be day or month"
    assert option.fault("day", {}) == "needs a `unit` beside day"
    assert option.fault("day", {"unit": "x"}) is None


# A run -------------------------------------------------------------------------------------------

BY_DATE = "sources:\n  s: {connector: memory, path: $<PARTITION_DATE>}\n"


class Opened(Workspace):
    """At a time that is known."""

    def now(self):
        return datetime(2024, 1, 5, 12, tzinfo=UTC)


def landed(root, connector, *days, **how):
    with Opened(root, environ={}, connectors={"memory": connector}) as workspace:
        results: list = []
        extract(workspace, chosen(workspace, []), days, report=results.append, **how)
    return results


def test_a_run_asks_for_each_date_and_lands_what_is_given(empty):
    empty.write("nomad.yaml", BY_DATE)
    connector = MemoryConnector({"2024-01-02": TEXT, "2024-01-04": Refused("half of it came")})
    days = [date(2024, 1, d) for d in (2, 3, 4)]

    results = landed(empty.root, connector, *days)

    assert [r.status for r in results] == ["published", "missing", "failed"]
    assert [r.window for r in connector.requests] == days
    assert {r.clock() for r in connector.requests} == {datetime(2024, 1, 5, 12, tzinfo=UTC)}
    assert {r.root for r in connector.requests} == {empty.root}
    assert [r.previous for r in connector.requests] == [None] * 3
    assert empty.manifest("raw.s", "2024-01-02")["row_count"] == 1


def test_a_run_tells_what_it_landed_before_unless_all_is_to_come_again(empty):
    empty.write("nomad.yaml", BY_DATE)
    connector = MemoryConnector({"2024-01-02": TEXT})
    landed(empty.root, connector, DAY)

    again = landed(empty.root, connector, DAY)
    forced = landed(empty.root, connector, DAY, force=True)

    assert [r.status for r in (*again, *forced)] == ["fresh", "published"]
    assert connector.requests[1].previous == Previous(sha256(TEXT.encode()).hexdigest())
    assert connector.requests[2].previous is None


def test_what_comes_by_other_options_is_compared_with_nothing(empty):
    empty.write("nomad.yaml", BY_DATE)
    connector = MemoryConnector({"2024-01-02": TEXT, "x-2024-01-02": TEXT})
    landed(empty.root, connector, DAY)
    empty.write("nomad.yaml", BY_DATE.replace("path: ", "path: x-"))

    landed(empty.root, connector, DAY)

    assert connector.requests[1].previous is None


class Odd(MemoryConnector):
    """Gives something else than it was asked for."""

    def __init__(self, *given):
        super().__init__({})
        self.given = given

    def fetch(self, request, into):
        for name, window in self.given:
            path = (into / name).resolve()
            path.write_text(TEXT)
            yield Landed(path, window)


@pytest.mark.parametrize(
    ("given", "gave"),
    [
        ([("a.csv", DAY), ("b.json", DAY)], "gave a.csv for 2024-01-02, b.json for 2024-01-02"),
        ([("a.csv", date(2024, 1, 3))], "gave a.csv for 2024-01-03"),
        ([("a.xml", DAY)], "gave a.xml for 2024-01-02"),
        ([("../../../../theirs.csv", DAY)], "gave theirs.csv for 2024-01-02"),
    ],
)
def test_what_was_not_asked_for_is_not_landed(empty, given, gave):
    empty.write("nomad.yaml", BY_DATE)

    (result,) = landed(empty.root, Odd(*given), DAY)

    assert result.status == "failed"
    assert result.reason == f"source `s`: connector `memory` {gave}"
    assert "it is to give files of one kind" in result.error.hint
    assert not (empty.lake / "raw").exists()


class Falling(MemoryConnector):
    """Falls over at one date, by a fault of its own."""

    def fetch(self, request, into):
        if request.window == DAY:
            raise ZeroDivisionError("by nought")
        yield from super().fetch(request, into)


def test_a_fault_of_a_connector_fails_its_window_and_no_other(empty, caplog):
    empty.write("nomad.yaml", BY_DATE)
    after = date(2024, 1, 3)

    fallen, there = landed(empty.root, Falling({"2024-01-03": TEXT}), DAY, after)

    assert [r.status for r in (fallen, there)] == ["failed", "published"]
    assert fallen.reason == "source `s`: connector `memory` failed: ZeroDivisionError: by nought"
    assert "in fetch" in caplog.text


def test_a_connector_that_gives_nothing_at_first_has_nothing(empty):
    empty.write("nomad.yaml", BY_DATE)

    (result,) = landed(empty.root, Odd(), DAY)

    assert (result.status, result.reason) == ("missing", "source `s` has nothing for 2024-01-02")


# Of another package ------------------------------------------------------------------------------

PAGE = (ROOT / "docs" / "connectors.md").read_text(encoding="utf-8")


def shown(language: str) -> str:
    (block,) = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    return block


def installed(folder: Path, module: str, entry: str) -> dict[str, str]:
    """What `pip install` leaves of a package with one module; gives how Python finds it."""
    facts = folder / f"{module}-1.0.dist-info"
    facts.mkdir(parents=True)
    (facts / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.0\n")
    (facts / "entry_points.txt").write_text(f"[nomad.connectors]\n{entry}\n")
    return {"PYTHONPATH": f"{ROOT / 'lib'}:{folder}"}


@pytest.fixture
def ledger(empty, tmp_path):
    """A project as the page has it, with the package installed that the page shows."""
    ((name, value),) = tomllib.loads(shown("toml"))["project"]["entry-points"][
        "nomad.connectors"
    ].items()
    site = tmp_path / "site"
    env = installed(site, "nomad_ledger", f"{name} = {value}")
    (site / "nomad_ledger.py").write_text(shown("python"))
    empty.write("nomad.yaml", shown("yaml"))
    database = sqlite3.connect(empty.root / "ledger.db")
    database.executescript(
        "create table bookings (id, account, amount, day);"
        "insert into bookings values (1, 'a', 5, '2024-01-02'), (2, 'b', 7, '2024-01-02'),"
        " (3, 'a', 9, '2024-01-03')"
    )
    database.close()
    return lambda *words: empty.process(*words, env_extra=env)


def test_the_connector_of_the_page_lands_by_its_entry_point(ledger, empty):
    answer = ledger("extract", "--from", "2024-01-02", "--to", "2024-01-04")

    assert "no source for 2024-01-04" in answer.stderr
    assert empty.manifest("raw.bookings", "2024-01-02")["row_count"] == 2
    (file,) = (empty.lake / "raw/bookings/dt=2024-01-03").glob("*-0.json")
    assert json.loads(file.read_text()) == {"id": 3, "account": "a", "amount": 9}


def test_the_options_of_the_page_s_connector_are_checked(ledger, empty):
    text = (empty.root / "nomad.yaml").read_text()
    empty.write("nomad.yaml", text.replace("database: ledger.db", "acount: a"))

    answer = ledger("ls")

    assert answer.returncode == 2
    what = "nomad.yaml:3: source `bookings`"
    assert (
        f"{what}: connector `ledger` has no option `acount`: did you mean `account`, `columns`?"
        in (answer.stderr)
    )
    assert f"{what} needs a `database`" in answer.stderr
    assert "One account's alone." in ledger("schema").stdout


@pytest.mark.parametrize(
    ("module", "told"),
    [
        ("import nowhere", "can't be loaded from broken:CONNECTOR: ModuleNotFoundError"),
        ("CONNECTOR = 1", "(broken:CONNECTOR) is none: it lacks `options` or `fetch`"),
    ],
)
def test_a_package_that_is_broken_is_told_with_the_line_that_names_it(
    empty, tmp_path, module, told
):
    env = installed(tmp_path / "site", "broken", "odd = broken:CONNECTOR")
    (tmp_path / "site" / "broken.py").write_text(module)
    empty.write("nomad.yaml", "sources:\n  s: {connector: odd}\n")

    answer = empty.process("ls", env_extra=env)

    assert answer.returncode == 2
    assert f"nomad.yaml:2: source `s`: connector `odd` {told}" in answer.stderr


def test_an_unknown_connector_is_told_with_those_that_are_installed(empty, tmp_path):
    env = installed(tmp_path / "site", "other", "ledger = other:CONNECTOR")
    empty.write("nomad.yaml", "sources:\n  s: {connector: ledgr}\n")

    answer = empty.process("ls", env_extra=env)

    assert "no connector `ledgr`: did you mean `ledger`?" in answer.stderr
