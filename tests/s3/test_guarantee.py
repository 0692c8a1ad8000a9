"""The guarantee on a real server: one winner, no torn answer, nothing lost in a crash."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import pytest
from crash_at import STEPS

from buckets import use
from conftest import ROOT, Project
from nomad.errors import LostRace
from nomad.lake.lake import Lake
from nomad.lake.publish import publish
from nomad.store.address import Address
from nomad.store.s3 import S3Store
from servers import ceph, gateway
from versions import FOLDER, TABLE, version

pytestmark = pytest.mark.s3
HERE = Path(__file__).parent
DAY = ("--dt", "2024-01-02")


@pytest.fixture
def server(running, monkeypatch):
    found = running("ceph")
    use(monkeypatch, found)
    return found


def say(capsys, text):
    with capsys.disabled():
        print(f"\n  {text}")  # noqa: T201


def test_of_fifty_publishers_exactly_one_wins(server, bucket, tmp_path, capsys):
    """Twenty rounds; the others name the winner, and leave no object behind."""
    address = Address(bucket, "lake", endpoint=server.endpoint)
    stores = [S3Store(address) for _ in range(50)]
    for store in stores:
        assert store.understands.safe
    ends = Counter()
    for round_ in range(20):
        over = Lake(stores[0]).published(TABLE, None)
        told = all_at_once(stores, round_, over, tmp_path)
        winners = [n for n, end in told.items() if end is None]
        there = Lake(stores[0]).manifest(TABLE, None)

        assert [name(round_, n) for n in winners] == [there.run_id]
        assert {type(e) for e in told.values() if e} == {LostRace}
        assert all(there.run_id in e.what for e in told.values() if e)
        kept = {name(round_, winners[0])} | ({over.manifest.run_id} if over else set())
        files = {e.key for e in stores[0].list(FOLDER)}
        assert files == {f"{FOLDER}/{r}-0.parquet" for r in kept} | {
            f"{FOLDER}/manifest.json", f"{FOLDER}/_SUCCESS"
        }  # fmt: skip
        if over:
            stores[0].delete(f"{FOLDER}/{over.manifest.run_id}-0.parquet")
        ends.update("won" if e is None else "lost" for e in told.values())
    say(capsys, f"publishers: 20 rounds of 50: {ends['won']} won, {ends['lost']} lost and said so")
    assert ends == {"won": 20, "lost": 980}


def name(round_: int, n: int) -> str:
    return f"20240102T0000{round_:02d}Z-0000{n:02d}"


def all_at_once(stores, round_, over, folder):
    barrier, ends = threading.Barrier(len(stores)), {}

    def one(n):
        path = folder / f"staged-{round_}-{n}.parquet"
        path.write_bytes(b"rows")
        barrier.wait()
        try:
            publish(stores[n], version(name(round_, n)), [path], over=over)
        except Exception as e:  # noqa: BLE001
            ends[n] = e
        else:
            ends[n] = None

    threads = [threading.Thread(target=one, args=(n,)) for n in range(len(stores))]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    return ends


def test_killed_at_any_step_old_or_new_is_there(built_lake, capsys):
    """Each step five times; the next run cleans up, the version before is kept, all is well."""
    outcomes = Counter()
    for step in STEPS:
        for _ in range(5):
            before = content(built_lake)
            assert crash(built_lake, step, "run", "dwd_price", *DAY, "--force").returncode == -9
            after = content(built_lake)
            outcomes[step, "new" if after != before else "old"] += 1
            assert built_lake.rows("select count(*), sum(close) from dwd.dwd_price") == [[4, 10]]
            again = built_lake("run", "dwd_price", *DAY)
            assert again.code == 0, again.err
            kept = built_lake("history", "dwd_price", *DAY, "-o", "json").json["versions"]
            assert before in {v["run_id"] for v in kept}, f"{step}: the version before is gone"
        found = built_lake("doctor")
        assert found.code == 0, found.out
    told = ", ".join(f"{step}: {n} {what}" for (step, what), n in outcomes.items())
    say(capsys, f"killed {sum(outcomes.values())} times; {told}")
    assert len(outcomes) == len(STEPS), "a step always leads to the same side"


def content(lake):
    (row,) = [
        r
        for r in lake("show", "dwd_price", "-o", "json").json["partitions"]
        if r["partition_date"] == "2024-01-02"
    ]
    return row["run_id"]


def crash(lake, step, *words):
    return subprocess.run(
        [sys.executable, HERE / "crash_at.py", step, "dwd_price", *words],
        cwd=lake.root,
        env={**os.environ, "PYTHONPATH": str(ROOT / "lib")},
        capture_output=True,
        text=True,
        check=False,
    )


def test_readers_see_one_version_while_it_is_replaced_two_hundred_times(
    built_lake, tmp_path, monkeypatch, capsys
):
    """Through nomad sql, and through the catalog opened afresh each time."""
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER],
        cwd=built_lake.root,
        env={**os.environ, "PYTHONPATH": str(ROOT / "lib")},
        stderr=subprocess.PIPE,
        text=True,
    )
    monkeypatch.chdir(tmp_path)
    connect = built_lake("catalog", "connect").out
    seen = Counter()
    while writer.poll() is None:
        assert built_lake.rows("select count(*), sum(close) from dwd.dwd_price") == [[4, 10]]
        seen["nomad sql"] += 1
        seen[through_the_catalog(connect)] += 1
    assert writer.returncode == 0, writer.stderr.read()
    writer.communicate()
    say(capsys, f"readers over 200 versions: {dict(seen)}")
    assert set(seen) <= {"nomad sql", "4,10", "replaced between opening and asking"}
    assert seen["4,10"] > seen["replaced between opening and asking"]


WRITER = """
from nomad.cli import app
for _ in range(200):
    try:
        app(["run", "dwd_price", "--dt", "2024-01-02", "--force", "-q"])
    except SystemExit as e:
        assert not e.code
