"""Connector `dlt`: resources of dlt's own kind, called directly and by `nomad extract`."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest

from conftest import Project
from databases import asked, refused
from nomad.errors import ConfigError, SourceMissing, StepFailed
from nomad.extract.registry import CONNECTORS

DLT = CONNECTORS["dlt"]
MODULE = """\
import json
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import dlt

ROWS = Path(__file__).with_name("rows.json")

@dlt.resource(primary_key="id")
def orders(at=dlt.sources.incremental("at", initial_value="2024-01-01"), least=0):
    for row in json.loads(ROWS.read_text()):
        if row["id"] >= least:
            yield row

@dlt.resource(name="moments")
def moments(at=dlt.sources.incremental("at")):
    yield [{"at": datetime(2024, 1, 2), "n": Decimal("1.10"), "in": {"x": [1]}}]

@dlt.resource
def days():
    yield {"day": 1}
    yield {"day": 2}

@dlt.transformer(data_from=days)
def hours(day):
    yield from ({"day": day["day"], "hour": n} for n in range(2))

@dlt.source(name="shop")
def shop(token=dlt.secrets.value):
    assert token == "t"
    return orders, days, hours

@dlt.source
def single(day: str = ""):
    return dlt.resource([{"day": day}], name="one")

@dlt.resource
def table():
    import pyarrow as pa
    yield pa.table({"n": pa.array([1], pa.uint8())})

@dlt.resource
def broken():
    yield {"a": 1}
    1 / 0

@dlt.resource
def lacking(key: str = dlt.config.value):
    yield {"key": key}

@dlt.resource
def nothing():
    yield from ()

def plain():
    return [1]
