"""One contract for every store."""

from __future__ import annotations

import errno
import hashlib
import os
import threading
import uuid
from pathlib import Path

import pytest

from buckets import use
from nomad.errors import LakeError, Unanswered
from nomad.store.address import Address
from nomad.store.local import LocalStore
from nomad.store.memory import MemoryStore
from nomad.store.overlay import OverlayStore
from nomad.store.s3 import S3Store


@pytest.fixture(
    params=["local", "memory", "overlay", "emulator", pytest.param("ceph", marks=pytest.mark.s3)]
)
def store(request, tmp_path, running):
    if request.param == "local":
        return LocalStore(tmp_path / "lake")
    if request.param == "memory":
        return MemoryStore()
    if request.param == "overlay":
        return OverlayStore(MemoryStore(), tmp_path / "above")
    server, bucket = running(request.param), f"b-{uuid.uuid4().hex[:12]}"
    use(request.getfixturevalue("monkeypatch"), server)
    server.client().create_bucket(Bucket=bucket)
    address = Address(bucket, "a lake/é", endpoint=server.endpoint)
    return S3Store(address)


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "staged.parquet"
    path.write_bytes(b"rows")
    return path


KEY = "dwd/x/dt=2024-01-02/a b=é.txt"


def test_what_is_written_is_read(store):
    store.write(KEY, b"one")
    store.write(KEY, b"two")

    assert store.read(KEY).data == b"two"


def test_what_is_not_there_is_none(store):
    assert store.read(KEY) is None
    assert store.read("dwd") is None
    assert list(store.list("dwd")) == []
    assert store.folders("dwd") == []


def test_a_file_is_taken_in(store, file):
    store.put(KEY, file)

    assert store.read(KEY).data == b"rows"


def test_a_file_is_brought_back_as_it_was_taken_in(store, file, tmp_path):
    store.put(KEY, file)
    store.get(KEY, tmp_path / "brought")

    assert (tmp_path / "brought").read_bytes() == b"rows"


def test_what_is_not_there_can_t_be_brought(store, tmp_path):
    with pytest.raises(LakeError):
        store.get(KEY, tmp_path / "brought")


def test_many_are_read_and_digested_in_the_order_asked_for(store):
    store.write("a/2", b"two")
    store.write("a/1", b"one")
    wanted = ["a/2", "a/none", "a/1"]

    read = [(key, blob and blob.data) for key, blob in store.read_all(wanted)]
    digests = dict(store.digests(wanted))

    assert read == [("a/2", b"two"), ("a/none", None), ("a/1", b"one")]
    assert digests == {
        "a/2": hashlib.sha256(b"two").hexdigest(),
        "a/none": None,
        "a/1": hashlib.sha256(b"one").hexdigest(),
    }
    assert list(digests) == wanted


def test_what_is_there_exists(store):
    store.write(KEY, b"")

    assert store.exists(KEY)
    assert not store.exists("dwd/x")


def test_every_object_has_an_address_of_its_own(store):
    store.write("a/1", b"")

    assert len({store.uri("a/1"), store.uri("a/2"), store.uri("b/1")}) == 3


def test_the_first_write_wins_where_nothing_was(store):
    assert store.write_if(KEY, b"one", expected=None)
    assert not store.write_if(KEY, b"two", expected=None)
    assert store.read(KEY).data == b"one"


def test_a_write_wins_only_over_the_version_it_saw(store):
    store.write(KEY, b"one")
    seen = store.read(KEY).version
    store.write(KEY, b"two")

    assert not store.write_if(KEY, b"three", expected=seen)
    assert store.write_if(KEY, b"three", expected=store.read(KEY).version)
    assert store.read(KEY).data == b"three"


def test_a_write_over_what_is_gone_loses(store):
    store.write(KEY, b"one")
    seen = store.read(KEY).version
    store.delete(KEY)

    assert not store.write_if(KEY, b"two", expected=seen)
    assert store.read(KEY) is None


def test_moving_and_deleting_pass_over_what_is_gone(store):
    store.move(KEY, "_history/x")
    store.delete(KEY)
    store.write(KEY, b"one")
    store.move(KEY, "_history/x")

    assert store.read(KEY) is None
    assert store.read("_history/x").data == b"one"


def test_stamps_of_one_name_by_folder(store):
    for key in ("a/m", "a/x/m", "a/x/1", "a/y/z/m", "ab/m"):
        store.write(key, b"")

    assert set(store.survey("a", "m").stamps) == {"", "x"}
    assert store.survey("nowhere", "m").stamps == {}


