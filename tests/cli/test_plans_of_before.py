"""A run whose plan is older than what another has published since goes on from that."""

from __future__ import annotations

import json
import time
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest

from at_call_project import begun

DAY = ("--dt", "2024-01-02")
CLAIM = "nomad.run.context.claim"


@contextmanager
def waiting(project, function, *words):
    """Have nomad wait at a call for as long as the block lasts; its answer is given in a list."""
    go, answer = project.root / "go", []
    going = begun(project, function, 1, go, *words)
    try:
        while not (project.root / "go.reached").exists():
            assert going.poll() is None, going.communicate()[0]
            time.sleep(0.01)
        yield answer
        go.touch()
        told, _ = going.communicate()
        answer += [going.returncode, told.decode()]
    finally:
        if going.poll() is None:
            going.kill()
            going.communicate()


@pytest.mark.parametrize("force", [(), ("--force",)])
def test_a_plan_made_before_another_run_published_is_carried_out_all_the_same(built, force):
    built.write("sql/dwd/dwd_price.sql", built_by("close + 1"))
    with waiting(built, CLAIM, "run", "dwd_price", *DAY, *force) as answer:
        assert built("run", "dwd_price", *DAY, *force).code == 0
        between = built.manifest("dwd.dwd_price", "2024-01-02")["run_id"]

    assert answer[0] == 0, answer[1]
    now = built.manifest("dwd.dwd_price", "2024-01-02")
    assert (now["run_id"] == between) == (not force)
    assert ("another run has just built it" in answer[1]) == (not force)
    assert built.rows("select sum(close) from dwd.dwd_price where dt = '2024-01-02'") == [[5]]
    assert built("doctor").err == "all is well\n"


def built_by(expression):
    return f"select symbol, {expression} as close from ods.ods_price where dt = '$<PARTITION_DATE>'"


@pytest.fixture
def merging(built):
    """A full table that keeps what it holds, by key; its past versions go at once."""
    built.write("nomad.yaml", (built.root / "nomad.yaml").read_text() + "lake: {history: 0}\n")
    built.write("sql/dws/dws_last.yml", "unique_key: [symbol]\nstrategy: merge\n")
    query = "select symbol, close from ods.ods_price where dt = (select max(dt) from ods.ods_price)"
    built.write("sql/dws/dws_last.sql", query)
    assert built("run", "dws_last").code == 0
    return built


def test_a_merge_whose_old_rows_were_replaced_meanwhile_takes_the_new_ones(merging):
    """They are gone from where its plan saw them."""
    with waiting(merging, CLAIM, "run", "dws_last", "--force") as answer:
        assert merging("run", "dws_last", "--force").code == 0

    assert answer[0] == 0, answer[1]
    assert merging.rows("select count(*) from dws.dws_last") == [[2]]
    assert merging("doctor").err == "all is well\n"


@pytest.mark.parametrize("at", ["nomad.build.stage.prepared", "nomad.lake.publish._commit"])
def test_a_race_that_is_lost_names_the_winner(merging, at):
    """Also where the old rows of a merge are gone before it could read them."""
    with waiting(merging, at, "run", "dws_last", "--force") as answer:
        won(merging.lake / "dws/dws_last")

    assert answer[0] == 1
    assert "run 20990101T000000Z-abcdef published it first" in answer[1]


def won(folder):
    """What another machine's run leaves that publishes right now, and replaces all files."""
    body = json.loads((folder / "manifest.json").read_text())
    body["previous"], body["run_id"] = body["run_id"], "20990101T000000Z-abcdef"
    body["generated_at"] = datetime.now(UTC).isoformat(timespec="microseconds")
    for n, file in enumerate(body["files"]):
        new = f"{body['run_id']}-{n}.parquet"
        (folder / file["name"]).rename(folder / new)
        file["name"] = new
    (folder / "manifest.json").write_text(json.dumps(body))
