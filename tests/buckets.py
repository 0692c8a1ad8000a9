"""A server for a session of tests, a bucket for each test, and a project whose lake is in it."""

from __future__ import annotations

import os
import uuid
from contextlib import ExitStack

import pytest

SERVERS = ["emulator", pytest.param("ceph", marks=pytest.mark.s3)]


@pytest.fixture(scope="session")
def running(tmp_path_factory):
    """Servers by name, started when first asked for."""
    from servers import emulator, gateway

    started = {}
    with ExitStack() as stack:

        def start(name):
            if name not in started:
                kind = emulator if name == "emulator" else gateway
                started[name] = stack.enter_context(kind(tmp_path_factory.mktemp(name)))
            return started[name]

        yield start


@pytest.fixture(params=SERVERS)
def server(request, running, monkeypatch):
    found = running(request.param)
    use(monkeypatch, found)
    return found


def use(monkeypatch, found):
    """Let nomad reach a server as users do: by the environment."""
    for name in [n for n in os.environ if n.startswith("AWS_") and n != "AWS_CA_BUNDLE"]:
        monkeypatch.delenv(name)
    for name, value in found.environ().items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def bucket(server):
    name = f"b-{uuid.uuid4().hex[:12]}"
    client = server.client()
    client.create_bucket(Bucket=name)
    yield name
    client.close()


PREFIX = "my lake/é=1+2%20#x"


@pytest.fixture
def lake(tmp_path, server, bucket):  # noqa: ARG001
    """The chain of three tables, its lake below a prefix that needs care."""
    from conftest import Project, chain

    return chain(Project(tmp_path / "project"), f'lake: {{url: "s3://{bucket}/{PREFIX}"}}\n')


@pytest.fixture
def built_lake(lake):
    for command in ("extract", "run"):
        answer = lake(command, "--from", "2024-01-02", "--to", "2024-01-03")
        assert answer.code == 0, answer.err
    return lake
