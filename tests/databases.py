"""Real databases for tests, as processes on loopback: one of a kind for a session of tests."""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pytest

from conftest import ROOT
from nomad.config.sources import SourceConfig
from nomad.errors import NomadError
from nomad.extract.base import Bounds, Request
from nomad.extract.registry import CONNECTORS


@dataclass(frozen=True)
class Database:
    """A server: how it is reached, and the file in which it notes each statement."""

    environ: dict[str, str]
    log: Path

    @property
    def port(self) -> int:
        return int(self.environ.get("PGPORT") or self.environ["MYSQL_TCP_PORT"])

    @property
    def password(self) -> str:
        return self.environ.get("PGPASSWORD") or self.environ["MYSQL_PWD"]

    def options(self, **more) -> dict[str, object]:
        """The options of a source that reaches it."""
        name = self.environ.get("PGDATABASE") or self.environ["MYSQL_DATABASE"]
        who = {"user": "nomad", "password": self.password, "database": name}
        return {"host": "127.0.0.1", "port": self.port, **who, **more}

    def connect(self):
        """A client, each of whose statements is committed at once."""
        if "PGPORT" in self.environ:
            import psycopg

            return psycopg.connect(
                host="127.0.0.1", port=self.port, user="nomad", password=self.password,
                dbname="postgres", autocommit=True,
            )  # fmt: skip
        import pymysql

        return pymysql.connect(
            host="127.0.0.1", port=self.port, user="nomad", password=self.password,
            database="shop", autocommit=True, charset="utf8mb4",
        )  # fmt: skip


@contextmanager
def running(kind: str) -> Iterator[Database]:
    script = ROOT / "bin" / "database"
    with tempfile.TemporaryDirectory(prefix="nomad-", ignore_cleanup_errors=True) as folder:
        try:
            done = subprocess.run(
                [script, "start", kind, folder], check=False, capture_output=True, text=True
            )
            assert done.returncode == 0, done.stderr
            environ = dict(re.findall(r"(\w+)=(\S+)", done.stdout))
            yield Database(environ, Path(folder) / "log")
        finally:
            subprocess.run([script, "stop", folder], check=True)


@pytest.fixture(scope="session")
def postgres_server():
    with running("postgres") as server:
        yield server


@pytest.fixture(scope="session")
def mariadb_server():
    with running("mariadb") as server:
        yield server


class Client:
    """A server as a test uses it: what it runs there, and what nomad asked it since."""

    def __init__(self, server: Database) -> None:
        self.server = server
        self._link = server.connect()
        self._from = server.log.stat().st_size

    def run(self, *statements: str) -> None:
        for statement in statements:
            with self._link.cursor() as cursor:
                cursor.execute(statement)

    def rows(self, query: str) -> list[tuple]:
        with self._link.cursor() as cursor:
            cursor.execute(query)
            return list(cursor.fetchall())

    def asked(self) -> str:
        """What the server has noted since the test began."""
        return self.server.log.read_bytes()[self._from :].decode(errors="replace")

    def close(self) -> None:
        self._link.close()


@pytest.fixture
def postgres(postgres_server):
    client = Client(postgres_server)
    client.run("drop schema public cascade", "create schema public")
    yield client
    client.close()


@pytest.fixture
def mariadb(mariadb_server):
    client = Client(mariadb_server)
    client.run("drop database shop", "create database shop character set utf8mb4", "use shop")
    yield client
    client.close()


def asked(
    connector: str, window=None, *, mark=None, until=None, limit=None, root=ROOT, **options
) -> Request:
    """A request by options; those that are None are left out."""
    given = {name: value for name, value in options.items() if value is not None}
    source = SourceConfig("s", connector, given, "nomad.yaml:2")
    return Request(source, window, root, watermark=mark, until=until, limit=limit)


def fetched(connector: str, folder: Path, window=None, **options):
    """Fetch, and give the rows in the order of their first column; None where nothing came."""
    into = folder / "into"
    into.mkdir(exist_ok=True)
    landed = list(CONNECTORS[connector].fetch(asked(connector, window, **options), into))
    if not landed:
        return None
    (one,) = landed
    assert (one.path, one.window) == (into / "rows.parquet", window)
    with duckdb.connect() as con:
        return con.sql(f"from read_parquet('{one.path}') order by 1").fetchall()


def parted(connector: str, folder: Path, bound: str, **options) -> tuple[Bounds | None, list, list]:
    """The bounds of a source, and the first values of its rows below a bound, and from it on."""
    request = asked(connector, **options)
    below, above = (
        fetched(connector, folder, **{how: bound}, **options) for how in ("until", "mark")
    )
    first = ([row[0] for row in rows or []] for rows in (below, above))
    return CONNECTORS[connector].bounds(request), *first


def described(path: Path, given):
    """The types and values of a file's only row, values as text where that is what is `given`."""
    with duckdb.connect() as con:
        con.execute("set timezone = 'UTC'")
        found = con.sql(f"from read_parquet('{path}')")
        texts = found.project("columns(*)::varchar").fetchone()
        rows = zip(given, map(str, found.types), found.fetchone(), texts, strict=True)
        return [(g[0], kind, value if value == g[2] else text) for g, kind, value, text in rows]


def refused(act, kind=NomadError) -> str:
    """What an act is refused with: its kind, what, and what to do."""
    with pytest.raises(kind) as caught:
        act()
    e = caught.value
    assert e.where == "nomad.yaml:2"
    return f"{type(e).__name__}: {e.what}; {e.hint}"


def ids(rows):
    return [row[0] for row in rows]
