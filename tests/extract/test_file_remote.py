"""Connector `file` at servers that fsspec reads: sftp and ftp that run, and what can go wrong."""

from __future__ import annotations

import gzip
import socket
import sys
from datetime import date
from importlib import import_module

import pytest

from conftest import Project
from nomad.config.sources import SourceConfig
from nomad.errors import ConfigError, SourceMissing, Unreachable
from nomad.extract.base import Request
from nomad.extract.connectors.file import CONNECTOR
from transfer import PASSWORD, USER, WHO, ftp, sftp

DAY = date(2024, 1, 2)
TEXT = b"code,close\nA,1\n"


@pytest.fixture(params=[sftp, ftp], ids=["sftp", "ftp"])
def remote(request, tmp_path):
    """A server with four files: how its addresses begin."""
    root = tmp_path / "theirs"
    for name in ("k=v/b_2024-01-02.csv", "k=v/a 深 [1]_2024-01-02.csv", "k=v/.c_2024-01-02.csv"):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(TEXT)
    (root / "in").mkdir()
    (root / "in/2024-01-02.csv.gz").write_bytes(gzip.compress(TEXT))
    with request.param(root) as host:
        yield f"{request.param.__name__}://{WHO}@{host}"


def asked(root, path, **options) -> Request:
    known = options.pop("known", {})
    source = SourceConfig("s", "file", {"path": path, **options}, "nomad.yaml:3")
    return Request(source, DAY, root, known=known)


def landed(root, path, **options):
    into = root / "into"
    into.mkdir(exist_ok=True)
    return list(CONNECTOR.fetch(asked(root, path, **options), into))


def test_a_file_lands(remote, tmp_path):
    (file,) = landed(tmp_path, f"{remote}/in/2024-01-02.csv.gz")

    assert file.path.read_bytes() == TEXT
    assert file.part == ""


def test_who_asks_may_stand_in_the_options(remote, tmp_path):
    bare = remote.replace(f"{WHO}@", "")
    who = {"username": USER, "password": PASSWORD}

    (file,) = landed(tmp_path, f"{bare}/in/2024-01-02.csv.gz", storage_options=who)

    assert file.path.read_bytes() == TEXT


def test_the_files_of_a_pattern_land_in_order(remote, tmp_path):
    files = landed(tmp_path, f"{remote}/k=v/*_2024-01-02.csv")

    bare = remote.replace(f"{WHO}@", "")
    assert [f.part for f in files] == [
        f"{bare}/k=v/a 深 [1]_2024-01-02.csv",
        f"{bare}/k=v/b_2024-01-02.csv",
    ]
    assert [f.path.read_bytes() for f in files] == [TEXT, TEXT]
    assert len(landed(tmp_path, f"{remote}/**/*.csv*")) == 3
    assert len(landed(tmp_path, f"{remote}/k=v/a 深 [1]_2024-01-02.csv")) == 1


def test_what_has_the_same_stamp_is_not_brought_again(remote, tmp_path):
    path = f"{remote}/k=v/*.csv"
    known = {f.part: f.state for f in landed(tmp_path, path, each="file")}
    with (tmp_path / "theirs/k=v/b_2024-01-02.csv").open("ab") as f:
        f.write(b"B,2\n")

    (file,) = landed(tmp_path, path, each="file", known=known)

    assert file.path.read_bytes() == TEXT + b"B,2\n"
    assert "word" not in str(known)


def test_what_is_not_there_is_missing(remote, tmp_path):
    for path in ("in/2024-01-03.csv", "in/*_2024-01-03.csv", "none/*.csv"):
        with pytest.raises(SourceMissing) as caught:
            landed(tmp_path, f"{remote}/{path}")

        assert caught.value.where.endswith(f"{remote.rpartition('@')[2]}/{path}")
        assert "word" not in caught.value.where


