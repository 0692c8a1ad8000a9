"""What of DuckDB no query, contract or setting may use: it writes, or acts on the whole instance.

A SELECT can call some of these functions, and then DuckDB writes over whatever lies at a path.
"""

from __future__ import annotations

import re

FUNCTION = re.compile(
    r"(enable|disable)_(logging|profil\w*|checkpoint\w*|verif\w*|external\w*)"
    r"|truncate_duckdb_logs|write_log|(force_)?checkpoint|import_database|copy_database"
    r"|(pragma_)?database_list|duckdb_databases|duckdb_secrets|which_secret"
    r"|(postgres|mysql|sqlite)_(execute|attach|query)|load_aws_credentials",
    re.IGNORECASE,
)
"""Functions that write, change the instance for all, or tell how databases are reached."""

VIEW = re.compile(r"\b(duckdb_databases|pragma_database_list)\b", re.IGNORECASE)
"""Views that tell the same as the function of that name: how databases are reached."""

SETTING = re.compile(
    r"profil|(^|_)log|path|director(?!y_size)|output|secret|extension|external|proxy|allowed|lock_conf"
    r"|password|user|autoload|autoinstall|community|python|debug|storage|access_mode|checkpoint",
    re.IGNORECASE,
)
"""Settings that name files, open what is closed, or write."""

_GAP = r"(?:\s|/\*.*?\*/|--[^\n]*\n)*"
_CALLED = re.compile(rf'\b({FUNCTION.pattern})"?{_GAP}\(', re.IGNORECASE | re.DOTALL)


def called(text: str) -> str | None:
    """Name the first such function that a text calls, or view that it names.

    Example:
        >>> called("select * from Enable_Profiling (save_location='x')"), called("checkpoint + 1")
        ('Enable_Profiling', None)
    """
    match = _CALLED.search(text) or VIEW.search(text)
    return match[1] if match else None