"""


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    found = tmp_path_factory.mktemp("dlt")
    (found / "feeds.py").write_text(MODULE)
    return found


@pytest.fixture
def feed(root, tmp_path):
    """Fetch one resource; give its rows and the cursor behind them."""

    def act(name, cursor=None, window=None, rows=None, limit=None, **options):
        if rows is not None:
            (root / "rows.json").write_text(json.dumps(rows))
        request = asked(
            "dlt", window, root=root, limit=limit, source=f"feeds:{name}", **options
        )  # fmt: skip
        landed = list(DLT.fetch(replace(request, cursor=cursor), tmp_path))
        if not landed:
            return None
        (one,) = landed
        with duckdb.connect() as con:
            return con.sql(f"from '{one.path}'").fetchall(), one.cursor

    return act


FIRST = [{"id": 1, "at": "2024-01-02"}, {"id": 2, "at": "2024-01-03"}]


def ids(found) -> list[int]:
    return [row[0] for row in found[0]]


def test_its_incremental_goes_on_from_our_cursor(feed):
    found = feed("orders", rows=FIRST)
    assert ids(found) == [1, 2]

    more = [*FIRST, {"id": 3, "at": "2024-01-03"}, {"id": 4, "at": "2024-01-04"}]
    later = feed("orders", found[1], rows=more)
    assert ids(later) == [3, 4]
    assert feed("orders", later[1], rows=more) is None
    assert ids(feed("orders", rows=more)) == [1, 2, 3, 4]


def test_a_state_of_moments_comes_back_as_moments(feed):
    (row,), cursor = feed("moments")

    assert [str(v) for v in row] == ["2024-01-02 00:00:00", "1.1", "{'x': [1]}"]
    assert feed("moments", cursor) is None


def test_nothing_of_it_is_on_this_machine(feed, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("DLT_DATA_DIR", str(tmp_path / "data"))

    feed("orders", rows=FIRST)

    assert [p.name for p in tmp_path.iterdir()] == ["rows-0.json"]


def test_a_resource_without_a_state_has_no_cursor(feed):
    assert feed("days") == ([(1,), (2,)], None)
    assert feed("table") == ([(1,)], None)
    assert feed("days", limit=1) == ([(1,)], None)


def test_one_resource_of_a_source_is_landed(feed, monkeypatch):
    monkeypatch.setenv("SOURCES__FEEDS__SHOP__TOKEN", "t")
    assert feed("shop", resource="days")[0] == [(1,), (2,)]
    assert sorted(feed("shop", resource="hours")[0]) == [(1, 0), (1, 1), (2, 0), (2, 1)]
    assert feed("single", **{"with": {"day": "2024-01-02"}})[0][0][0].isoformat() == "2024-01-02"
    assert ids(feed("orders", rows=FIRST, **{"with": {"least": 2}})) == [2]


def test_an_error_of_its_code_is_told_as_such(feed, caplog):
    with pytest.raises(StepFailed) as caught:
        feed("broken")

    line = MODULE.splitlines().index("    1 / 0") + 1
    assert caught.value.where == f"feeds.py:{line}"
    assert (
        caught.value.what
        == "source `s`: `feeds:broken` failed: ZeroDivisionError: division by zero"
    )
    assert "1 / 0" in caplog.text


def test_nothing_is_missing_unless_it_may_be(feed):
    with pytest.raises(SourceMissing, match="source `s` has nothing for 2024-01"):
        feed("nothing", window="2024-01")
    assert feed("nothing", empty="allow") == ([], None)


@pytest.mark.parametrize(
    ("name", "options", "told"),
    [
        ("order", {}, "module `feeds` has no function `order`; did you mean `orders`?"),
        ("plain", {}, "it gives a `list`, not a source or resource of dlt"),
        ("shop", {"with": {"token": "t"}}, "it has 3 resources: orders, days, hours; choose one"),
        (
            "shop",
            {"with": {"token": "t"}, "resource": "day"},
            "no resource `day`; did you mean `days`",
        ),
        ("days", {"resource": "day"}, "`resource: day` isn't there: it is the resource `days`"),
        (
            "single",
            {"with": {"dya": 1}},
            "`with` doesn't fit the function: got an unexpected keyword",
        ),
        ("shop", {"resource": "days"}, "dlt: Missing 1 field(s) in configuration"),
        ("lacking", {}, "dlt: Missing 1 field(s) in configuration"),
    ],
)
def test_what_is_not_there_is_told(feed, name, options, told):
    assert told in refused(lambda: feed(name, **options), ConfigError)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ("", "needs a `source`"),
        ("source: feeds.py", "`source` must be like `sources.vendor:prices`"),
        ("source: a:b, with: [1]", "`with` must hold `name: value` pairs"),
        ("source: a:b, resource: [1]", "`resource` must be a text"),
    ],
)
def test_a_wrong_option_is_refused(empty: Project, options, told):
    empty.write("nomad.yaml", f"layers: [ods]\nsources:\n  s: {{connector: dlt, {options}}}\n")

    answer = empty("plan", "--dt", "2024-01-02")

    assert answer.code == 2
    assert told in answer.err


def test_a_probe_tells_what_it_sees(root):
    told = DLT.probe(asked("dlt", root=root, source="feeds:orders"))

    assert told.startswith("dlt 1.")
    assert told.endswith(", resource orders")


def test_a_resource_lands_and_is_read_back(empty: Project):
    empty.write(
        "nomad.yaml",
        "layers: [ods]\ntimezone: UTC\nsources:\n"
        "  orders: {connector: dlt, source: 'feeds:orders', dt: at}\n",
    )
    empty.write("feeds.py", MODULE)
    empty.write("rows.json", json.dumps(FIRST))

    first = empty("extract")
    empty.write("rows.json", json.dumps([*FIRST, {"id": 3, "at": "2024-01-03"}]))
    second = empty("extract")
    third = empty("extract")

    assert (first.code, second.code, third.code) == (0, 0, 0), first.err + second.err + third.err
    assert empty.rows("select dt::text, id from raw.orders order by id") == [
        ["2024-01-02", 1], ["2024-01-03", 2], ["2024-01-03", 3],
    ]  # fmt: skip
