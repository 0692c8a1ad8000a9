"""A plan over many dates goes by notes of what it saw; it must say what a fresh look says."""

from __future__ import annotations

import json
import random
import shutil
from datetime import date, timedelta

import pytest

from conftest import chain, kept, rarely
from nomad.lake.listing import Listing
from nomad.plan.planner import _Planner
from nomad.plan.pruning import Pruner
from nomad.sqlfile.file import SqlFile
from nomad.store import local
from nomad.store.memory import MemoryStore

DAYS = [date(2024, 1, 2) + timedelta(n) for n in range(10)]
RANGE = ("--from", str(DAYS[0]), "--to", str(DAYS[-1]))


@kept
def built_ten_days(project):
    chain(project)
    project.write(
        "sql/dws/dws_window.sql",
        "select sum(close) as s from dwd.dwd_price where dt between"
        " cast('$<PARTITION_DATE>' as date) - 2 and '$<PARTITION_DATE>'",
    )
    for n, day in enumerate(DAYS):
        project.write(f"in/{day}.csv", f"symbol,close\nA,{n + 1}\nB,2\n")
    assert project("extract", *RANGE).code == 0
    assert project("run", *RANGE).code == 0


@pytest.fixture
def ten_days(built_ten_days, monkeypatch):
    """Ten days, and a table over a window of three of them; a file's times tell at once."""
    monkeypatch.setattr(local, "_RACY", 0.0)
    return built_ten_days()


def steps(project, *dates):
    answer = project("plan", *dates, "-o", "json")
    assert answer.code == 0, answer.err
    return {(s["table"], s["partition_date"]): s["reason"] for s in answer.json["steps"]}


def looked_at_afresh(project):
    """The same without any note of what was seen."""
    kept = project.root / ".nomad" / "lake.db"
    aside = kept.with_suffix(".aside")
    kept.rename(aside)
    found = steps(project, *RANGE)
    aside.replace(kept)
    return found


def looked_at_closely(project, monkeypatch):
    """The same where nothing is taken as fresh at a glance."""
    with monkeypatch.context() as patched:
        patched.setattr(_Planner, "_settled", lambda *_: set())
        return steps(project, *RANGE)


def build_again(project, day, rng):
    project.write(f"in/{day}.csv", f"symbol,close\nA,{rng.randrange(100)}\nB,2\n")
    project("extract", "--dt", str(day))
    project("run", rng.choice(["ods", "dwd", "dws_window"]), "--dt", str(day))


def lose(project, day, rng):
    table = rng.choice(["ods/ods_price", "dwd/dwd_price", "dws/dws_window", "raw/price"])
    (project.lake / table / f"dt={day}" / "manifest.json").unlink(missing_ok=True)


def put_another(project, day, rng):
    folder = project.lake / "dwd" / "dwd_price"
    other = rng.choice([d for d in DAYS[:3] if d != day])
    shutil.copy(folder / f"dt={other}" / "manifest.json", folder / f"dt={day}" / "manifest.json")


def edit(project, _day, rng):
    project.write(
        "sql/dwd/dwd_price.sql",
        f"select symbol, close from ods.ods_price where dt = '$<PARTITION_DATE>'"
        f" and close > {rng.randrange(3)}",
    )


def by_another_engine(project, day, rng):
    manifest = project.lake / "dwd" / "dwd_price" / f"dt={day}" / "manifest.json"
    told = json.loads(manifest.read_text())
    manifest.write_text(json.dumps({**told, "engine": f"duckdb {rng.randrange(3)}.0.0"}))


def read_otherwise(project, _day, rng):
    """Write a table that is partitioned or not, whatever it was before."""
    wanted = rng.choice(["where dt = '$<PARTITION_DATE>'", "where close > 1"])
    project.write("sql/dws/dws_more.sql", f"select symbol, close from dwd.dwd_price {wanted}")
    project("run", "dws_more", *RANGE)


DOINGS = [build_again, lose, put_another, edit, by_another_engine, read_otherwise]


@pytest.mark.parametrize("seed", [0, 1, *rarely(2, 3, 4, 5)])
def test_whatever_happens_in_between_it_says_what_a_fresh_look_says(ten_days, seed, monkeypatch):
    rng = random.Random(seed)
    for _ in range(6):
        day = rng.choice(DAYS[3:])
        if ten_days.lake.joinpath("dwd/dwd_price", f"dt={day}", "manifest.json").exists():
            rng.choice(DOINGS)(ten_days, day, rng)

        told = steps(ten_days, *RANGE)
        assert told == looked_at_afresh(ten_days)
        assert told == looked_at_closely(ten_days, monkeypatch)


