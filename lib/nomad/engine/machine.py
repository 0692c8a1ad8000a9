"""What this machine allows a process: cores and memory, limits of its control groups included."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

_TOP = Path("/")


@cache
def cores(top: Path = _TOP) -> int:
    """Count the cores this process may use, the quotas of its control groups included."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return max(1, min([allowed or 1, *_quotas(top)]))


def memory(limit: str, *, shares: int = 1) -> str:
    """Write a limit as DuckDB takes it: `70%` is of the memory at hand; one of so many shares.

    Example:
        >>> memory("4GB"), memory("4GB", shares=2), memory("1.5 GiB", shares=3)
        ('4GB', '2000000000B', '536870912B')
    """
    found = re.fullmatch(r"([\d.]+)\s*(?:(%)|([KMGT])(i?)B)", limit, re.IGNORECASE)
    if not found or (shares == 1 and not found[2]):
        return limit
    number, share, prefix, binary = found.groups()
    if share:
        return f"{int(total_memory() * float(number) / 100 / shares)}B"
    power = "KMGT".index(prefix.upper()) + 1
    return f"{int(float(number) * (1024 if binary else 1000) ** power / shares)}B"


@cache
def total_memory(top: Path = _TOP) -> int:
    """Give the bytes of memory at hand: the lowest of the host's and of each control group's."""
    host = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    files = _limits(top, "memory", "memory.max", "memory.limit_in_bytes")
    return min([host, *(int(text) for text in files if text.isdigit())])


def _quotas(top: Path) -> Iterator[int]:
    """Give the quotas of CPU time in whole cores, rounded up."""
    quotas = _limits(top, "cpu", "cpu.max", "cpu.cfs_quota_us")
    periods = _limits(top, "cpu", "cpu.max", "cpu.cfs_period_us")
    for quota, period in zip(quotas, periods, strict=True):
        used, length = quota.split(" ")[0], period.split(" ")[-1]
        if used.isdigit() and length.isdigit() and int(length):
            yield -(-int(used) // int(length))


def _limits(top: Path, kind: str, second: str, first: str) -> Iterator[str]:
    """Read a limit in each control group this process is in, and in all that hold those.

    `second` is the file's name in version 2, which has one tree; `first` in version 1, with a tree
    for each kind. Inside a container a group's path may be the host's: its top is then what counts.
    """
    groups = top / "sys/fs/cgroup"
    for line in _read(top / "proc/self/cgroup").splitlines():
        _, kinds, path = line.split(":", 2)
        tree, name = (groups / kind, first) if kinds else (groups, second)
        if not kinds or kind in kinds.split(","):
            inner = Path(path.lstrip("/"))
            yield from (_read(tree / p / name) for p in (inner, *inner.parents))


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
