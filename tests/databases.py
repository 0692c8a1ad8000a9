"""Real databases for tests, as processes on loopback: one of a kind for a session of tests."""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from conftest import ROOT


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

    def width(self, query: str) -> int:
        """Count the columns of a query."""
        with self._link.cursor() as cursor:
            cursor.execute(f"select * from ({query}) as q limit 0")
            return len(cursor.description)

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
