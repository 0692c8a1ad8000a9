"""One process measured from outside, as `wait4` tells it; nothing runs inside what is measured."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
LATE = -9
"""The status of a command that was broken off."""

NOMAD = str(Path(sys.executable).with_name("nomad"))


@dataclass(frozen=True)
class Cost:
    """What a command took, its children included: wall and CPU seconds, MB of its largest one."""

    wall: float
    cpu: float
    peak: float


class Failed(Exception):
    """A command that was measured did not end well."""


def measure(*words: str, cwd: Path, more: Mapping[str, str] | None = None, limit: int = 0) -> Cost:
    """Run a command to its end; `more` adds to the environment, `limit` is in seconds.

    Raises:
        Failed: it did not exit with 0, or not in time; the message ends with what it said.
    """
    inner, outer = os.pipe()
    small = (sys.executable, "-I", "-S", str(HERE / "launch.py"), str(outer), str(limit))
    done = subprocess.run(
        (*small, *words),
        cwd=cwd,
        env={**os.environ, **(more or {})},
        pass_fds=(outer,),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    os.close(outer)
    with os.fdopen(inner) as pipe:
        found = json.load(pipe)
    if status := found.pop("status"):
        why = f"not done within {limit} s" if status == LATE else f"exit {status}"
        said = done.stdout.decode(errors="replace")[-2000:]
        raise Failed(f"{why}: {' '.join(words)}\n{said}")
    return Cost(**found)


def nomad(*words: str) -> tuple[str, ...]:
    """Spell a nomad command: the script that users type."""
    return (NOMAD, *words)


def floor(*days: str) -> tuple[str, ...]:
    """Spell the bare script, for some days or once."""
    return (sys.executable, str(HERE / "floor.py"), *days)
