"""Where a caret stands below a line of SQL that DuckDB quotes."""

from __future__ import annotations

import unicodedata


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
