"""What DuckDB says, as a user reads it: the caret below a line of SQL, names, and files."""

from __future__ import annotations

import re
from pathlib import Path

_OURS = r'\bsession_\d+\.(?:main\.)?|(?<=")main\.(?=\w+")'


def bare(text: str) -> str:
    """Leave out how DuckDB names a session's own database, and the schema that it begins in.

    Example:
        >>> bare('Did you mean "main.suffix"?'), bare("session_12.ods.x")
        ('Did you mean "suffix"?', 'ods.x')
    """
    return re.sub(_OURS, "", text)


def quoted(told: str, text: str, gap: str, line: int) -> str:
    """Write what DuckDB says, and below it the line that it marks."""
    return f"{bare(told)}\n    {text}\n    {below(text, gap, line)}"


def below(text: str, gap: str, line: int) -> str:
    """Write the line with the caret; `gap` is DuckDB's, which counts `LINE n: ` and no tabs."""
    import unicodedata

    cells = len(gap) - len(f"LINE {line}: ")
    found = ""
    for c in text:
        width = 0 if c == "\t" else 2 if unicodedata.east_asian_width(c) in ("W", "F") else 1
        if width and cells <= 0:
            break
        cells -= width
        found += " " * width or c
    return f"{found}^"


NONE_THERE = "no such file: "
MISSPELT = "check its name; a path counts from the project's folder"
UNREADABLE = (
    "a query may read only the project's folder and its lake; nothing that begins with a"
    " dot, no pattern in the top folder, and beside hidden files only 1,000 others"
)

_BARRED = r'Cannot access (\w+) "([^"\n]*)" - file system operations are disabled by configuration'


def _named(match: re.Match[str]) -> str:
    """Say that there is no such file; of one that a query may not read, nothing is said."""
    path = Path(match[2])
    hidden = path.is_absolute() or any(part.startswith(".") for part in path.parts)
    if hidden or set(match[2]) & set("*?[") or path.exists():
        return f"{match[1]} `{path}` is none that a query may read"
    return f"{NONE_THERE}`{path}`"


def barred(text: str) -> str:
    """Say in nomad's words that a file can't be read, or is not there."""
    return re.sub(_BARRED, _named, text, count=1)