def test_keys_and_folders_below(store):
    for key in ("a/x/1", "a/x/2", "a/y/z/3", "ab/4"):
        store.write(key, b"")

    assert sorted(e.key for e in store.list("a")) == ["a/x/1", "a/x/2", "a/y/z/3"]
    assert store.folders("a") == ["x", "y"]
    assert store.folders("a/y") == ["z"]


def test_of_many_at_once_exactly_one_wins(store):
    """Who gets no clear answer finds out by reading; who was told that it won, did."""
    for round_ in range(20):
        seen = store.read(KEY)
        expected, ends = seen.version if seen else None, at_once(store, round_, seen)

        there = store.read(KEY)
        assert there.version != expected or set(ends.values()) == {"unanswered"}
        if there.version != expected:
            winner = int(there.data.split()[1])
            assert ends[winner] in ("won", "unanswered")
            assert [n for n, end in ends.items() if end == "won" and n != winner] == []


def at_once(store, round_, seen):
    """Let eight write over the same version; give how each of them ended."""
    barrier, ends = threading.Barrier(8), {}

    def publish(n):
        barrier.wait()
        try:
            told = store.write_if(
                KEY, f"{round_} {n}".encode(), expected=seen.version if seen else None
            )
        except Unanswered:
            ends[n] = "unanswered"
        else:
            ends[n] = "won" if told else "lost"

    threads = [threading.Thread(target=publish, args=(n,)) for n in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    return ends


def test_a_folder_that_is_a_file_is_told(tmp_path):
    (tmp_path / "lake").write_text("not a folder")
    store = LocalStore(tmp_path / "lake")

    with pytest.raises(LakeError, match="the lake can't be used") as e:
        store.write("a/b", b"")

    assert e.value.exit_code == 3


def test_nothing_waits_in_scratch_after_a_write(tmp_path):
    store = LocalStore(tmp_path)
    store.write("a/b", b"")
    store.write_if("a/c", b"", expected=None)

    assert list(store.scratch.iterdir()) == []


def test_on_a_disk_bytes_are_synced_before_they_have_a_name_and_the_name_after(
    tmp_path, file, monkeypatch
):
    """What a manifest names is there after a power cut."""
    store, done, replace = LocalStore(tmp_path / "lake"), [], Path.replace

    def synced(handle):
        path = Path(os.readlink(f"/proc/self/fd/{handle}"))  # noqa: PTH115
        done.append(f"sync {path.suffix if path.suffix == '.part' else path.name}")

    def renamed(self, target):
        done.append(f"rename {target.name}")
        return replace(self, target)

    store.write_if("ods/t/manifest.json", b"0", expected=None)
    version = store.read("ods/t/manifest.json").version
    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(Path, "replace", renamed)

    store.put("ods/t/0.parquet", file)
    assert store.write_if("ods/t/manifest.json", b"1", expected=version)

    assert done == [
        "sync staged.parquet", "rename 0.parquet",
        "sync .part", "rename manifest.json", "sync t",
    ]  # fmt: skip


@pytest.mark.parametrize("act", ["put", "put_all"])
def test_a_folder_that_is_tidied_away_meanwhile_is_made_again(tmp_path, file, monkeypatch, act):
    """While the file's bytes are synced, another run ends, and takes its empty folders away."""
    store = LocalStore(tmp_path / "lake")

    def synced(handle):
        if os.fstat(handle).st_ino == file.stat().st_ino:
            store.tidy([folder])

    folder = "raw/s/_pieces/00000001"
    store.write(f"{folder}/b.json", b"0")
    store.delete(f"{folder}/b.json")
    monkeypatch.setattr(os, "fsync", synced)

    if act == "put":
        store.put(f"{folder}/a.json", file)
    else:
        store.put_all(folder, {"a.json": file})

    assert store.read(f"{folder}/a.json").data == b"rows"
    assert not file.exists()


def test_a_folder_that_cannot_be_looked_into_is_an_error_not_an_empty_one(tmp_path, monkeypatch):
    """What lies in it would be left out of an answer without a word."""
    store = LocalStore(tmp_path / "lake")
    store.write("dwd/x/dt=2024-01-02/manifest.json", b"{}")
    store.write("dwd/x/dt=2024-01-03/manifest.json", b"{}")
    ask = os.scandir

    def scandir(path):
        if str(path).endswith("dt=2024-01-03"):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return ask(path)

    monkeypatch.setattr(os, "scandir", scandir)

    with pytest.raises(LakeError, match="Permission denied") as caught:
        list(store.list("dwd/x"))
    assert str(caught.value.where).endswith("dt=2024-01-03")
