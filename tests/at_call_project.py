"""A month of a project, and nomad in it as a process that something happens to."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import nomad
from conftest import Project

AT_CALL = Path(__file__).with_name("at_call.py")
DAYS = [f"2024-01-{d:02d}" for d in range(1, 31)]
RANGE = ("--from", DAYS[0], "--to", DAYS[-1])


def change(project: Project, condition: str) -> None:
    """Change what the table of the month selects."""
    path = project.root / "sql/dwd/dwd_price.sql"
    path.write_text(re.sub(r"close > \d", condition, path.read_text()))


def begun(project: Project, function: str, nth: int, what: object, *words: str) -> Any:
    """Start nomad; at the n-th call of a function it dies, or waits for a file."""
    command = [sys.executable, AT_CALL, function, str(nth), str(what), *words]
    environ = {**os.environ, "PYTHONPATH": str(Path(nomad.__file__).parents[1])}
    return subprocess.Popen(
        command, cwd=project.root, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
