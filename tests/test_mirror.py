"""The mirror beside others who write: what is newer stays, whatever a look began before it."""

from __future__ import annotations

import json

import pytest

from nomad.mirror import Mirror
from nomad.shelf import Shelf
from nomad.store.base import Blob
from nomad.store.memory import MemoryStore

KEY, OTHER = "ods/t/dt=2024-01-02/m", "ods/t/dt=2024-01-03/m"


class Interrupted(MemoryStore):
    """Lets something happen once, right after a listing or a reading of many."""

    def __init__(self):
        super().__init__()
        self.then = {}

    def entries(self, prefix):
        found = list(super().entries(prefix))
        self.then.pop("entries", lambda: None)()
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
    """Two mirrors of one store: of one process, or of two with one shelf on the disk."""
    if request.param == "same process":
        mirror = Mirror(store, Shelf(tmp_path / "shelf"))
        return mirror, mirror
    return Mirror(store, Shelf(tmp_path / "shelf")), Mirror(store, Shelf(tmp_path / "shelf"))


def publish(store, mirror, key, data):
    """Write an object, as a commit does, and have it on the shelf."""
    store.write(key, data)
    mirror.learn(key, store.read(key))
    mirror.mark("ods/t")


def known(mirror):
    return {k: b.data for k, b in (mirror.known("ods/t", suffix="/m") or {}).items()}


@pytest.mark.parametrize("moment", ["entries", "read_all"])
def test_what_is_published_during_a_look_stays_known(store, others, moment):
    looking, writing = others
    store.then[moment] = lambda: publish(store, writing, OTHER, b"2")

    looking.every("ods/t", suffix="/m", fresh=True)

    assert known(looking) == {KEY: b"1", OTHER: b"2"}


@pytest.mark.parametrize("moment", ["entries", "read_all"])
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
    mirror = Mirror(store, Shelf(tmp_path / "shelf"))
    mirror.every("ods/t", suffix="/m", fresh=True)
    before = mirror.mark("ods/t")

    assert mirror.mark("ods/t") == before
    mirror.learn(KEY, Blob(json.dumps("x").encode(), "v9"))
    assert mirror.mark("ods/t") != before