def test_what_is_the_same_is_not_read_again():
    store = Counted()
    listing = Listing(store)
    for n in range(20):
        store.write(f"ods/t/dt=2024-01-{n + 1:02}/m", b"%d" % n)
    first = listing.reduced(
        "ods/t", "m", store.survey("ods/t", "m").stamps, lambda _, data: (int(data),)
    )
    store.write("ods/t/dt=2024-01-05/m", b"77")
    store.delete("ods/t/dt=2024-01-06/m")
    store.read_keys.clear()

    again = listing.reduced(
        "ods/t", "m", store.survey("ods/t", "m").stamps, lambda _, data: (int(data),)
    )

    assert store.read_keys == ["ods/t/dt=2024-01-05/m"]
    del first["dt=2024-01-06"]
    assert again == {**first, "dt=2024-01-05": (77,)}


class Counted(MemoryStore):
    """Keeps the keys that were read."""

    def __init__(self):
        self.read_keys = []
        super().__init__()

    def read(self, key):
        self.read_keys.append(key)
        return super().read(key)


def test_most_is_fresh_at_a_glance(ten_days, monkeypatch):
    """What is built upon days that are as they were; the window wants a closer look."""
    looked = []
    closely = _Planner._step
    monkeypatch.setattr(
        _Planner, "_step", lambda *words: looked.append(words[1].name.name) or closely(*words)
    )

    assert len(steps(ten_days, *RANGE)) == 31

    assert {n: looked.count(n) for n in looked} == {"dws_window": 10, "dws_price": 1}


def test_a_copy_of_a_folder_is_no_day(ten_days, monkeypatch):
    """What somebody put aside counts for nothing, whatever its name ends with."""
    ods = ten_days.lake / "ods" / "ods_price"
    for name in ("old", "tmp"):
        shutil.copytree(ods / f"dt={DAYS[4]}", ods / f"{name}{DAYS[4]}")
    ten_days.write(f"in/{DAYS[4]}.csv", "symbol,close\nA,77\nB,2\n")
    assert ten_days("extract", "--dt", str(DAYS[4])).code == 0
    assert ten_days("run", "ods_price", "--dt", str(DAYS[4])).code == 0

    told = steps(ten_days, *RANGE)

    assert told["dwd.dwd_price", str(DAYS[4])] != "fresh"
    assert told == looked_at_closely(ten_days, monkeypatch)


def test_what_was_found_fresh_is_found_so_without_its_manifests_facts(ten_days, monkeypatch):
    """A second plan over what is as it was goes by the stamps alone."""
    before = steps(ten_days, "ods_price", "dwd_price", *RANGE)
    with monkeypatch.context() as patched:
        patched.setattr(Listing, "reduced", lambda *_: pytest.fail("it looked at the facts"))
        assert steps(ten_days, "ods_price", "dwd_price", *RANGE) == before
    (ten_days.lake / "ods/ods_price" / f"dt={DAYS[4]}" / "manifest.json").unlink()

    now = steps(ten_days, "ods_price", "dwd_price", *RANGE)

    changed = {cell: reason for cell, reason in now.items() if reason != "fresh"}
    assert changed == {
        ("ods.ods_price", str(DAYS[4])): "never built",
        ("dwd.dwd_price", str(DAYS[4])): f"input ods.ods_price dt={DAYS[4]} changed",
    }


def test_damaged_notes_are_no_notes(ten_days):
    before = steps(ten_days, *RANGE)
    (ten_days.root / ".nomad" / "lake.db").write_bytes(b"nothing of the kind" * 1000)

    assert steps(ten_days, *RANGE) == before


def test_of_many_steps_the_table_shows_those_that_are_stale(ten_days):
    answer = ten_days("plan", *RANGE)

    assert answer.code == 0
    assert answer.out == ""
    assert "31 fresh, nothing to do" in answer.err


def test_a_query_that_treats_dates_alike_is_explained_once(project, monkeypatch):
    dates = ("--from", "2024-01-02", "--to", "2024-01-31")
    for n in range(30):
        project.write(f"in/{date(2024, 1, 2) + timedelta(n)}.csv", "symbol,close\nA,1\n")
    assert project("extract", *dates).code == 0

    def planned() -> tuple[int, list[dict[str, object]]]:
        shutil.rmtree(project.root / ".nomad", ignore_errors=True)
        asked.clear()
        found = project("plan", *dates, "-o", "json").json["steps"]
        return len(asked), found

    asked, real = [], Pruner._ask
    monkeypatch.setattr(Pruner, "_ask", lambda *words: asked.append(1) or real(*words))
    few, quickly = planned()
    monkeypatch.setattr(SqlFile, "same_day", property(lambda _: False), raising=False)
    many, slowly = planned()

    assert quickly == slowly
    # One of the three isn't of a day; two of the many tell whether a table reads all partitions.
    assert (few, many) == (3, 63)


def test_what_is_taken_away_at_once_is_built_again(project):
    """Files too young for their times to tell leave no note: it would outlive them."""
    for day in DAYS:
        project.write(f"in/{day}.csv", "symbol,close\nA,1\n")
    for command in ("extract", "run", "plan"):
        assert project(command, *RANGE).code == 0
    shutil.rmtree(project.lake / "dwd/dwd_price")

    told = steps(project, *RANGE)

    assert told == looked_at_afresh(project)
    assert told["dwd.dwd_price", str(DAYS[0])] == "never built"
