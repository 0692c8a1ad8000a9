"""While runs republish one partition in a loop, no reader is ever given another number."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import duckdb
import pytest

from conftest import ROOT, rarely

AT_MOST = 120
"""Seconds after which it has failed."""


REPLACED = "replaced between opening and asking"


def from_the_catalog(project):
    """Open the catalog as it is now, and ask; a file it names may be gone by then."""
    with duckdb.connect(str(project.root / "catalog/catalog.duckdb"), read_only=True) as con:
        try:
            return con.execute("select count(*), sum(close) from dwd.dwd_price").fetchall()
        except duckdb.IOException as e:
            gone = "No files found" in str(e) or "Cannot open file" in str(e)
            return REPLACED if gone else str(e)


@pytest.mark.parametrize(("answers", "versions"), [(30, 5), *rarely((100, 10))])
def test_readers_never_see_another_number(  # noqa: PLR0917
    built, answers, versions, capsys, tmp_path, monkeypatch
):
    """Until there are so many answers over so many versions."""
    loop = (
        "import sys\nfrom nomad.cli import app\n"
        "while True:\n"
        "    try: app(['run', 'dwd_price', '--dt', '2024-01-02', '--force', '-q'])\n"
        "    except SystemExit as e:\n        if e.code: sys.exit(e.code)\n"
    )
    writer = subprocess.Popen(
        [sys.executable, "-c", loop],
        cwd=built.root,
        env={**os.environ, "PYTHONPATH": str(ROOT / "lib")},
        stderr=subprocess.PIPE,
        text=True,
    )
    monkeypatch.chdir(tmp_path)
    first = built.manifest("dwd.dwd_price", "2024-01-02")["run_id"]
    live = fresh = replaced = 0
    seen = set()
    end = time.monotonic() + AT_MOST
    try:
        while live < answers or len(seen) < versions:
            assert time.monotonic() < end, f"only {live} answers, {len(seen)} versions"
            assert built.rows("select count(*), sum(close) from dwd.dwd_price") == [[4, 10]]
            live += 1
            answer = from_the_catalog(built)
            assert answer in ([(4, 10)], REPLACED)
            fresh, replaced = fresh + (answer != REPLACED), replaced + (answer == REPLACED)
            seen.add(built.manifest("dwd.dwd_price", "2024-01-02")["run_id"])
        assert writer.poll() is None, writer.stderr.read()
    finally:
        writer.kill()
        writer.communicate()

    with capsys.disabled():
        print(  # noqa: T201
            f"\n  readers: {len(seen - {first})} versions seen, {live} answers of nomad sql,"
            f" {fresh} of the catalog, {replaced} replaced between opening and asking"
        )
    assert fresh > replaced
