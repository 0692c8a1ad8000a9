"""Many small files become few, and the rows stay what they are."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from datetime import date

import duckdb
import pytest
from test_history import RETIRE, begun

from conftest import build, chain, kept
from nomad.engine.instance import Engine, Settings
from nomad.lake.decoding import from_json
from nomad.lake.lake import Lake
from nomad.lake.manifest import DataFile, Manifest
from nomad.lake.publish import publish, retire
from nomad.names import TableName
from nomad.partitions import Partition
from nomad.store.local import LocalStore

DAY = ("--dt", "2024-01-02")
TABLE, PARTITION = TableName("dwd", "dwd_price"), Partition(date(2024, 1, 2))


@kept
def many_pieces(built):
    build(chain(built))
    folder = built.root / "staged"
    folder.mkdir()
    store = LocalStore(built.lake)
    over = Lake(store).published(TABLE, PARTITION)
    run, staged = "20240103T000000Z-abcdef", []
    with Engine(Settings(scratch=folder)).session() as session:
        for n in range(200):
            query = f"SELECT 's' || (range % 97) AS symbol, CAST(range AS INTEGER) AS close FROM range({n * 500}, {n * 500 + 500})"
            staged.append(session.stage(query, session.describe(query), folder / f"{n}.parquet"))
        content = session.content_of(staged)
    files = tuple(
        DataFile(f"{run}-{n}.parquet", s.rows, s.bytes, s.sha256) for n, s in enumerate(staged)
    )
    body = json.loads(over.manifest.to_json()) | {"run_id": run, "content_hash": content}
    made: Manifest = from_json(json.dumps(body).encode(), where="x")
    publish(store, replace(made, files=files), [s.path for s in staged], over=over)
    retire(store, over.manifest, keep=0)
    built("catalog", "refresh")


@pytest.fixture
def pieces(many_pieces):
    """The partition of one day in two hundred files, as pieces that arrived one by one."""
    return many_pieces()


def scanned(project) -> float:
    paths = project("files", "dwd_price", *DAY).out.split()
    best = 9.0
    for _ in range(5):
        con, began = duckdb.connect(), time.perf_counter()
        con.execute(f"select symbol, sum(close) from read_parquet({paths}) group by all").fetchall()
        best = min(best, time.perf_counter() - began)
    return best


def test_two_hundred_files_become_one_with_the_same_rows(pieces, capsys):
    before, slow = pieces.manifest("dwd.dwd_price", "2024-01-02"), scanned(pieces)
    told = pieces("compact", "dwd_price", *DAY, "--dry-run", "-o", "json").json["partitions"]
    assert pieces.manifest("dwd.dwd_price", "2024-01-02") == before

    done = pieces("compact", "dwd_price", *DAY)

    after = pieces.manifest("dwd.dwd_price", "2024-01-02")
    assert done.code == 0, done.err
    assert [(r["files"], r["files_after"]) for r in told] == [(200, 1)]
    assert (before["file_count"], after["file_count"]) == (200, 1)
    assert after["content_hash"] == before["content_hash"]
    assert pieces.rows("select count(*), sum(close) from dwd.dwd_price_dt('2024-01-02')") == [
        [100_000, sum(range(100_000))]
    ]
    assert "nothing to compact" in pieces("compact", "dwd_price", *DAY).err
    assert pieces("doctor").code == 0
    with capsys.disabled():
        print(f"\n  compact: a full scan takes {scanned(pieces) / slow:.2f} of the time before")  # noqa: T201


def test_the_target_says_how_many_files(pieces):
    total = sum(f["bytes"] for f in pieces.manifest("dwd.dwd_price", "2024-01-02")["files"])

    done = pieces("compact", "dwd_price", *DAY, "--target", f"{total // 3000}KB")

    assert done.code == 0, done.err
    assert 2 <= pieces.manifest("dwd.dwd_price", "2024-01-02")["file_count"] <= 4
    assert pieces.rows("select count(*) from dwd.dwd_price_dt('2024-01-02')") == [[100_000]]


def test_a_compacted_partition_is_fresh_for_what_reads_it(pieces):
    pieces("run", "dws", *DAY)
    pieces("compact", "dwd_price", *DAY)

    assert pieces("plan", "dws", *DAY, "-o", "json").reasons() == {"dws.dws_price": "fresh"}


def test_a_size_that_is_none(built):
    assert built("compact", "--target", "many").code == 2


def test_a_key_that_names_the_date_sorts_by_the_rest(pieces):
    pieces.write("sql/dwd/dwd_price.yml", "unique_key: [dt, symbol, close]\n")
    answer = pieces("compact", "dwd_price", *DAY)

    assert answer.code == 0, answer.err
    paths = pieces("files", "dwd_price", *DAY).out.split()
    rows = duckdb.sql(f"select symbol, close from read_parquet({paths})").fetchall()
    assert rows == sorted(rows)


def test_one_with_nothing_to_do_takes_a_killed_one_s_versions_to_the_history(pieces):
    before = pieces.manifest("dwd.dwd_price", "2024-01-02")["run_id"]
    begun(pieces, RETIRE, 1, "kill", "compact", "dwd_price", *DAY).communicate()

    answer = pieces("compact", "dwd_price", *DAY)

    assert "nothing to compact" in answer.err
    past = pieces.lake / "_history/dwd/dwd_price/dt=2024-01-02"
    assert [p.name for p in past.iterdir()] == [before]
