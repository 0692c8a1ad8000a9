"""Ctrl-C, TERM and HUP end every command alike: at once, with a word, and nothing left behind."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from conftest import ROOT

ENDLESS = "select sum(a.range * b.range) from range(10000000) a, range(1000000) b"


STARTED: list[subprocess.Popen[str]] = []


@pytest.fixture(autouse=True)
def _none_is_left():
    """Whatever fails, no process stays."""
    yield
    while STARTED:
        child = STARTED.pop()
        child.kill()
        child.communicate()


def begun(project, *words: str, **options) -> subprocess.Popen[str]:
    """Start a command in the project's folder, with a temporary folder of its own."""
    spare = project.root / "tmp"
    spare.mkdir(exist_ok=True)
    child = subprocess.Popen(
        ["env", "--default-signal=INT,HUP", sys.executable, "-m", "nomad", *words],
        cwd=project.root,
        env={**os.environ, "PYTHONPATH": str(ROOT / "lib"), "TMPDIR": str(spare)},
        text=True,
        **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options},
    )
    STARTED.append(child)
    return child


def busy(child: subprocess.Popen[str]) -> None:
    """Wait until a process has computed for a while."""
    ticks = os.sysconf("SC_CLK_TCK")
    for _ in range(600):
        fields = Path(f"/proc/{child.pid}/stat").read_text().rpartition(")")[2].split()
        if (int(fields[11]) + int(fields[12])) / ticks > 1.5:
            return
        time.sleep(0.05)
    raise AssertionError("it never computes")


CODES = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}


@pytest.mark.parametrize("sent", CODES)
@pytest.mark.parametrize("output", ["table", "csv"])
def test_a_query_is_broken_off_at_once(built, sent, output):
    """Whichever signal comes: its exit code, a line, and an empty temporary folder."""
    child = begun(built, "sql", ENDLESS, "-o", output)
    busy(child)
    child.send_signal(sent)
    _, err = child.communicate(timeout=60)

    assert child.returncode == CODES[sent]
    assert "nomad: interrupted" in err
    assert list((built.root / "tmp").iterdir()) == []


@pytest.mark.parametrize("sent", CODES)
def test_a_run_is_broken_off_at_once(built, sent):
    """Its scratch is empty then, and what was published before is as it was."""
    built.write("sql/dws/dws_price.sql", f"select 1 as one, ({ENDLESS}) as many")
    child = begun(built, "run", "dws_price")
    busy(child)
    child.send_signal(sent)
    _, err = child.communicate(timeout=60)

    assert child.returncode == CODES[sent]
    assert "nomad: interrupted" in err
    assert [p.name for p in (built.lake / "_tmp").iterdir()] == []
    assert built.rows("select count(*) from dws.dws_price") == [[2]]


def test_a_check_is_broken_off_at_once(built):
    """A test of a contract is a query as well."""
    built.write("sql/checks/dws_price__ends.sql", f"select ({ENDLESS}) as n where n < 0")
    child = begun(built, "check", "dws_price")
    busy(child)
    child.send_signal(signal.SIGINT)
    child.communicate(timeout=60)

    assert child.returncode == 130


def test_what_the_caller_ignored_stays_ignored(built):
    """Under nohup a closed terminal ends nothing."""
    done = subprocess.run(
        ["bash", "-c", f"trap '' HUP; {sys.executable} -m nomad run --force --dt 2024-01-02 & "
         "sleep 1; kill -HUP $!; wait $!"],
        cwd=built.root, env={**os.environ, "PYTHONPATH": str(ROOT / "lib")},
        capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr


def shell_at_terminal(project) -> tuple[subprocess.Popen[str], int]:
    """Start the shell at a terminal; give the process and the terminal."""
    ours, theirs = pty.openpty()
    child = begun(project, "shell", stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    return child, ours


def heard(terminal: int, text: str, *, again: Callable[[], object] | None = None) -> str:
    """Read from a terminal until some text has come; until then do something `again` and again."""
    seen, tries = b"", 0
    while text.encode() not in seen:
        if select.select([terminal], [], [], 2.0)[0]:
            seen += os.read(terminal, 4096)
            continue
        tries += 1
        assert tries < 60, f"never said {text!r}: {seen!r}"
        if again:
            again()
    time.sleep(0.3)  # readline hears a signal only once it waits for a key
    return seen.decode()


def test_a_ctrl_c_in_the_shell_ends_the_query_and_not_the_shell(built):
    """At the prompt it drops what is typed; in a query it breaks that off."""
    child, terminal = shell_at_terminal(built)
    heard(terminal, "nomad> ")
    os.write(terminal, b"select nonsense from\n")
    heard(terminal, "...> ")
    press = partial(child.send_signal, signal.SIGINT)
    press()
    heard(terminal, "nomad> ", again=press)
    os.write(terminal, f"{ENDLESS};\n".encode())
    heard(terminal, ENDLESS[-10:])
    busy(child)
    press()
    heard(terminal, "nomad> ", again=press)
    os.write(terminal, b"select 6 * 7 as answer;\n")

    assert "42" in heard(terminal, "42")
    os.write(terminal, b".quit\n")
    assert child.wait(timeout=60) == 0
    os.close(terminal)


def test_a_closed_terminal_ends_the_shell(built):
    child, terminal = shell_at_terminal(built)
    heard(terminal, "nomad> ")
    child.send_signal(signal.SIGTERM)

    assert child.wait(timeout=60) == 143
    os.close(terminal)


def test_what_a_killed_question_left_goes_with_the_next_command(built):
    """Its temporary folder, but not that of one that lives, nor what is not nomad's."""
    (built.root / "tmp").mkdir()
    (built.root / "tmp" / "nomad-mine").mkdir()
    spared = begun(built, "sql", ENDLESS)
    busy(spared)
    killed = begun(built, "sql", ENDLESS)
    busy(killed)
    killed.kill()
    killed.wait()
    assert len(list((built.root / "tmp").iterdir())) == 3

    child = begun(built, "sql", "select 1")
    assert child.wait(timeout=60) == 0

    assert len(list((built.root / "tmp").iterdir())) == 2
    assert (built.root / "tmp" / "nomad-mine").exists()
