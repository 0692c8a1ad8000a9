"""The commit under every interleaving of two publishers and a reader, a crash after every step."""

from __future__ import annotations

import json

import pytest

from nomad.errors import LostRace
from nomad.lake.doctor import examine, repair
from nomad.lake.lake import Lake
from nomad.lake.layout import MANIFEST, manifest_key
from nomad.lake.manifest import Published
from nomad.lake.publish import publish, retire
from nomad.store.memory import MemoryStore
from versions import FOLDER, TABLE, version
from walk import Walk

VERSIONS = {"r0": "old", "r1": "one", "r2": "two"}


def publisher(run_id, paths, *, act=publish, keep=0):
    """Look, publish, retire: what a run does with one partition."""

    def actor(store):
        over = Lake(store).published(TABLE, None)
        made = version(RUNS[run_id], refused=True)
        ours = act(store, made, paths, over=over, quarantined=paths[0])
        if over:
            retire(store, over.manifest, keep=keep)
        return ours.manifest.run_id

    return actor


RUNS = {n: f"20240102T00000{n}Z-00000{n}" for n in (0, 1, 2)}


def reader(store):
    """Read the manifest, then each of its files; look again where one is gone meanwhile."""
    for _ in range(4):
        manifest = Lake(store).manifest(TABLE, None)
        if manifest is None:
            return "nothing"
        if all(store.read(f"{FOLDER}/{f.name}") for f in manifest.files):
            return manifest.run_id
    return "never still"


def published(paths) -> dict[str, bytes]:
    store = MemoryStore()
    publish(store, version(RUNS[0], refused=True), paths, over=None, quarantined=paths[0])
    return store.objects


def refused(manifest):
    return f"_quarantine/{FOLDER}/{manifest['quarantined']['name']}"


class Invariants:
    """What must hold at every moment (I1–I4), and what doctor leaves (I3)."""

    def __init__(self) -> None:
        self.answers = set()

    def __call__(self, objects, ends):
        manifest = json.loads(objects[manifest_key(TABLE, None)])
        for file in manifest["files"]:
            assert f"{FOLDER}/{file['name']}" in objects, "I1: a manifest names a missing file"
        assert refused(manifest) in objects, "I1: a manifest names missing refused rows"
        self._history(objects)
        one, two, read = ends
        if read:
            assert read.error is None
            assert read.value in RUNS.values(), "I2: a reader saw no whole version"
            self.answers.add(read.value)
        for end in (one, two):
            if end and end.error:
                assert isinstance(end.error, LostRace), end.error
        self._one_winner(manifest, one, two)
        if one and two:
            self._doctor(objects)

    def _history(self, objects):
        """A past version whose rows are all there has its refused rows as well."""
        for key in (k for k in objects if k.startswith("_history") and k.endswith(MANIFEST)):
            past, body = key.removesuffix(MANIFEST), json.loads(objects[key])
            if all(past + f["name"] in objects for f in body["files"]):
                assert past + body["quarantined"]["name"] in objects, "refused rows were left"

    def _one_winner(self, manifest, one, two):
        """Who says it published is published, or was the base of the one who is."""
        chain = {manifest["run_id"], manifest["previous"]}
        for end in (one, two):
            if end and end.value:
                assert end.value in chain, "I4: a publisher believes it won, and was overwritten"

    def _doctor(self, objects):
        store = MemoryStore()
        store.objects = dict(objects)
        left = repair(store, _without_damage(examine(store, ["dwd"])))
        named = {f["name"] for f in json.loads(objects[manifest_key(TABLE, None)])["files"]}
        assert left == []
        assert {k for k in store.objects if not k.startswith("_history")} == {
            f"{FOLDER}/{n}" for n in (*named, "manifest.json", "_SUCCESS")
        } | {refused(json.loads(objects[manifest_key(TABLE, None)]))}
        self._history(store.objects)


def _without_damage(findings):
    """The files here are four bytes without a digest; only their presence counts."""
    return [f for f in findings if "not the bytes" not in f.what]


@pytest.mark.parametrize("keep", [0, 1])
def test_every_interleaving_of_two_publishers_and_a_reader(staged, capsys, keep):
    check = Invariants()
    publishers = (publisher(n, staged, keep=keep) for n in (1, 2))
    walk = Walk((*publishers, reader), check, crashes=2)

    schedules = walk.from_(published(staged))

    with capsys.disabled():
        print(  # noqa: T201
            f"\n  interleavings: {schedules:,} schedules through {len(walk.seen):,} states,"
            f" {walk.crashed:,} crash points"
        )
    assert check.answers == set(RUNS.values())
    assert schedules > 100_000
    assert walk.crashed > 1_000


def manifest_first(store, manifest, paths, *, over, quarantined):
    """The planted fault: the manifest is written before its files."""
    from dataclasses import replace

    ours = replace(manifest, previous=over.manifest.run_id if over else None)
    if not store.write_if(manifest_key(TABLE, None), ours.to_json(), expected=over.version):
        raise LostRace("somebody else was first")
    store.put(ours.refused_key, quarantined)
    for file, path in zip(ours.files, paths, strict=True):
        store.put(f"{FOLDER}/{file.name}", path)
    store.write(f"{FOLDER}/_SUCCESS", b"")
    return Published(ours, "")


def compare_skipped(store, manifest, paths, *, over, quarantined):
    """The planted fault: the manifest is written whatever is there."""
    from dataclasses import replace

    ours = replace(manifest, previous=over.manifest.run_id if over else None)
    for file, path in zip(ours.files, paths, strict=True):
        store.put(f"{FOLDER}/{file.name}", path)
    store.put(ours.refused_key, quarantined)
    store.write(manifest_key(TABLE, None), ours.to_json())
    store.write(f"{FOLDER}/_SUCCESS", b"")
    return Published(ours, "")


@pytest.mark.parametrize(("fault", "invariant"), [(manifest_first, "I1"), (compare_skipped, "I4")])
def test_a_protocol_with_a_fault_is_caught(staged, fault, invariant):
    actors = (publisher(1, staged, act=fault), publisher(2, staged, act=fault), reader)

    with pytest.raises(AssertionError, match=invariant):
        Walk(actors, Invariants(), crashes=2).from_(published(staged))
