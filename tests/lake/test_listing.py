"""The listing beside others who write: what is newer stays, whatever a look began before it."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from datetime import date
from threading import Thread

import pytest

from nomad.dates import Span
from nomad.lake import fingerprints, object_cache
from nomad.lake.fingerprints import Fingerprints
from nomad.lake.lake import Lake
from nomad.lake.layout import manifest_key
from nomad.lake.listing import Listing
from nomad.lake.manifest import Manifest
from nomad.lake.object_cache import ObjectCache
from nomad.names import TableName
from nomad.partitions import Partition
from nomad.schema import Column
from nomad.store.base import Blob, Survey
from nomad.store.memory import MemoryStore

KEY, OTHER = "ods/t/dt=2024-01-02/m", "ods/t/dt=2024-01-03/m"


class Interrupted(MemoryStore):
    """Lets something happen once, right after a listing or a reading of many."""

    def __init__(self):
        super().__init__()
        self.then = {}

    def list(self, prefix):
        found = list(super().list(prefix))
        self.then.pop("list", lambda: None)()
        return iter(found)

    def read_all(self, keys):
        found = list(super().read_all(keys))
        self.then.pop("read_all", lambda: None)()
        return iter(found)


@pytest.fixture
def store():
    made = Interrupted()
    made.write(KEY, b"1")
    return made


@pytest.fixture(params=["same process", "another process"])
def others(request, store, tmp_path):
    """Two mirrors of one store: of one process, or of two with one cache on the disk."""
    if request.param == "same process":
        listing = Listing(store, ObjectCache(tmp_path / "cache"))
        return listing, listing
    return Listing(store, ObjectCache(tmp_path / "cache")), Listing(
        store, ObjectCache(tmp_path / "cache")
    )


def publish(store, listing, key, data):
    """Write an object, as a commit does, and have it in the cache."""
    store.write(key, data)
    listing.learn(key, store.read(key))
    listing.mark("ods/t")


def known(listing):
    return {k: b.data for k, b in (listing.known("ods/t", suffix="/m") or {}).items()}


@pytest.mark.parametrize("moment", ["list", "read_all"])
def test_what_is_published_during_a_look_stays_known(store, others, moment):
    looking, writing = others
    store.then[moment] = lambda: publish(store, writing, OTHER, b"2")

    looking.every("ods/t", suffix="/m", fresh=True)

    assert known(looking) == {KEY: b"1", OTHER: b"2"}


@pytest.mark.parametrize("moment", ["list", "read_all"])
def test_the_newer_version_stays_known(store, others, moment):
    looking, writing = others
    looking.every("ods/t", suffix="/m", fresh=True)
    store.write(KEY, b"2")
    store.then[moment] = lambda: publish(store, writing, KEY, b"3")

    looking.every("ods/t", suffix="/m", fresh=True)

    assert known(looking) == {KEY: b"3"}


def test_what_is_gone_is_forgotten_unless_it_comes_back(store, others):
    looking, writing = others
    looking.every("ods/t", suffix="/m", fresh=True)
    store.delete(KEY)
    store.then["read_all"] = lambda: publish(store, writing, KEY, b"back")

    looking.every("ods/t", suffix="/m", fresh=True)
    assert known(looking) == {KEY: b"back"}

    store.delete(KEY)
    looking.every("ods/t", suffix="/m", fresh=True)
    assert known(looking) == {}


def test_an_old_listing_hides_nothing(store, others):
    looking, writing = others
    stamps = looking.stamps("ods/t", suffix="/m")
    publish(store, writing, OTHER, b"2")

    found = looking.fetch("ods/t", stamps)

    assert {k: b.data for k, b in found.items()} == {KEY: b"1", OTHER: b"2"}
    assert known(looking) == {KEY: b"1", OTHER: b"2"}


def test_what_was_seen_long_ago_replaces_nothing_newer(store, others):
    looking, writing = others
    looking.every("ods/t", suffix="/m", fresh=True)
    then = store.read(KEY)
    publish(store, writing, KEY, b"2")
    store.write(OTHER, b"theirs")
    seen = {KEY: then, OTHER: store.read(OTHER)}

    news = looking.catch_up({k: b.version for k, b in seen.items()}, lambda k: seen[k].data)

    assert news
    assert known(looking) == {KEY: b"2", OTHER: b"theirs"}


def test_a_mark_tells_of_each_change(store, tmp_path):
    listing = Listing(store, ObjectCache(tmp_path / "cache"))
    listing.every("ods/t", suffix="/m", fresh=True)
    before = listing.mark("ods/t")

    assert listing.mark("ods/t") == before
    listing.learn(KEY, Blob(json.dumps("x").encode(), "v9"))
    assert listing.mark("ods/t") != before


def test_one_object_is_looked_for_once(store, others):
    looking, writing = others
    assert looking.one("ods/full/m") is None
    assert looking.mark("ods/full")  # it has been looked for: that it isn't there is known

    publish(store, writing, "ods/full/m", b"1")
    assert writing.mark("ods/full")
    assert looking.one("ods/full/m").data == b"1"

    store.write("ods/full/m", b"2")
    assert looking.one("ods/full/m").data == b"1"
    looking.every("ods/full", suffix="/m", fresh=True)
    assert looking.one("ods/full/m").data == b"2"

    before = looking.mark("ods/full")
    store.delete("ods/full/m")
    looking.every("ods/full", suffix="/m", fresh=True)
    assert looking.one("ods/full/m") is None
    assert looking.mark("ods/full") != before


class Young(MemoryStore):
    """Has files too young for their times to tell one version from the next."""

    young = True

    def survey(self, prefix, name):
        found = super().survey(prefix, name)
        return Survey(dict.fromkeys(found.stamps, ""), "") if self.young else found


def reduced(listing, reduce):
    return listing.reduced("ods/t", "m", listing.store.survey("ods/t", "m").stamps, reduce)


def test_what_was_noted_of_a_young_file_that_is_gone_does_not_come_back():
    store = Young()
    listing = Listing(store)
    store.write(KEY, b"1")
    assert reduced(listing, lambda _, data: (data,)) == {"dt=2024-01-02": (b"1",)}

    store.delete(KEY)
    store.young = False

    assert reduced(listing, lambda _, data: (data,)) == {}


def test_a_damaged_cache_is_an_empty_one(store, tmp_path):
    listing = Listing(store, ObjectCache(tmp_path / "cache"))
    store.write(OTHER, b"2")
    listing.every("ods/t", suffix="/m", fresh=True)
    with closing(sqlite3.connect(tmp_path / "cache")) as con, con:
        con.execute("UPDATE objects SET data = x'00' WHERE key LIKE ?", (f"%{OTHER}",))

    for _ in range(2):
        again = Listing(store, ObjectCache(tmp_path / "cache"))
        found = again.every("ods/t", suffix="/m", fresh=False)
        assert {k: b.data for k, b in found.items()} == {KEY: b"1", OTHER: b"2"}


def test_a_shelf_that_lacks_what_a_process_did_is_emptied_by_the_next(store, tmp_path, monkeypatch):
    monkeypatch.setattr(object_cache, "_PATIENCE", 0.05)
    Listing(store, ObjectCache(tmp_path / "cache")).every("ods/t", suffix="/m", fresh=True)
    apart = Listing(store, ObjectCache(tmp_path / "cache"))
    with closing(sqlite3.connect(tmp_path / "cache", isolation_level=None)) as con:
        con.execute("BEGIN IMMEDIATE")
        publish(store, apart, KEY, b"2")

    for n in range(2, 5):
        after = Listing(store, ObjectCache(tmp_path / "cache"))
        found = after.every("ods/t", suffix="/m", fresh=False)
        assert {k: b.data for k, b in found.items()} == {KEY: b"%d" % n}
        if n < 4:  # it goes on, beside the next one
            publish(store, apart, KEY, b"%d" % (n + 1))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["cache"]


# A lake as one run sees it ------------------------------------------------------------------------

TABLE = TableName("ods", "t")


def version(day, run_id):
    return Manifest(
        dest=TABLE,
        partition=Partition(date(2024, 1, day)),
        run_id=run_id,
        generated_at="2024-01-02T00:00:00+00:00",
        files=(),
        schema=(Column("a", "INTEGER"),),
        content_hash=run_id,
        sql_hash="s",
        contract_hash="",
        engine="duckdb 1.5.5",
    )


def commit(store, lake, made):
    key = manifest_key(*made.cell)
    store.write(key, made.to_json())
    lake.learn(made, store.read(key).version)


LOOKS = {
    "at all": lambda lake: lake.manifests(TABLE, partitioned=True),
    "at few days": lambda lake: lake.manifests(
        TABLE, partitioned=True, spans=[Span(date(2024, 1, 1), date(2024, 1, 9))]
    ),
    "at the latest": lambda lake: lake.latest(TABLE, partitioned=True),
    "at what decides": lambda lake: (lake.survey(TABLE), lake.facts(TABLE, "dt=2024-01-02")),
}


@pytest.mark.parametrize("moment", ["list", "read_all"])
@pytest.mark.parametrize("look", LOOKS)
def test_a_step_that_ends_during_a_look_is_seen_by_the_next_one(moment, look):
    store = Interrupted()
    lake = Lake(store, remember=True)
    for day in (2, 3):
        commit(store, lake, version(day, "first"))
    thread = Thread(target=lambda: [commit(store, lake, version(d, "second")) for d in (3, 4)])

    def meanwhile():
        thread.start()
        thread.join(0.2)  # it may have to wait for the end of the look

    store.then[moment] = meanwhile
    LOOKS[look](lake)
    store.then.clear()
    if thread.ident is None:
        thread.start()
    thread.join()

    told = {m.partition.start.day: m.run_id for m in lake.manifests(TABLE, partitioned=True)}
    assert told == {2: "first", 3: "second", 4: "second"}
    assert lake.facts(TABLE, "dt=2024-01-04").run_id == "second"


def test_a_day_that_comes_while_days_are_sorted_counts_from_then_on(monkeypatch):
    seen = {f"dt=2024-01-0{n}": version(n, f"run{n}").facts for n in (2, 3)}
    found = Fingerprints(lambda: seen, {})
    coming, real = [version(4, "run4")], fingerprints.text_of

    def meanwhile(name):
        if coming:
            found.learn("dt=2024-01-04", coming.pop().facts)
        return real(name)

    monkeypatch.setattr(fingerprints, "text_of", meanwhile)

    assert found.content("2024-01-01", "2024-01-09")[1] == 2
    assert found.content("2024-01-01", "2024-01-09")[1] == 3


def noted(store, tmp_path):
    """What is noted of the folder: the text of each object."""
    listing = Listing(store, ObjectCache(tmp_path / "cache"))
    return reduced(listing, lambda _, data: (data.decode(),))


def test_a_damaged_note_is_none(store, tmp_path):
    assert noted(store, tmp_path) == {"dt=2024-01-02": ("1",)}
    with closing(sqlite3.connect(tmp_path / "cache")) as con, con:
        (data,) = con.execute("SELECT data FROM notes").fetchone()
        bad = data[:-3] + bytes([data[-3] ^ 1]) + data[-2:]
        con.execute("UPDATE notes SET data = ?", (bad,))

    assert noted(store, tmp_path) == {"dt=2024-01-02": ("1",)}


def test_bytes_are_not_noted_as_those_of_an_older_listing(store, tmp_path, monkeypatch):
    """Published between the listing and the reading; then the old version is put back."""
    real = store.survey

    def between(prefix, name):
        found = real(prefix, name)
        store.write(KEY, b"2")
        return found

    with monkeypatch.context() as patch:
        patch.setattr(store, "survey", between)
        assert noted(store, tmp_path) == {"dt=2024-01-02": ("2",)}
    store.write(KEY, b"1")

    assert noted(store, tmp_path) == {"dt=2024-01-02": ("1",)}


def test_a_file_that_another_process_made_anew_is_left_to_it(store, tmp_path):
    listing = Listing(store, ObjectCache(tmp_path / "cache"))
    listing.every("ods/t", suffix="/m", fresh=True)
    (tmp_path / "cache").unlink()
    other = Listing(store, ObjectCache(tmp_path / "cache"))
    other.every("ods/t", suffix="/m", fresh=True)

    publish(store, listing, OTHER, b"2")

    assert (tmp_path / "cache").exists()
    after = Listing(store, ObjectCache(tmp_path / "cache"))
    assert after.every("ods/t", suffix="/m", fresh=False).keys() == {KEY, OTHER}
