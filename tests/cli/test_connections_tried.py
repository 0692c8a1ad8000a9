"""`nomad test-connection`: what can be reached, and what is there."""

from __future__ import annotations

import csv
import io
import re
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta

import duckdb
import pytest

from nomad.errors import SourceMissing, Unreachable
from nomad.extract.memory import MemoryConnector
from nomad.ingest.connections import chosen, exit_code, tried
from nomad.workspace import Workspace
from web import Reply, serving

TEXT = "symbol,close\nA,1\n"


@pytest.fixture(autouse=True)
def hosts(tmp_path, monkeypatch):
    """What is known of hosts lies with the test."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def web():
    with serving() as found:
        yield found


def table(project, *words, **env):
    """What each connection came to, and the exit code."""
    answer = project("test-connection", *words, "-o", "csv", env=env or None)
    rows = list(csv.DictReader(io.StringIO(answer.out)))
    return {r["name"]: (r["status"], r["detail"]) for r in rows}, answer.code, answer.err


def files(folder):
    """All that lies there, but for what may be forgotten."""
    every = (str(p.relative_to(folder)) for p in folder.rglob("*"))
    return sorted(f for f in every if not f.startswith((".nomad", "cache", "__pycache__")))


def test_all_are_tried_whatever_becomes_of_the_others(empty, web):
    yesterday = datetime.now(UTC).date() - timedelta(days=1)
    recently = yesterday - timedelta(days=3)
    empty.write(f"in/{recently}.csv", TEXT)
    empty.write("feed.py", "def rows(context):\n    yield {'id': 1}\n")
    with closing(sqlite3.connect(empty.root / "shop.db")) as shop:
        shop.execute("create table trade (id, price)")
    duckdb.connect(empty.root / "till.duckdb").execute("create view v as select 1").close()
    web.replies(Reply([{"id": 1, "price": 2}]))
    empty.write(
        "nomad.yaml",
        f"""\
timezone: UTC
attach: {{till: till.duckdb, gone: gone.duckdb}}
sources:
  none: {{connector: file, path: in/none.csv}}
  daily: {{connector: file, path: in/$<PARTITION_DATE>.csv}}
  api: {{connector: rest, url: "{web.url}/rows", params: {{day: $<PARTITION_DATE>}}}}
  trade: {{connector: sqlite, path: shop.db, table: trade}}
  feed: {{connector: python, call: "feed:rows"}}
