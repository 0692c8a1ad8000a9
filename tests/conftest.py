"""Fixtures that carry everything: a project, a lake, and nomad as a user types it."""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pytest
from click.testing import CliRunner

from kept import Kept
from nomad.cli import app
from nomad.project import reading
from nomad.project.parse_pool import parse_all

ROOT = Path(__file__).parents[1]
pytest_plugins = ["buckets", "databases"]


def pytest_report_header() -> str:
    return f"duckdb {duckdb.__version__}"


def pytest_collection_finish() -> None:
    """What is there by now stays: collecting garbage passes it over, and is done more rarely."""
    gc.freeze()
    gc.set_threshold(10_000, 50, 50)


@pytest.fixture(scope="session", autouse=True)
def _unsynced():
    """No test waits for the disk: none has a power cut, which a sync is for."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda _: None)
        yield


@pytest.fixture(scope="session", autouse=True)
def _parsed_here():
    """A command of the tests' own process parses the few files of a project in it.

    A fork of a process as large as this one takes far longer. That both give the same is held by
    tests/project/test_parse_pool.py, and commands that are processes fork as they do for users.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            reading, "parse_all", lambda texts, opinion, **_: parse_all(texts, opinion, processes=0)
        )
        yield


@pytest.fixture(scope="session", autouse=True)
def _hosts(tmp_path_factory):
    """What is known of hosts is kept among the tests' own files."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@dataclass(frozen=True)
class Answer:
    """What came back from a command line."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    def statuses(self) -> dict[str, str]:
        """Of `--output json`: table and date to status."""
        return {
            f"{s['table']} {s['partition_date'] or ''}".strip(): s.get("status", s.get("action"))
            for s in self.json["steps"]
        }

    def reasons(self) -> dict[str, str]:
        return {
            f"{s['table']} {s['partition_date'] or ''}".strip(): s["reason"]
            for s in self.json["steps"]
        }


class Project:
    """A project in a temporary folder; calling it types a nomad command there."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.lake = root / "lake"

    def write(self, path: str, text: str | bytes) -> Path:
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(text, bytes):
            target.write_bytes(text)
        else:
            target.write_text(text, encoding="utf-8")
        return target

    def __call__(self, *words: str, env: dict[str, str] | None = None) -> Answer:
        result = CliRunner().invoke(
            app, ["--project", str(self.root), *words], env=env, catch_exceptions=False
        )
        return Answer(result.exit_code, result.stdout, result.stderr)

    def process(
        self, *words: str, env_extra: dict[str, str] | None = None, **options: Any
    ) -> subprocess.CompletedProcess[str]:
        """The same as a process of its own, in the project's folder."""
        settings = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, **options}
        command = [sys.executable, "-m", "nomad", *words]
        environ = {**os.environ, "PYTHONPATH": str(ROOT / "lib"), **(env_extra or {})}
        return subprocess.run(command, cwd=self.root, env=environ, check=False, **settings)

    def completed(self, last: str, *, shell: str = "bash") -> str:
        """What a shell is told to complete the last word of `nomad run …` by."""
        words = {"COMP_WORDS": f"nomad run {last}", "COMP_CWORD": "2"}
        return self.process(env_extra={"_NOMAD_COMPLETE": f"{shell}_complete", **words}).stdout

    def rows(self, query: str) -> list[list[Any]]:
        answer = self("sql", query, "--output", "json")
        assert answer.code == 0, answer.err
        return [list(r.values()) for r in answer.json["rows"]]

    def manifest(self, table: str, dt: str | None = None) -> dict[str, Any]:
        folder = self.lake / table.replace(".", "/") / (f"dt={dt}" if dt else "")
        return json.loads((folder / "manifest.json").read_text(encoding="utf-8"))


CONFIG = """\
layers: [ods, dwd, dws]
timezone: UTC
sources:
  price: {connector: file, path: "in/$<PARTITION_DATE>.csv"}
"""

ODS = """\
-- Prices as delivered.
select symbol, cast(close as integer) as close from raw.price where dt = '$<PARTITION_DATE>'
"""

DWD = """\
-- Prices above zero.
select symbol, close from ods.ods_price where dt = '$<PARTITION_DATE>' and close > 0
"""

DWS = """\
-- All prices so far.
select symbol, max(close) as highest, count(*) as days from dwd.dwd_price group by symbol
"""


@pytest.fixture
def empty(tmp_path: Path) -> Project:
    """A folder without anything."""
    return Project(tmp_path)


def chain(made: Project, more: str = "") -> Project:
    """Write the three tables, two days of their source, and the configuration."""
    made.write("nomad.yaml", CONFIG + more)
    made.write("sql/ods/ods_price.sql", ODS)
    made.write("sql/dwd/dwd_price.sql", DWD)
    made.write("sql/dws/dws_price.sql", DWS)
    made.write("in/2024-01-02.csv", "symbol,close\nA,1\nB,2\n")
    made.write("in/2024-01-03.csv", "symbol,close\nA,3\nB,4\n")
    return made


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A chain of three tables over one source with two days of data."""
    return chain(Project(tmp_path))


TWO_DAYS = ("--from", "2024-01-02", "--to", "2024-01-03")


def build(made: Project) -> None:
    """Extract and build the chain's two days."""
    for command in ("extract", "run"):
        answer = made(command, *TWO_DAYS)
        assert answer.code == 0, answer.err


def kept(make: Callable[[Project], object]) -> Any:
    """Make a fixture of how a project is made: it is done once, and given anew when called."""

    @pytest.fixture(scope="session")
    def made(tmp_path_factory) -> Callable[[], Project]:
        found = Kept(tmp_path_factory.mktemp(make.__name__))
        make(Project(found.place))
        found.keep()
        return lambda: Project(found.anew())

    return made


@kept
def built_chain(made: Project) -> None:
    build(chain(made))


@pytest.fixture
def built(built_chain) -> Project:
    """The same, both days extracted and built."""
    return built_chain()


@pytest.fixture
def staged(tmp_path: Path) -> list[Path]:
    """A file that waits for its publication."""
    path = tmp_path / "staged.parquet"
    path.write_bytes(b"rows")
    return [path]


def rarely(*values: Any) -> list[Any]:
    """Mark values of a parameter, or tuples of several, for `make test-slow` alone."""
    rows = (v if isinstance(v, tuple) else (v,) for v in values)
    return [pytest.param(*row, marks=pytest.mark.slow) for row in rows]


@pytest.fixture
def restless():
    """Python's threads take turns as often as they can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)
