"""A server for a session of tests, a bucket for each test, and a project whose lake is in it."""

from __future__ import annotations

import os
import uuid
from contextlib import ExitStack, closing, contextmanager
from functools import cache

import pytest

from kept import Kept

SERVERS = ["emulator", pytest.param("ceph", marks=pytest.mark.s3)]


@pytest.fixture(scope="session")
def running(tmp_path_factory):
    """Servers by name, started when first asked for."""
    from servers import emulator, gateway

    started = {}
    with ExitStack() as stack:
        stack.enter_context(one_loader())

        def start(name):
            if name not in started:
                kind = emulator if name == "emulator" else gateway
                started[name] = stack.enter_context(kind(tmp_path_factory.mktemp(name)))
            return started[name]

        yield start


@contextmanager
def one_loader():
    """Read what boto3 knows of AWS once, not for each client: a fifth of a second.

    Likewise what it makes of that: each command has a client of its own, and makes it all anew.
    """
    from botocore import client, hooks, loaders

    made, names = cache(loaders.create_loader), {}
    model = cache(client.ClientCreator(made(), *[None] * 6)._load_service_model)
    begin = hooks.EventAliaser.__init__

    def aliasing(self, *words, **named):
        begin(self, *words, **named)
        self._alias_name_cache = names

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loaders, "create_loader", made)
        patch.setattr(client.ClientCreator, "_load_service_model", lambda _, *words: model(*words))
        patch.setattr(hooks.EventAliaser, "__init__", aliasing)
        yield


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


PREFIX = "my lake/é=1+2%20#x"


def made_bucket(server):
    name = f"b-{uuid.uuid4().hex[:12]}"
    with closing(server.client()) as client:
        client.create_bucket(Bucket=name)
    return name


def chained(place, bucket):
    """The chain of three tables, its lake below a prefix that needs care."""
    from conftest import Project, chain

    return chain(Project(place), f'lake: {{url: "s3://{bucket}/{PREFIX}"}}\n')


class KeptLake:
    """A project built once into a bucket, and put back, folder and bucket, for each test."""

    def __init__(self, server, folder):
        from conftest import build

        self.bucket, self._kept = made_bucket(server), Kept(folder)
        build(chained(self._kept.place, self.bucket))
        self._kept.keep()
        with closing(server.client()) as client:
            self._objects = {k: self._body(client, k) for k in self._keys(client)}

    def anew(self, server):
        with closing(server.client()) as client:
            for key in self._keys(client):
                client.delete_object(Bucket=self.bucket, Key=key)
            for key, body in self._objects.items():
                client.put_object(Bucket=self.bucket, Key=key, Body=body)
        return self._kept.anew()

    def _keys(self, client):
        pages = client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket)
        return [o["Key"] for page in pages for o in page.get("Contents", [])]

    def _body(self, client, key):
        return client.get_object(Bucket=self.bucket, Key=key)["Body"].read()


@pytest.fixture(scope="session")
def kept_lakes():
    """Built lakes, by the name of their server."""
    return {}


@pytest.fixture
def bucket(request, server, kept_lakes, tmp_path_factory):
    """A bucket of the test's own, or the one of `built_lake`."""
    if "built_lake" not in request.fixturenames:
        return made_bucket(server)
    if server.name not in kept_lakes:
        kept_lakes[server.name] = KeptLake(server, tmp_path_factory.mktemp("lake"))
    return kept_lakes[server.name].bucket


@pytest.fixture
def lake(tmp_path, bucket):
    return chained(tmp_path / "project", bucket)


@pytest.fixture
def built_lake(bucket, server, kept_lakes):  # noqa: ARG001
    from conftest import Project

    return Project(kept_lakes[server.name].anew(server))
