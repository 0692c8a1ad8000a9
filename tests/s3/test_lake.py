"""A lake in S3 gives all that a lake in a folder gives."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path

import duckdb
import pytest

from conftest import ROOT, Project
from nomad.store.address import Address
from nomad.store.requests import Requests
from nomad.store.s3 import S3Store
from servers import proxy

DAYS = ("--from", "2024-01-02", "--to", "2024-01-03")


def listed(server, bucket):
    """All keys of a bucket and their sizes."""
    pages = server.client().get_paginator("list_objects_v2").paginate(Bucket=bucket)
    return {o["Key"]: o["Size"] for page in pages for o in page.get("Contents", [])}


def reference(folder: Path, bucket: str | None) -> Project:
    """The project of this repository, with its lake in a bucket or in its folder."""
    for name in ("sql", "sources", "catalog/migrations", "lake/inbox"):
        shutil.copytree(ROOT / name, folder / name)
    shutil.copy(ROOT / "nomad.yaml", folder)
    made = Project(folder)
    if bucket:
        made.environ = {"NOMAD_LAKE_URL": f"s3://{bucket}/lake"}
    return made


def hashes(project: Project, env: dict[str, str]) -> dict[str, tuple[str, int]]:
    """The content of every published partition, by its name."""
    found = {}
    tables = project("ls", "-o", "json", env=env).json["tables"]
    for name in [t["name"] for t in tables]:
        for row in project("show", name, "-o", "json", env=env).json["partitions"]:
            found[f"{name} {row['partition_date']}"] = (row["content_hash"], row["row_count"])
    return found


def test_the_reference_project_is_the_same_as_on_a_disk(tmp_path, bucket):
    local, remote = reference(tmp_path / "local", None), reference(tmp_path / "remote", bucket)
    env = remote.environ

    for project, given in ((local, {}), (remote, env)):
        for command in ("extract", "run"):
            answer = project(command, *DAYS, env=given)
            assert answer.code == 0, answer.err

    query = "select * from dwm.dwm_stock_return order by all"
    assert len(hashes(local, {})) > 12
    assert hashes(remote, env) == hashes(local, {})
    assert remote("sql", query, env=env).out == local("sql", query).out
    assert remote("run", *DAYS, env=env).err.rpartition(": ")[2].startswith("nothing to do")


def test_what_is_published_is_where_the_format_says(built_lake, server, bucket):
    keys = {re.sub(r"\d{8}T\d{6}Z-\w{6}", "RUN", k) for k in listed(server, bucket)}

    assert {k.split("/", 2)[2] for k in keys if "/dwd/" in k} == {
        f"dwd/dwd_price/dt=2024-01-0{d}/{name}"
        for d in (2, 3)
        for name in ("RUN-0.parquet", "_SUCCESS", "manifest.json")
    }
    assert built_lake("doctor").code == 0


def test_what_is_left_of_a_table_that_is_gone_goes_when_told(built_lake, server, bucket):
    for name in ("dwd/dwd_price", "dws/dws_price"):
        (built_lake.root / f"sql/{name}.sql").unlink()
    ours = [k for k in listed(server, bucket) if "/dwd/" in k or "/dws/" in k]

    told = built_lake("gc", "--orphans", "--yes")

    assert told.err == f"{len(ours)} objects removed\n"
    assert [k for k in listed(server, bucket) if "/dwd/" in k or "/dws/" in k] == []
    assert built_lake("gc", "--orphans").err == "nothing to remove\n"


def test_questions_see_the_lake_of_the_moment(built_lake):
    assert built_lake.rows("select sum(close) from dwd.dwd_price") == [[10]]
    assert built_lake.rows("from dwd.dwd_price_dt('2024-01-03') order by 1") == [
        ["A", 3, "2024-01-03"],
        ["B", 4, "2024-01-03"],
    ]
    assert built_lake.rows("select max(dt) from dwd.dwd_price where dt = '2024-01-02'") == [
        ["2024-01-02"]
    ]
    shell = built_lake.process(
        "shell", input="select highest from dws.dws_price order by 1;\n.quit\n"
    )
    assert (shell.returncode, shell.stderr) == (0, "")
    assert shell.stdout.split()[-2:] == ["3", "4"]
    files = built_lake("files", "dwd_price", "--dt", "2024-01-02").out.split("\n")
    assert files[0].startswith("s3://")


def test_a_changed_row_rebuilds_what_needs_it(built_lake):
    built_lake.write("in/2024-01-03.csv", "symbol,close\nA,3\nB,40\n")

    assert built_lake("extract", "--dt", "2024-01-03").code == 0
    again = built_lake("run", "--from", "2024-01-02", "--to", "2024-01-03", "-o", "json")

    assert again.code == 0, again.err
    assert set(again.statuses().values()) == {"published", "fresh"}
    assert again.statuses()["dwd.dwd_price 2024-01-02"] == "fresh"
    assert again.statuses()["dwd.dwd_price 2024-01-03"] == "published"
    assert built_lake.rows("select highest from dws.dws_price where symbol = 'B'") == [[40]]


def test_superseded_versions_go_to_the_history_and_no_further(built_lake, server, bucket):
    for _ in range(3):
        answer = built_lake("run", "dwd_price", "--dt", "2024-01-02", "--force")
        assert answer.code == 0, answer.err

    past = [k for k in listed(server, bucket) if "/_history/dwd/" in k]

    assert len(past) == 2
    assert len({k.split("/")[-2] for k in past}) == 1
    assert built_lake("doctor").code == 0


def test_a_dry_run_leaves_the_bucket_alone(lake, server, bucket):
    lake("extract", "--dt", "2024-01-02")
    before = listed(server, bucket)

    answer = lake("run", "--dt", "2024-01-02", "--dry-run", "-o", "json")

    assert set(answer.statuses().values()) == {"built"}, answer.err
    assert listed(server, bucket) == before


def test_the_catalog_opens_in_duckdb_s_own_command_line(built_lake):
    told = built_lake("catalog", "connect").out
    duckdb = Path(sys.executable).with_name("duckdb")

    def ask(query):
        return subprocess.run(
            [duckdb, "-csv", "-noheader", "-cmd", told, "-c", query],
            capture_output=True, text=True, check=False,
        )  # fmt: skip

    assert ask("select sum(close) from dwd.dwd_price").stdout.split()[-1] == "10"
    assert ask("from dwd.dwd_price_dt('2024-01-02') limit 1").stdout.split()[-1].endswith("01-02")
    assert ask("select count(*) from nomad.runs").stdout.split()[-1] == "2"


def test_no_secret_is_printed_or_kept(lake, server, monkeypatch):
    secret = server.secret
    words = [
        ("extract", "--dt", "2024-01-02", "-v"), ("run", "--dt", "2024-01-02", "-v"),
        ("config",), ("doctor",), ("catalog", "connect"),
        ("sql", "from duckdb_secrets()"), ("sql", "select * from duckdb_settings()"),
        ("sql", "select nonsense"), ("catalog", "refresh"),
    ]  # fmt: skip
    if secret == "test":  # the emulator takes any key: give it one that can be looked for
        secret = "Wq8-very-secret-0451"
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", secret)
    monkeypatch.setenv("NOMAD_DEBUG", "1")

    said = [lake(*w) for w in words]

    assert [a.code for a in said[:5]] == [0, 0, 0, 0, 0]
    assert [w for w, a in zip(words, said, strict=True) if secret in a.out + a.err] == []
    kept = [p for p in lake.root.rglob("*") if p.is_file() and secret.encode() in p.read_bytes()]
    assert kept == []


def test_a_catalog_is_of_the_lake_that_it_is_asked_for(built_lake):
    """Switching the lake renews the catalog, though all may be fresh there."""
    local = {"NOMAD_LAKE_URL": "lake"}
    for command in ("extract", "run"):
        assert built_lake(command, "--dt", "2024-01-02", env=local).code == 0
    told = built_lake("doctor")
    assert built_lake("run", "--dt", "2024-01-02").err.endswith("nothing to do, 3 fresh\n")
    after = built_lake("doctor")
    there = built_lake("run", "--dt", "2024-01-02", env=local)

    assert (told.code, after.code) == (1, 0)
    assert "the catalog is of another lake" in told.out
    assert there.code == 0
    with duckdb.connect(str(built_lake.root / "catalog/catalog.duckdb"), read_only=True) as con:
        assert con.execute("select count(*) from dwd.dwd_price").fetchone() == (2,)


def test_what_another_machine_published_is_in_the_catalog_once_it_was_seen(built_lake, tmp_path):
    other = Project(tmp_path / "other")
    for path in ("nomad.yaml", *(f"sql/{n}/{n}_price.sql" for n in ("ods", "dwd", "dws"))):
        other.write(path, (built_lake.root / path).read_text(encoding="utf-8"))
    for _ in range(3):
        assert other("run", "dwd_price", "--dt", "2024-01-02", "--force").code == 0
    told = built_lake("catalog", "connect").out
    duckdb_ = Path(sys.executable).with_name("duckdb")

    def asked():
        query = "select sum(close) from dwd.dwd_price"
        words = [duckdb_, "-csv", "-noheader", "-cmd", told, "-c", query]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        return done.stdout.split()[-1] if done.returncode == 0 else "gone " + done.stderr

    assert asked().startswith("gone")
    assert built_lake("run", "--dt", "2024-01-02").err.endswith("nothing to do, 3 fresh\n")
    assert asked() == "10"


def test_columns_of_any_name_are_read(lake):
    lake.write("in/2024-01-02.csv", 'file,The File,filename,"a""b",rowid\n1,2,3,4,5\n')
    lake.write("sql/ods/ods_price.sql", "select * from raw.price where dt = '$<PARTITION_DATE>'")
    lake("extract", "--dt", "2024-01-02")

    assert lake("run", "ods_price", "--dt", "2024-01-02").code == 0
    assert lake.rows("from ods.ods_price_dt('2024-01-02')") == [
        ["1", "2", "3", "4", "5", "2024-01-02"]
    ]


def test_bad_rows_are_set_aside_in_a_bucket_too(built_lake, server, bucket):
    built_lake.write(
        "sql/dwd/dwd_price.yml",
        "columns: [{name: close, tests: [range: {min: 2, severity: quarantine}]}]",
    )

    assert built_lake("run", "--dt", "2024-01-02").code == 0
    shown = built_lake("quarantine", "show", "dwd_price", "--dt", "2024-01-02", "-o", "json")

    assert [r["symbol"] for r in shown.json["rows"]] == ["A"]
    assert len([k for k in listed(server, bucket) if "/_quarantine/" in k]) == 1
    assert built_lake("doctor").code == 0


# Requests ----------------------------------------------------------------------------------------


def test_a_day_lists_nothing_but_what_a_query_reads_without_bound(
    tmp_path, server, bucket, monkeypatch, capsys
):
    """Counted by nomad, and by a proxy between it and the server: they agree."""
    with proxy(server) as between:
        for name, value in between.front().environ().items():
            monkeypatch.setenv(name, value)
        project = reference(tmp_path / "project", bucket)
        for day in ("2024-01-02", "2024-01-03"):
            assert project("extract", "--dt", day, env=project.environ).code == 0
            assert project("run", "--dt", day, env=project.environ).code == 0
        extracted = project(
            "extract", "--dt", "2024-01-04", "-v", "-o", "json", env=project.environ
        )
        between.seen.clear()
        answer = project("run", "--dt", "2024-01-04", "-v", "-o", "json", env=project.environ)
        sent = list(between.seen)

    assert extracted.code == answer.code == 0, answer.err
    counts = answer.json["requests"]
    total = {k: sum(c.get(k, 0) for c in counts.values()) for k in ("LIST", "HEAD", "GET", "PUT")}
    assert total == {k: sum(s == k for s, _ in sent) for k in total}
    assert {t: c["LIST"] for t, c in counts.items() if c.get("LIST")} == {"dim.dim_stock": 1}
    assert extracted.json["requests"]["raw.daily_stock_price_akshare"] == {"GET": 1, "PUT": 3}
    for table, kinds in counts.items():
        if table not in ("lake", "dim.dim_stock", "dim.dim_trade_calendar", "dim.dim_fee_rate"):
            assert kinds["PUT"] == 3, "data, manifest, mark"
    manifests = [p for k, p in sent if k == "GET" and "/manifest.json" in p and "_history" not in p]
    twice = sorted({m for m in manifests if manifests.count(m) > 1})
    assert not twice, "each manifest is read once"
    assert counts["lake"] == {"PUT": counts["lake"]["PUT"]}, "the journal"
    with capsys.disabled():
        print(f"\n  requests of a day on {server.name}: {json.dumps(counts)}")  # noqa: T201


def test_the_count_stands_at_the_end_of_a_verbose_run(built_lake):
    told = built_lake("run", "--dt", "2024-01-02", "--verbose").err.splitlines()

    assert told[0].endswith("nothing to do, 3 fresh")
    assert told[1].split() == ["requests", "LIST", "HEAD", "GET", "PUT", "COPY", "DELETE", "POST"]
    assert told[-1].startswith("all requests")


def test_a_refresh_reads_only_the_manifests_that_changed(tmp_path, server, bucket):
    """Of sixty partitions the first refresh reads all, the second none, the third the new one."""
    with proxy(server) as between:
        project = many_days(tmp_path, between, bucket, days=60)

        def refreshed():
            between.seen.clear()
            done = project("catalog", "refresh", env=between.front().environ())
            assert done.code == 0, done.err
            return sum(k == "GET" and "/manifest.json" in p for k, p in between.seen)

        assert refreshed() == 60
        assert refreshed() == 0
        add_days(between, bucket, [60])
        assert refreshed() == 1


def many_days(tmp_path, between, bucket, *, days):
    """A table of many small partitions, put there as another machine would."""
    project = Project(tmp_path / "many")
    project.write("nomad.yaml", f'layers: [dwd]\nlake: {{url: "s3://{bucket}/lake"}}\n')
    project.write("sql/dwd/dwd_x.sql", "select 1 as a, '$<PARTITION_DATE>' as d")
    done = project("run", "--dt", "2020-01-01", env=between.front().environ())
    assert done.code == 0, done.err
    shutil.rmtree(project.root / ".nomad")
    add_days(between, bucket, range(1, days))
    return project


def add_days(between, bucket, numbers):
    """Copy the first partition to the n-th day after it."""
    client, top = between.server.client(), "lake/dwd/dwd_x"
    kept = client.get_object(Bucket=bucket, Key=f"{top}/dt=2020-01-01/manifest.json")
    first = json.loads(kept["Body"].read())
    for n in numbers:
        day = (date(2020, 1, 1) + timedelta(n)).isoformat()
        run_id = first["run_id"][:-6] + f"{n:06x}"
        body = json.dumps({**first, "partition_date": day, "run_id": run_id}).encode()
        client.put_object(Bucket=bucket, Key=f"{top}/dt={day}/manifest.json", Body=body)


# Large files and odd names -----------------------------------------------------------------------


def test_a_large_file_goes_up_in_parts(tmp_path, server, bucket, monkeypatch):
    monkeypatch.setattr("nomad.store.s3._PART", 5 * 1024 * 1024)
    requests = Requests()
    address = Address(bucket, "a b/é", endpoint=server.endpoint, region="us-east-1")
    store = S3Store(address, requests=requests)
    path = tmp_path / "large.bin"
    path.write_bytes(bytes(range(256)) * 50_000)
    data = path.read_bytes()

    store.put("x/large.bin", path)
    store.move("x/large.bin", "y/large.bin")

    assert store.read("y/large.bin").data == data
    assert store.read("x/large.bin") is None
    assert requests.total()["PUT"] == 3
    assert path.exists()  # it can be sent again until the commit is safe


@pytest.mark.parametrize(
    "url",
    ["s3://", "s3://bucket/a*b", "s3://bucket/a/../b", "gs://bucket/x", "s3://Buck_et/x",
     "s3://key:hunter2@bucket/x"],
)  # fmt: skip
def test_an_address_that_is_none_is_refused(empty, url):
    empty.write("nomad.yaml", f'lake: {{url: "{url}"}}\n')

    answer = empty("ls")

    assert answer.code == 2
    assert "lake.url" in answer.err
    assert "hunter2" not in answer.err


@pytest.mark.parametrize("endpoint", ["127.0.0.1:9", "http://me:hunter2@h:9", "http://h:9/path"])
def test_an_endpoint_that_is_none_is_refused(empty, endpoint):
    empty.write("nomad.yaml", "lake: {url: 's3://bucket/x'}\n")

    answer = empty("doctor", env={"AWS_ENDPOINT_URL": endpoint, "AWS_ENDPOINT_URL_S3": ""})

    assert answer.code == 2
    assert "AWS_ENDPOINT_URL: must be like `http://127.0.0.1:9000`" in answer.err
    assert "hunter2" not in answer.err
