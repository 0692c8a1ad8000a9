"""What of DuckDB no query, contract or setting may use: it writes, or acts on the whole instance.

A SELECT can call some of these functions, and then DuckDB writes over whatever lies at a path.
"""

from __future__ import annotations

import re

_FUNCTION = (
    r"(enable|disable)_(logging|profil\w*|checkpoint\w*|verif\w*|external\w*)"
    r"|truncate_duckdb_logs|write_log|(force_)?checkpoint|import_database|copy_database"
    r"|(pragma_)?database_list|duckdb_databases|duckdb_secrets|which_secret"
    r"|(postgres|mysql|sqlite)_(execute|attach|query)|load_aws_credentials"
)
_VIEW = r"\b(duckdb_databases|pragma_database_list)\b"
_SETTING = (
    r"profil|(^|_)log|path|director(?!y_size)|output|secret|extension|external|proxy|allowed|lock_conf"
    r"|password|user|autoload|autoinstall|community|python|debug|storage|access_mode|checkpoint"
)
_GAP = r"(?:\s|/\*.*?\*/|--[^\n]*\n)*"
_CALLED = rf'\b({_FUNCTION})"?{_GAP}\('


def is_function(name: str) -> bool:
    """Tell a function that writes, changes the instance, or tells how databases are reached.

    Example:
        >>> is_function("Enable_Profiling"), is_function("sum")
        (True, False)
    """
    return re.fullmatch(_FUNCTION, name, re.IGNORECASE) is not None


def view_in(text: str) -> str | None:
    """Name a view in a text that tells how databases are reached, or None."""
    match = re.search(_VIEW, text, re.IGNORECASE)
    return match[1] if match else None


def is_setting(name: str) -> bool:
    """Tell a setting that names files, opens what is closed, or writes."""
    return re.search(_SETTING, name, re.IGNORECASE) is not None


def called(text: str) -> str | None:
    """Name the first such function that a text calls, or view that it names.

    Example:
        >>> called("select * from Enable_Profiling (save_location='x')"), called("checkpoint + 1")
        ('Enable_Profiling', None)
    """
    match = re.search(_CALLED, text, re.IGNORECASE | re.DOTALL)
    return match[1] if match else view_in(text)
