"""What can go goes, and nothing that a manifest names."""

from __future__ import annotations

import json
import random
import shutil

DAY = ("--dt", "2024-01-02")


def named(project):
    """Every file that a manifest names, published or in the history that is kept, and manifests."""
    found = set()
    for path in project.lake.rglob("manifest.json"):
        found.add(path)
        body = json.loads(path.read_text(encoding="utf-8"))
        found |= {path.parent / f["name"] for f in body["files"]}
    return found


def build(project, times):
    for _ in range(times):
        assert project("run", "dwd_price", *DAY, "--force", "-q").code == 0


def test_a_generated_mess_goes_and_what_is_named_stays(built):
    """Orphans, half-way histories, refused rows of nobody, old journals: in any place."""
    build(built, 2)
    rng, mess = random.Random(3), []
    manifests = sorted(built.lake.rglob("manifest.json"))
    folders = [p.parent for p in manifests if "_history" not in p.parts]
    for n in range(60):
        folder = rng.choice(folders)
        run = f"20230101T0000{n:02d}Z-{n:06x}"
        inside = folder.relative_to(built.lake)
        path = rng.choice([
            folder / f"{run}-0.parquet",
            built.lake / "_history" / "dwd/dwd_price/dt=2024-01-02" / run / f"{run}-0.parquet",
            built.lake / "_quarantine" / inside / f"{run}.parquet",
            built.lake / "_runs" / "dt=2020-01-01" / f"{run}.jsonl",
        ])  # fmt: skip
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"mess")
        mess.append(path)
    before, there = named(built), built.rows("select count(*), sum(close) from dwd.dwd_price")

    listed = built("gc", "--dry-run", "-o", "json").json["waste"]
    assert all(p.exists() for p in mess)
    done = built("gc", "--yes")

    assert done.code == 0, done.err
    assert [p for p in mess if p.exists()] == []
    assert {built.lake / w["key"] for w in listed} == set(mess)
    assert all(p.exists() for p in before)
    assert built.rows("select count(*), sum(close) from dwd.dwd_price") == there
    assert built("doctor").code == 0


def test_history_past_its_keep_goes(built):
    text = (built.root / "nomad.yaml").read_text()
    (built.root / "nomad.yaml").write_text(text + "lake: {history: 3}\n")
    build(built, 4)
    past = built.lake / "_history/dwd/dwd_price/dt=2024-01-02"
    assert len(list(past.iterdir())) == 3
    newest = max(p.name for p in past.iterdir())
    (built.root / "nomad.yaml").write_text(text)

    assert built("gc", "--yes").code == 0

    assert [p.name for p in past.iterdir()] == [newest]
    versions = built("history", "dwd_price", *DAY, "-o", "json").json["versions"]
    assert [v["state"] for v in versions] == ["published", "kept"]


def test_there_may_be_nothing_to_do(built):
    shutil.rmtree(built.lake / "_history", ignore_errors=True)

    answer = built("gc", "--yes")

    assert (answer.code, answer.err) == (0, "nothing to remove\n")


def test_it_either_lists_or_removes(built):
    answer = built("gc", "--dry-run", "--yes")

    assert answer.code == 2
    assert "give either --dry-run or --yes" in answer.err
