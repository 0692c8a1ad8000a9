"""Start-up is a feature: help and version import click and nothing else of weight."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from conftest import ROOT

HEAVY = {"duckdb", "sqlglot", "boto3", "rich", "yaml", "openpyxl", "pytz"}


def imported(*words: str) -> set[str]:
    """The libraries a command line has imported by its end."""
    code = (
        "import os, sys\n"
        "end = os._exit\n"
        "def told(code):\n"
        "    sys.stderr.write('\\n@' + ' '.join(sys.modules))\n"
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
    found = {m.split(".")[0] for m in done.stderr.rpartition("@")[2].split()}
    assert "nomad" in found, done.stderr
    return found


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


def test_a_warm_listing_parses_nothing(built):
    """Parsed SQL comes from the cache. DuckDB is imported, but for its version alone."""
    words = ("--project", str(built.root), "ls")
    built("ls")

    assert imported(*words) & (HEAVY - {"rich"}) == {"duckdb"}


@pytest.mark.parametrize("words", [("ls",), ("run", "dwd", "--dt", "2024-01-02", "--force")])
def test_what_is_parsed_already_needs_no_parser(built, words):
    """It takes 30 MB, which a run over what is known does without."""
    built("ls")
    done = built.process(*words, env_extra={"PYTHONPROFILEIMPORTTIME": "1"})

    assert done.returncode == 0
    assert "nomad.sqlfile" in done.stderr
    assert "sqlglot" not in done.stderr
