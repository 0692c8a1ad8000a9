"""What this machine allows a process: cores and memory, container limits included."""

from __future__ import annotations

import os
import re
from pathlib import Path

_CGROUP = Path("/sys/fs/cgroup")


def cores() -> int:
    """Count the cores this process may use, the cgroup's quota included."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    quota, _, period = _read(_CGROUP / "cpu.max").partition(" ")
    if quota.isdigit() and period.isdigit():
        return max(1, min(allowed or 1, -(-int(quota) // int(period))))
    return allowed or 1


def memory(limit: str) -> str:
    """Turn a share like `70%` of the memory at hand into bytes; a size stays what it is."""
    share = re.fullmatch(r"(\d+(?:\.\d+)?)\s*%", limit)
    return f"{int(total_memory() * float(share[1]) / 100)}B" if share else limit


def total_memory() -> int:
    """Give the bytes of memory at hand: the cgroup's limit where it is lower than the host's."""
    host = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    found = _read(_CGROUP / "memory.max")
    return min(host, int(found)) if found.isdigit() else host


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
