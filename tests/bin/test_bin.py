"""The scripts and the Makefile, as a user runs them."""

from __future__ import annotations

import signal
import subprocess
import time
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


def test_a_benchmark_is_typed_at_the_top():
    """The other Makefiles are reached from there, with what was typed."""
    bench = sh("make", "--dry-run", "bench", "PEERS=1").stdout
    spill = sh("make", "--dry-run", "-C", "tests/bench", "spill", "SCALE=3").stdout

    assert "/python bench.py --peers" in bench
    assert "/python spill.py --scale 3" in spill
    assert "pytest -m s3" in sh("make", "--dry-run", "test-s3").stdout


def test_make_names_what_is_missing():
    done = sh("make", "--dry-run", "backfill", "FROM=2024-01-02")

    assert done.returncode == 2
    assert "TO is missing, e.g. make backfill FROM=2023-12-25 TO=2024-01-31" in done.stderr
    hint = 'Q is missing, e.g. make sql Q="from dws.dws_market_daily".'
    assert hint in sh("make", "--dry-run", "sql").stderr


def test_daily_alone_logs_its_exit_code(tmp_path):
    """A stand-in for bin/nomad fails with 3: that is passed on, logged, and said for a mail."""
    daily, log = standing_in(tmp_path, "echo landed; echo no file >&2; exit 3"), tmp_path / ".nomad"
    failed = sh(str(daily), "2024-01-02", cwd=tmp_path)
    held = sh("flock", str(log / "daily.lock"), str(daily), cwd=tmp_path)

    assert failed.returncode == 3
    assert failed.stdout == ""
    assert failed.stderr.splitlines()[:2] == ["landed", "no file"]
    assert failed.stderr.strip().endswith("2024-01-02: exit 3")
    assert (log / "daily.log").read_text() == failed.stderr
    assert held.returncode == 6
    assert "another bin/daily is still running" in held.stderr


def test_a_daily_that_goes_well_says_nothing_and_its_log_stays_small(tmp_path):
    daily, log = standing_in(tmp_path, 'echo "$@"'), tmp_path / ".nomad" / "daily.log"
    log.parent.mkdir()
    log.write_text("x" * 1_000_000)

    done = sh(str(daily), cwd=tmp_path)

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert log.read_text().startswith("daily --dt yesterday\ndaily: ")
    assert log.with_name("daily.log.1").stat().st_size == 1_000_000


def standing_in(folder, body: str):
    """Put bin/daily into a folder, with a stand-in for bin/nomad; give its path."""
    (folder / "bin").mkdir()
    daily, nomad = folder / "bin" / "daily", folder / "bin" / "nomad"
    daily.write_bytes((ROOT / "bin" / "daily").read_bytes())
    nomad.write_text(f"#!/usr/bin/env bash\n{body}\n")
    for script in (daily, nomad):
        script.chmod(0o755)
    return daily


def test_in_the_checkout_nomad_reads_its_env_file(tmp_path):
    """What was set before stays as it was; elsewhere the file is not read."""
    (tmp_path / "bin").mkdir()
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    script, real = tmp_path / "bin" / "nomad", tmp_path / ".venv" / "bin" / "nomad"
    script.write_bytes((ROOT / "bin" / "nomad").read_bytes())
    real.write_text('#!/usr/bin/env bash\necho "$ONE ${TWO-none}"\n')
    for path in (script, real):
        path.chmod(0o755)
    (tmp_path / ".env").write_text("ONE=file\nTWO='of two words'\n")

    assert sh(str(script), cwd=tmp_path, ONE="own").stdout == "own of two words\n"
    assert sh(str(script), cwd=Path("/"), ONE="own").stdout == "own none\n"


def test_no_source_file_is_ignored_by_git():
    files = [str(p.relative_to(ROOT)) for p in (ROOT / "lib").rglob("*") if p.is_file()]
    files = [f for f in files if "__pycache__" not in f]

    assert sh("git", "check-ignore", *files).stdout == ""


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_daily_that_is_ended_ends_nomad_too(tmp_path, sent):
    """It passes the signal on, waits for nomad's end, and logs its exit code."""
    body = "trap 'sleep 0.3; echo tidied; exit 143' TERM; echo begun\n"
    daily = standing_in(tmp_path, body + "for _ in {1..200}; do sleep 0.1; done")
    log = tmp_path / ".nomad" / "daily.log"
    command = ["env", "--default-signal=INT,HUP", str(daily)]
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True) as script:
        try:
            while not (log.exists() and "begun" in log.read_text()):
                assert script.poll() is None
                time.sleep(0.02)
            script.send_signal(sent)
            script.communicate(timeout=15)
        finally:
            script.kill()

    assert script.returncode == 143
    lines = log.read_text().splitlines()
    assert lines[:2] == ["begun", "tidied"]
    assert lines[2].endswith("exit 143")