def test_a_look_tells_what_is_there(remote, tmp_path):
    bare = remote.replace(f"{WHO}@", "")

    one = CONNECTOR.probe(asked(tmp_path, f"{remote}/k=v/b_2024-01-02.csv"))
    two = CONNECTOR.probe(asked(tmp_path, f"{remote}/k=v/*.csv"))

    assert one == f"{bare}/k=v/b_2024-01-02.csv, 15 bytes"
    assert two.startswith(f"2 files, {bare}/k=v/a 深 [1]_2024-01-02.csv to ")
    with pytest.raises(SourceMissing):
        CONNECTOR.probe(asked(tmp_path, f"{remote}/k=v/none.csv"))


def test_a_wrong_password_is_told_and_not_shown(remote, tmp_path):
    wrong = remote.replace(WHO, "me:hunter22")

    with pytest.raises(Unreachable) as caught:
        landed(tmp_path, f"{wrong}/in/2024-01-02.csv")

    assert "the server refuses who asks" in caught.value.what
    assert caught.value.hint == "check user and password"
    assert "hunter22" not in str(caught.value)


@pytest.mark.parametrize("scheme", ["sftp", "ftp"])
def test_a_server_that_is_not_there_is_told(tmp_path, scheme):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]

    with pytest.raises(Unreachable) as down:
        landed(tmp_path, f"{scheme}://127.0.0.1:{port}/x.csv")
    with pytest.raises(Unreachable) as unknown:
        landed(tmp_path, f"{scheme}://nowhere.invalid/x.csv")

    assert "no answer" in down.value.what
    assert unknown.value.what == "source `s`: there is no such host"


@pytest.mark.parametrize(
    ("path", "options", "what", "hint"),
    [
        ("sfpt://h/x.csv", {}, "nothing reads files from sfpt://", "is it spelled right?"),
        ("gs://b/x.csv", {}, "reading from there needs a package for gs://", "pip install 'gcsfs'"),
        ("az://b/x.csv", {}, "reading from there needs a package for az://", "pip install 'adlfs'"),
        (
            "sftp://127.0.0.1/x.csv",
            {"pasword": "a"},
            "sftp:// can't be opened so:",
            "fsspec's pages",
        ),
    ],
)
def test_an_address_or_option_that_is_none_is_told(tmp_path, path, options, what, hint):
    with pytest.raises(ConfigError) as caught:
        landed(tmp_path, path, storage_options=options)

    assert what in caught.value.what
    assert hint in caught.value.hint


@pytest.mark.parametrize(
    ("modules", "hint"),
    [
        (["fsspec", "fsspec.core"], "pip install 'nomad-warehouse[fsspec]'"),
        (["paramiko", "fsspec.implementations.sftp"], "pip install 'nomad-warehouse[sftp]'"),
    ],
)
def test_a_package_that_lacks_is_named(tmp_path, monkeypatch, modules, hint):
    registry = import_module("fsspec.registry")
    monkeypatch.delitem(registry._registry, "sftp", raising=False)
    for module in modules:
        monkeypatch.setitem(sys.modules, module, None)

    with pytest.raises(ConfigError) as caught:
        landed(tmp_path, "sftp://127.0.0.1/x.csv")

    assert caught.value.hint == hint


def test_it_lands_by_date_with_the_password_from_the_environment(remote, tmp_path, monkeypatch):
    monkeypatch.setenv("THEIR_PASSWORD", PASSWORD)
    bare = remote.replace(f"{WHO}@", "")
    project = Project(tmp_path)
    project.write(
        "nomad.yaml",
        f'sources:\n  s: {{connector: file, path: "{bare}/in/$<PARTITION_DATE>.csv.gz",'
        " storage_options: {username: me, password: '${THEIR_PASSWORD}'}}\n",
    )

    answer = project("extract", "--dt", "2024-01-02")

    assert answer.code == 0, answer.err
    assert project.rows("select code, dt::varchar from raw.s") == [["A", "2024-01-02"]]
    assert PASSWORD not in (project.lake / "raw/s/dt=2024-01-02/manifest.json").read_text()
    assert project("extract", "--dt", "2024-01-03").code == 3
