"""kill -9 of the real process before each change to a real disk: old or new, never a mixture.

And the version that was replaced is kept with its refused rows, whenever the process died.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import ROOT, Project, build, chain, kept, rarely

CRASH = Path(__file__).parent / "crash.py"
OLD, NEW = [["A", 1], ["B", 2]], [["A", 10], ["B", 20], ["C", 30]]
CONTRACT = """\
max_quarantined: 100%
columns:
  - {name: close, tests: [range: {max: 99, severity: quarantine}]}
"""
QUERY = "select symbol, close from dwd.dwd_price_dt('2024-01-02') order by symbol"


def killed(project: Project, n: int, part: str) -> str | None:
    """Run the chain and kill it before the n-th change to such paths; None: it came to its end."""
    done = subprocess.run(
        [sys.executable, str(CRASH), str(n), part, "run", "--dt", "2024-01-02", "--jobs", "1"],
        cwd=project.root,
        env={**os.environ, "PYTHONPATH": str(ROOT / "lib")},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode == -signal.SIGKILL:
        return done.stderr.splitlines()[-1]
    assert done.returncode == 0, done.stderr
    return None


def trial(project: Project, n: int, part: str) -> str | None:
    """One kill, and all that must hold after it."""
    before = project.manifest("dwd.dwd_price", "2024-01-02")["run_id"]
    step = killed(project, n, part)

    seen = project.rows(QUERY)
    assert seen in (OLD, NEW), f"{step}: a mixture: {seen}"
    assert project.rows("select count(*) from dwd.dwd_price_dt('2024-01-03')") == [[2]]
    answer = project("run", "--dt", "2024-01-02")
    assert answer.code == 0, f"{step}: {answer.err}"
    assert project.rows(QUERY) == NEW
    assert refused(project) == ["X", "Y"], step
    fixed = project("doctor", "--fix")
    assert fixed.code == 0, f"{step}: {fixed.out}"
    assert strays(project) == set(), step
    again = project("doctor")
    assert again.err == "all is well\n", f"{step}: {again.out}"
    back = project("rollback", "dwd_price", "--dt", "2024-01-02", "--to", before)
    assert back.code == 0, f"{step}: {back.err}"
    assert project.rows(QUERY) == OLD
    assert refused(project) == ["X"], step
    return step


def refused(project: Project) -> list[str]:
    answer = project("quarantine", "show", "dwd_price", "--dt", "2024-01-02", "-o", "json")
    return sorted(r["symbol"] for r in answer.json["rows"])


def strays(project: Project) -> set[str]:
    """What lies in the lake that neither a manifest nor the history nor a journal accounts for."""
    found = set()
    for path in project.lake.rglob("*"):
        inside = path.relative_to(project.lake)
        if path.is_dir() or inside.parts[0] in ("_history", "_runs"):
            continue
        cell = Path(*inside.parts[inside.parts[0] == "_quarantine" :])
        body = project.manifest(_table(cell), _date(cell))
        named = [body["quarantined"]] if cell != inside else body["files"]
        known = {f["name"] for f in named}
        if path.name not in (known | {"manifest.json", "_SUCCESS"}):
            found.add(str(inside))
    return found


def _table(inside: Path) -> str:
    return ".".join(inside.parts[:2])


def _date(inside: Path) -> str | None:
    folder = inside.parts[2]
    return folder.removeprefix("dt=") if folder.startswith("dt=") else None


CELL, ALL = "/dwd/dwd_price/", ""
"""Where a change counts: in the partition that is looked at, its refused rows, and its history."""


@kept
def changed(built):
    """A version whose predecessor is in the history, and rows for the next one."""
    build(chain(built))
    built.write("sql/dwd/dwd_price.yml", CONTRACT)
    for rows, more in (("A,1\nB,2\nX,100\n", "run"), ("A,10\nB,20\nC,30\nX,100\nY,101\n", "")):
        built.write("in/2024-01-02.csv", f"symbol,close\n{rows}")
        for command in ("extract", *((more,) if more else ())):
            assert built(command, "--dt", "2024-01-02").code == 0


@pytest.mark.parametrize(
    ("part", "first", "shares", "least"),
    [
        *((CELL, n, 2, 5) for n in (1, 2)),
        *rarely(*((ALL, n, 4, 12) for n in (1, 2, 3, 4))),
    ],
)
def test_killed_before_any_change_old_or_new_and_doctor_leaves_nothing(
    changed, part, first, shares, least
):
    """The steps are taken in turn by so many tests, so that all cores have some."""
    steps = []
    while step := trial(changed(), first + shares * len(steps), part):
        steps.append(step)

    assert len(steps) >= least
    assert len({s.split()[2] for s in steps}) > 1
