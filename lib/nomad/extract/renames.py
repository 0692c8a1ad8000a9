"""New names of columns, as a source's `rename` tells them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping


def renamed(names: Iterable[str], rename: Mapping[str, str]) -> dict[str, str]:
    """Give each of a file's names the one it is to have.

    A name that is there just as it is told is meant alone; otherwise case makes no difference.

    Example:
        >>> renamed(["e", "E"], {"E": "time"}), renamed(["e", "x"], {"E": "time"})
        ({'e': 'e', 'E': 'time'}, {'e': 'time', 'x': 'x'})
    """
    there = list(names)
    loose = {old.lower(): new for old, new in rename.items() if old not in there}
    return {name: rename.get(name) or loose.get(name.lower(), name) for name in there}


def once_renamed(names: Iterable[str], rename: Mapping[str, str]) -> dict[str, str]:
    """Do the same for names of what was landed before, which may be the new ones already."""
    there = list(names)
    lower = {name.lower() for name in there}
    return renamed(there, {o: n for o, n in rename.items() if n.lower() not in lower})
