"""The commit: files first, then the manifest, and one winner."""

from __future__ import annotations

from contextlib import suppress

import pytest

from nomad.errors import LakeError, LostRace, Unanswered
from nomad.lake.decoding import from_json
from nomad.lake.lake import Lake
from nomad.lake.publish import publish, retire
from nomad.store.memory import MemoryStore
from versions import FOLDER, TABLE, reader_sees, version


def test_a_publish_leaves_files_manifest_and_success(staged):
    store = MemoryStore()

    publish(store, version("r1"), staged, over=None)

    assert set(store.objects) == {
        f"{FOLDER}/r1-0.parquet",
        f"{FOLDER}/manifest.json",
        f"{FOLDER}/_SUCCESS",
    }


def test_the_loser_is_told_the_winner_and_leaves_nothing(staged):
    store = MemoryStore()
    publish(store, version("r1"), staged, over=None)

    with pytest.raises(LostRace, match="run r1 published it first"):
        publish(store, version("r2"), staged, over=None)

    assert reader_sees(store) == "r1"
    assert f"{FOLDER}/r2-0.parquet" not in store.objects


def test_a_version_knows_the_one_before(staged):
    store = MemoryStore()
    publish(store, version("r1"), staged, over=None)

    ours = publish(store, version("r2"), staged, over=Lake(store).published(TABLE, None))

    assert ours.manifest.previous == "r1"
    assert reader_sees(store) == "r2"


def test_an_empty_version_has_no_success(staged):
    store = MemoryStore()
    publish(store, version("r1"), staged, over=None)

    publish(store, version("r2", rows=0), [], over=Lake(store).published(TABLE, None))

    assert f"{FOLDER}/_SUCCESS" not in store.objects
    assert reader_sees(store) == "r2"


def test_retired_files_are_those_the_old_manifest_names(staged):
    store = MemoryStore()
    for n in range(1, 5):
        over = Lake(store).published(TABLE, None)
        publish(store, version(f"r{n}"), staged, over=over)
        if over:
            retire(store, over.manifest, keep=2)
    store.objects[f"{FOLDER}/foreign.parquet"] = b""

    retire(store, version("r0"), keep=2)

    past = sorted(k for k in store.objects if k.startswith("_history"))
    assert [k.split("/")[3] for k in past if k.endswith(".parquet")] == ["r2", "r3"]
    assert f"{FOLDER}/foreign.parquet" in store.objects
    assert reader_sees(store) == "r4"


def replaced(staged, before):
    """Publish a version, then another over it, `before` being called ahead of each call of that."""
    store = MemoryStore()
    publish(store, version("r1"), staged, over=None)
    over = Lake(store).published(TABLE, None)
    store.before = before(store)
    with suppress(Crash):
        publish(store, version("r2"), staged, over=over)
        retire(store, over.manifest, keep=1)
    return store


class Crash(Exception):
    """The process is gone."""


def test_a_crash_at_any_call_loses_nothing_that_was_published(staged):
    calls = []
    replaced(staged, lambda _: lambda call, _: calls.append(call))
    assert len(calls) >= 5
    sights = set()
    for n in range(len(calls)):
        crashed = []

        def crash(store, n=n, crashed=crashed):
            left = iter(range(len(calls)))

            def before(*_):
                if next(left) == n:
                    crashed.append(dict(store.objects))
                    raise Crash

            return before

        store = replaced(staged, crash)

        assert crashed == [store.objects], "it ended elsewhere, or not at all"
        sights.add(reader_sees(store))

    assert sights == {"r1", "r2"}


class Unclear(MemoryStore):
    """A store whose commit times out: `lands` says whether it was carried out all the same."""

    def __init__(self, *, lands: bool) -> None:
        super().__init__()
        self.lands = lands

    def write_if(self, key, data, *, expected):
        if self.lands:
            super().write_if(key, data, expected=expected)
        raise LakeError("timed out", where=key)


def test_an_unclear_commit_is_settled_by_reading_back(staged):
    landed, lost = Unclear(lands=True), Unclear(lands=False)

    publish(landed, version("r1"), staged, over=None)
    with pytest.raises(LakeError, match="timed out"):
        publish(lost, version("r1"), staged, over=None)

    assert reader_sees(landed) == "r1"
    assert reader_sees(lost) is None


class Repeating(MemoryStore):
    """A store that loses the answer to the commit, sends it again, and is refused."""

    def write_if(self, key, data, *, expected):
        super().write_if(key, data, expected=expected)
        return super().write_if(key, data, expected=expected)


def test_a_commit_that_was_sent_twice_is_not_lost_to_itself(staged):
    store = Repeating()

    publish(store, version("r1"), staged, over=None)

    assert reader_sees(store) == "r1"


def test_a_commit_without_an_answer_keeps_its_files(staged):
    """It may still be on its way."""

    class Silent(MemoryStore):
        def write_if(self, key, data, *, expected):
            raise Unanswered("no answer", where=key)

    store = Silent()

    with pytest.raises(Unanswered, match="isn't known yet"):
        publish(store, version("r1"), staged, over=None)

    assert any(k.endswith("r1-0.parquet") for k in store.objects)


def test_a_commit_without_an_answer_is_lost_once_another_version_is_there(staged):
    class Overtaken(MemoryStore):
        def write_if(self, key, data, *, expected):
            self.objects[key] = version("r2").to_json()
            raise Unanswered("no answer", where=key)

    with pytest.raises(LostRace, match="r2"):
        publish(Overtaken(), version("r1"), staged, over=None)


def test_a_manifest_reads_back_as_written():
    manifest = version("r1")

    assert from_json(manifest.to_json(), where="x") == manifest


@pytest.mark.parametrize("data", [b"", b"{}", b"[]", b'{"manifest_version": 2}', b"\xff"])
def test_what_is_no_manifest_is_told(data):
    with pytest.raises(LakeError) as e:
        from_json(data, where="dwd/x/manifest.json")

    assert str(e.value).startswith("dwd/x/manifest.json: ")