""",
    )
    before = files(empty.root)

    found, code, err = table(empty)

    host = web.url.removeprefix("http://")
    assert found == {
        "lake": ("ok", f"{empty.lake}: it may be written; still empty"),
        "none": ("failed", "source `none` has no file"),
        "daily": ("ok", f"{recently}: in/{recently}.csv, 17 bytes"),
        "api": ("ok", f"{yesterday}: {host}: a page of 1 rows (the last), with id, price"),
        "trade": ("ok", f"SQLite {sqlite3_of_duckdb()}, table trade, 2 columns"),
        "feed": ("ok", "function feed:rows, line 1"),
        "till": ("ok", "0 tables, 1 view"),
        "gone": ("failed", found["gone"][1]),
    }
    assert found["gone"][1].startswith("database `gone` can't be attached: IO Error")
    assert code == 3
    assert "check `attach.gone` and that the database is up" in err
    assert [c.query["day"] for c in web.calls] == [str(yesterday)]
    assert files(empty.root) == before


def sqlite3_of_duckdb() -> str:
    from nomad.engine.external import opened

    with opened("sqlite", ":memory:") as external:
        return str(
            external.rows(f"FROM sqlite_query('{external.name}', 'select sqlite_version()')")[0][0]
        )


def test_only_those_that_are_named(empty, web):
    web.replies(Reply([{"id": 1}]))
    empty.write(
        "nomad.yaml",
        f"sources:\n  a: {{connector: rest, url: '{web.url}'}}\n"
        "  b: {connector: file, path: no.csv}\n",
    )

    found, code, _ = table(empty, "raw.a", "lake")
    unknown = empty("test-connection", "c")

    assert (list(found), code) == (["lake", "a"], 0)
    assert unknown.code == 2
    assert "no source or database `c`" in unknown.err


def test_a_server_that_has_nothing_for_the_date_is_reached(empty, web):
    web.replies(Reply(status=404))
    address = f"{web.url}/$<PARTITION_DATE>.csv"
    empty.write("nomad.yaml", f"sources:\n  s: {{connector: file, path: '{address}'}}\n")

    found, code, _ = table(empty, "s", "--dt", "2024-01-06")

    assert (found, code) == ({"s": ("ok", "2024-01-06: it answers, and has nothing")}, 0)


@pytest.mark.parametrize("status", [401, 403])
def test_a_token_that_is_refused_fails_and_is_masked(empty, web, status):
    web.replies(Reply("who is s3cr3t-t0ken?", status=status))
    auth = "auth: {type: bearer, token: '${TOKEN}'}"
    empty.write("nomad.yaml", f"sources:\n  s: {{connector: rest, url: '{web.url}', {auth}}}\n")

    found, code, err = table(empty, "s", TOKEN="s3cr3t-t0ken")

    assert (found["s"][0], code) == ("failed", 3)
    assert str(status) in found["s"][1]
    assert "s3cr3t" not in found["s"][1] + err


def test_a_server_that_is_down_is_not_waited_for_as_long_as_by_a_landing(empty):
    empty.write("nomad.yaml", "sources:\n  s: {connector: rest, url: 'http://127.0.0.1:1'}\n")

    found, code, _ = table(empty, "s")

    assert code == 3
    assert "Connection refused (2 attempts)" in found["s"][1]


@pytest.mark.parametrize(
    ("option", "told"),
    [("table: nosuch", "Table with name nosuch does not exist"), ("table: t, select: b", "`b`")],
)
def test_a_wrong_option_is_misuse(empty, option, told):
    duckdb.connect(empty.root / "shop.duckdb").execute("create table t as select 1 as a").close()
    empty.write(
        "nomad.yaml", f"sources:\n  s: {{connector: duckdb, path: shop.duckdb, {option}}}\n"
    )

    found, code, _ = table(empty, "s")

    assert (found["s"][0], code) == ("failed", 2)
    assert told in found["s"][1]


def test_a_lake_that_is_no_folder_fails(empty):
    empty.write("nomad.yaml", "sources: {s: {connector: file, path: a.csv}}\n")
    empty.write("lake", "a file")

    found, code, _ = table(empty, "lake")

    assert (found, code) == ({"lake": ("failed", "the lake is not a folder")}, 3)


def test_the_layers_of_a_lake_are_named(built):
    found, code, _ = table(built, "lake")

    assert code == 0
    assert found["lake"][1].endswith("it may be written; 4 layers (dwd, dws, ods, raw)")


def test_files_of_long_ago_are_found_where_they_were_landed(built):
    found, code, _ = table(built)
    asked, missing, err = table(built, "--dt", "2020-01-01")

    (name,) = found.keys() - {"lake"}
    assert (found[name], code) == (("ok", "2024-01-03: in/2024-01-03.csv, 21 bytes"), 0)
    assert (asked[name][0], missing) == ("failed", 3)
    assert "has no file for 2020-01-01" in err


def test_files_that_are_nowhere_are_told_with_where_they_were_looked_for(project):
    found, code, err = table(project)

    assert (sorted(s for s, _ in found.values()), code) == (["failed", "ok"], 3)
    assert "nor is that of one of the 9 days before: check its path, or ask by --dt" in err


def test_a_lake_in_s3_is_listed_and_one_that_is_down_fails(lake, bucket, monkeypatch):
    found, code, _ = table(lake, "lake")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    down, unreached, _ = table(lake, "lake")

    assert (found["lake"][0], code) == ("ok", 0)
    assert found["lake"][1].startswith(f"s3://{bucket}/")
    assert found["lake"][1].endswith(": it can be listed; still empty")
    assert (down["lake"][0], unreached) == ("failed", 3)


def test_a_postgres_as_a_source_and_attached(empty, postgres):
    postgres.run("create table trade (id int, price numeric)")
    server = postgres.server
    address = f"host=127.0.0.1 port={server.port} user=nomad password=${{PW}} dbname=postgres"
    empty.write(
        "nomad.yaml",
        f'attach: {{shop: "postgres:{address}"}}\n'
        f'sources:\n  trade: {{connector: postgres, dsn: "{address}", table: trade}}\n',
    )

    good, none, _ = table(empty, "trade", "shop", PW=server.password)
    bad, code, err = table(empty, "trade", "shop", PW="wr0ng-passw0rd")

    assert none == 0
    assert good["trade"][1].endswith(", table trade, 2 columns")
    assert re.fullmatch(r"[1-9]\d* tables?, \d+ views?", good["shop"][1])
    assert ({s for s, _ in bad.values()}, code) == ({"failed"}, 3)
    assert "password authentication failed" in bad["trade"][1]
    assert "wr0ng" not in err + str(bad)


# A connector without a probe ---------------------------------------------------------------------


class Opened(Workspace):
    """At a time that is known."""

    def now(self):
        return datetime(2024, 1, 5, 12, tzinfo=UTC)


def tried_by(root, connector):
    (root / "nomad.yaml").write_text(
        "sources:\n  s: {connector: memory, path: $<PARTITION_DATE>}\n"
    )
    with Opened(root, environ={}, connectors={"memory": connector}) as workspace:
        found = list(tried(workspace, chosen(workspace, ["s"])))
        left = [p.name for p in workspace.temporary.iterdir() if p.is_dir()]
    return [(t.detail, type(t.error)) for t in found], exit_code(found), left


def test_where_a_connector_has_no_probe_a_row_is_fetched_and_thrown_away(tmp_path):
    connector = MemoryConnector({"2024-01-04": TEXT})

    found = tried_by(tmp_path, connector)

    assert found == ([("2024-01-04: landed.csv, 17 bytes", type(None))], 0, [])
    assert [r.limit for r in connector.requests] == [1]


def test_its_errors_are_told(tmp_path):
    down = tried_by(tmp_path, MemoryConnector({"2024-01-04": Unreachable("the host is down")}))
    nothing = tried_by(tmp_path, MemoryConnector({}))

    assert down == ([("the host is down", Unreachable)], 3, [])
    assert nothing == ([("source `s` has nothing", SourceMissing)], 3, [])


class Falling(MemoryConnector):
    """One whose probe has a fault of its own."""

    def probe(self, request):
        raise ZeroDivisionError(request.window)


def test_a_fault_of_its_own_is_told_as_such(tmp_path, caplog):
    ((told, _),), code, _ = tried_by(tmp_path, Falling({}))

    assert told == "source `s`: connector `memory` failed: ZeroDivisionError: 2024-01-04"
    assert (code, "in probe" in caplog.text) == (1, True)