"""


def through_the_catalog(connect: str) -> str:
    done = subprocess.run(
        [Path(sys.executable).with_name("duckdb"), "-csv", "-noheader", "-cmd", connect,
         "-c", "select count(*), sum(close) from dwd.dwd_price"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if "404" in done.stderr:
        return "replaced between opening and asking"
    return done.stdout.split()[-1] if done.returncode == 0 else done.stderr


def test_what_a_killed_gateway_acknowledged_is_there_afterwards(tmp_path, monkeypatch, capsys):
    """On bluestore: killed in the middle of publishes, and started again, five times."""
    with gateway(tmp_path / "ceph", store="bluestore") as server:
        use(monkeypatch, server)
        server.client().create_bucket(Bucket="lake")
        lake = many(tmp_path / "project")
        assert lake("run", *DAYS).code == 0
        told = Counter()
        for n in range(5):
            run = subprocess.Popen(
                [sys.executable, "-m", "nomad", "run", *DAYS, "--force", "-o", "json"],
                cwd=lake.root, env={**os.environ, "PYTHONPATH": str(ROOT / "lib")},
                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            )  # fmt: skip
            time.sleep(1.5 + 0.3 * n)
            ceph("kill", server.folder)
            time.sleep(0.5)
            ceph("gateway", server.folder)
            out, err = run.communicate()
            assert run.returncode in (0, 3), err
            told.update(check(lake, out))
        say(capsys, f"gateway killed 5 times: {dict(told)}; all that was acknowledged is there")
        assert lake("run", *DAYS).code == 0
        assert lake("doctor", "--fix").code == 0


DAYS = ("--from", "2024-01-01", "--to", "2024-01-20")


def many(root: Path) -> Project:
    made = Project(root)
    made.write("nomad.yaml", 'layers: [dwd]\nlake: {url: "s3://lake/x"}\n')
    made.write("sql/dwd/dwd_x.sql", "select range as a, '$<PARTITION_DATE>' as d from range(1000)")
    return made


def check(lake, out):
    """Each partition is whole; one that was called published is of that run or a later one."""
    import json

    rows = lake("show", "dwd_x", "-o", "json").json["partitions"]
    there = {r["partition_date"]: r["run_id"] for r in rows}
    assert len(there) == 20
    assert lake.rows("select count(*), count(distinct dt) from dwd.dwd_x") == [[20_000, 20]]
    if not out:
        return ["a run that could not begin or end"]
    body = json.loads(out)
    for step in body["steps"]:
        if step["status"] == "published":
            assert there[step["partition_date"]] == body["run_id"]
    return [s["status"] for s in body["steps"]]
