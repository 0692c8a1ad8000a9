"""Start-up is a feature: help and version import click and nothing else of weight."""

from __future__ import annotations

import os
import subprocess
import sys

import duckdb
import pytest
import sqlglot

from conftest import ROOT, Project, chain
from nomad.engine.version import installed

HEAVY = {
    "duckdb", "sqlglot", "boto3", "rich", "yaml", "openpyxl", "pytz", "numpy", "pandas", "pyarrow",
}  # fmt: skip


def imported(*words: str) -> set[str]:
    """The libraries a command line has imported by its end."""
    return ended(*words)[0]


def ended(*words: str) -> tuple[set[str], float]:
    """The libraries a command line has imported by its end, and the MB it took at most."""
    code = (
        "import os, re, sys\n"
        "end = os._exit\n"
        "def told(code):\n"
        "    peak = re.search(r'VmHWM:\\s*(\\d+)', open('/proc/self/status').read())[1]\n"
        "    sys.stderr.write('\\n@' + ' '.join([peak, *sys.modules]))\n"
        "    sys.stderr.flush()\n"
        "    end(code)\n"
        "os._exit = told\n"
        f"sys.argv = ['nomad', *{list(words)!r}]\n"
        "from nomad.cli import main\n"
        "main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(ROOT / "lib")},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    peak, *modules = done.stderr.rpartition("@")[2].split()
    libraries = {m.split(".")[0] for m in modules}
    assert "nomad" in libraries, done.stderr
    return libraries, int(peak) / 1024


@pytest.mark.parametrize("words", [("--help",), ("--version",), ("run", "--help"), ("nosuch",)])
def test_help_imports_nothing_of_weight(words):
    assert imported(*words) & HEAVY == set()


def test_import_of_the_package_imports_nothing_of_weight():
    done = subprocess.run(
        [sys.executable, "-c", "import nomad, sys; print(*sys.modules)"],
        env={**os.environ, "PYTHONPATH": str(ROOT / "lib")},
        capture_output=True,
        text=True,
        check=True,
    )

    assert {m.split(".")[0] for m in done.stdout.split()} & (HEAVY | {"click"}) == set()


DAYS = ("--from", "2024-01-02", "--to", "2024-01-03")
LOOKS = (
    ("ls",),
    ("plan", *DAYS),
    ("run", *DAYS),
    ("backfill", *DAYS),
    ("status", *DAYS),
    ("show", "dwd_price"),
    ("history", "dwd_price"),
    ("files", "dwd_price", "--dt", "2024-01-02"),
    ("render", "dwd_price", "--dt", "2024-01-02"),
    ("graph",),
    ("config",),
    ("gc",),
)


@pytest.fixture(scope="module")
def looked_at(tmp_path_factory) -> Project:
    """A project with a calendar that is built, and has been asked for all of these once."""
    project = chain(Project(tmp_path_factory.mktemp("project")), "calendar: dws.dws_days\n")
    project.write(
        "sql/dws/dws_days.sql", "select date '2024-01-02' + unnest([0, 1])::integer as day"
    )
    for words in (("extract", *DAYS), ("run", *DAYS), *LOOKS):
        answer = project(*words)
        assert answer.code == 0, answer.err
    return project


@pytest.mark.parametrize("words", LOOKS, ids=lambda words: words[0])
def test_a_command_that_has_nothing_to_compute_loads_no_engine(looked_at, words):
    """DuckDB and sqlglot take 40 MB each. What SQL was parsed to comes from the cache."""
    libraries, peak = ended("--project", str(looked_at.root), *words)

    assert libraries & HEAVY == set()
    assert peak < 40


def test_a_run_over_what_is_parsed_already_loads_the_engine_and_no_parser(looked_at):
    words = ("run", "dwd_price", "--dt", "2024-01-02", "--force")

    assert imported("--project", str(looked_at.root), *words) & HEAVY == {"duckdb"}


def test_the_version_of_the_engine_is_told_without_it():
    assert installed("duckdb") == duckdb.__version__
    assert installed("sqlglot") == sqlglot.__version__
