"""Patterns of paths: `*` and `?` within a name, `[…]` one of some characters, `**` any folders."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

_MAGIC = re.compile(r"[*?\[]")


def is_pattern(path: str) -> bool:
    """Tell whether a path may mean several files.

    Example:
        >>> is_pattern("in/*.csv"), is_pattern("in/x.csv")
        (True, False)
    """
    return bool(_MAGIC.search(path))


def fixed(pattern: str) -> str:
    """Give what all paths of a pattern begin with, up to the name that has a mark in it.

    Example:
        >>> fixed("in/a/x*.csv"), fixed("*.csv")
        ('in/a/', '')
    """
    found = _MAGIC.search(pattern)
    return pattern[: pattern.rfind("/", 0, found.start()) + 1] if found else pattern


@lru_cache(maxsize=512)
def matcher(pattern: str) -> re.Pattern[str]:
    """Make the expression of a pattern. What begins with a dot is not meant, unless it is said.

    Example:
        >>> bool(matcher("in/**/x_[0-9].csv").fullmatch("in/a/b/x_1.csv"))
        True
        >>> [n for n in ("a.csv", "b/c.csv", ".a.csv") if matcher("*.csv").fullmatch(n)]
        ['a.csv']
    """
    parts = pattern.split("/")
    folders = ["(?:[^./][^/]*/)*" if p == "**" else f"{_part(p)}/" for p in parts[:-1]]
    last = _part("*" if parts[-1] == "**" else parts[-1])
    return re.compile("".join(folders) + last, re.DOTALL)


def _part(part: str) -> str:
    """Make the expression of one name."""
    shown = r"(?!\.)" if _MAGIC.match(part) else ""
    return shown + "".join(_marks(part))


def _marks(part: str) -> Iterator[str]:
    for found in re.finditer(r"\*+|\?|\[(!?)(\]?[^\]]*)\]|.", part, re.DOTALL):
        mark = found[0]
        if mark.startswith("*"):
            yield "[^/]*"
        elif mark == "?":
            yield "[^/]"
        elif len(mark) > 1:
            within = re.sub(r"([\\\[^&~|])", r"\\\1", found[2])
            yield f"(?!/)[{'^' if found[1] else ''}{within}]"
        else:
            yield re.escape(mark)


def on_disk(root: Path, pattern: str) -> list[Path]:
    """Name the files that a path means, in order; one that exists as it is spelled is that one.

    So is a folder on the way: `in [old]/*.csv` are files of `in [old]`, where there is one.
    """
    if (root / pattern).is_file():
        return [root / pattern]
    if not is_pattern(pattern):
        return []
    top = Path("/") if pattern.startswith("/") else root
    return sorted({p for p in _below(top, pattern.strip("/").split("/")) if p.is_file()}, key=str)


def _below(folder: Path, parts: list[str]) -> Iterator[Path]:
    part, rest = parts[0], parts[1:]
    if part == "**":
        yield from _below(folder, rest or ["*"])
        for below in _named(folder, "*"):
            if below.is_dir() and not below.is_symlink():
                yield from _below(below, parts)
        return
    for found in _named(folder, part):
        yield from _below(found, rest) if rest else [found]


def _named(folder: Path, part: str) -> list[Path]:
    """Name what a folder has by a name that may be a pattern."""
    if not is_pattern(part) or (folder / part).exists():
        return [folder / part]
    expression = matcher(part)
    try:
        return [folder / n for n in os.listdir(folder) if expression.fullmatch(n)]  # noqa: PTH208
    except (FileNotFoundError, NotADirectoryError):
        return []
