"""The scripts and the Makefile, as a user runs them."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPTS = sorted(p for p in (ROOT / "bin").iterdir() if p.is_file())


def sh(*words, cwd=ROOT, **environ):
    return subprocess.run(
        words,
        cwd=cwd,
        env={"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", **environ},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("script", SCRIPTS, ids=[p.name for p in SCRIPTS])
def test_each_script_says_what_it_is_for(script):
    head = script.read_text(encoding="utf-8").splitlines()

    assert head[0] == "#!/usr/bin/env bash"
    assert head[1].startswith("# Summary: ")
    assert head[2].startswith("# Usage: bin/")
    assert head[3] == "set -euo pipefail"
    assert script.stat().st_mode & 0o111
    assert sh("bash", "-n", str(script)).returncode == 0


def test_make_alone_lists_its_targets():
    out = sh("make").stdout

    for target in (
        "demo", "extract", "ods", "dw", "catalog", "daily", "backfill", "sql", "cron", "test",
        "check", "clean",
    ):  # fmt: skip
        assert f"  {target} " in out


def test_make_names_what_is_missing():
    done = sh("make", "--dry-run", "backfill", "FROM=2024-01-02")

    assert done.returncode == 2
    assert "TO is missing, e.g. make backfill FROM=2023-12-25 TO=2024-01-31" in done.stderr


def test_cron_prints_a_line_with_all_that_cron_lacks():
    line = sh("make", "--silent", "cron", NOMAD_ENV="prod").stdout.strip()

    assert line.count("\n") == 0
    assert line.startswith("30 18 * * 1-5  cd ")
    assert "NOMAD_ENV=prod" in line
    assert "PATH=/usr/bin:/bin" in line
    assert "bin/daily >>.nomad/daily.log 2>&1" in line
    assert "%" not in line


def test_daily_alone_logs_its_exit_code(tmp_path):
    """A stand-in for bin/nomad fails with 3; daily passes that on, and a second one exits 6."""
    (tmp_path / "bin").mkdir()
    daily = tmp_path / "bin" / "daily"
    daily.write_bytes((ROOT / "bin" / "daily").read_bytes())
    nomad = tmp_path / "bin" / "nomad"
    nomad.write_text("#!/usr/bin/env bash\nexit 3\n")
    for script in (daily, nomad):
        script.chmod(0o755)

    failed = sh(str(daily), "2024-01-02", cwd=tmp_path)
    lock = tmp_path / ".nomad" / "daily.lock"
    held = sh("flock", str(lock), str(daily), cwd=tmp_path)

    assert failed.returncode == 3
    assert failed.stdout.strip().endswith("2024-01-02: exit 3")
    assert held.returncode == 6
    assert "another bin/daily is still running" in held.stderr


def test_no_source_file_is_ignored_by_git():
    files = [str(p.relative_to(ROOT)) for p in (ROOT / "lib").rglob("*") if p.is_file()]
    files = [f for f in files if "__pycache__" not in f]

    assert sh("git", "check-ignore", *files).stdout == ""
