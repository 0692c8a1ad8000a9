"""What DuckDB says, as a user reads it: the caret below a line of SQL, and names."""

from __future__ import annotations

import re
import unicodedata

_OURS = re.compile(r'\bsession_\d+\.(?:main\.)?|(?<=")main\.(?=\w+")')


def bare(text: str) -> str:
    """Leave out how DuckDB names a session's own database, and the schema that it begins in.

    Example:
        >>> bare('Did you mean "main.suffix"?'), bare("session_12.ods.x")
        ('Did you mean "suffix"?', 'ods.x')
    """
    return _OURS.sub("", text)


def quoted(told: str, text: str, gap: str, line: int) -> str:
    """Write what DuckDB says, and below it the line that it marks."""
    return f"{bare(told)}\n    {text}\n    {below(text, gap, line)}"


def below(text: str, gap: str, line: int) -> str:
    """Write the line with the caret; `gap` is DuckDB's, which counts `LINE n: ` and no tabs."""
    cells = len(gap) - len(f"LINE {line}: ")
    found = ""
    for c in text:
        width = 0 if c == "\t" else 2 if unicodedata.east_asian_width(c) in ("W", "F") else 1
        if width and cells <= 0:
            break
        cells -= width
        found += " " * width or c
    return f"{found}^"
