"""Which DuckDB is installed, told without loading it; and to load it ahead of time."""

from __future__ import annotations

import os
from importlib.machinery import PathFinder


def installed(library: str) -> str:
    """Tell a library's version by the folder that its installation leaves beside it.

    To import the library would take 40 MB, and `importlib.metadata` still takes 6.
    """
    if (spec := PathFinder.find_spec(library)) and spec.origin:
        for name in os.listdir(os.path.dirname(os.path.dirname(spec.origin))):  # noqa: PTH120, PTH208
            if name.startswith(f"{library}-") and name.endswith(".dist-info"):
                return name.removesuffix(".dist-info").partition("-")[2]
    from importlib.metadata import version

    return version(library)


VERSION = installed("duckdb")
NAME = f"duckdb {VERSION}"


def load() -> None:
    """Load DuckDB now: once, ahead of a fork, for all processes that will ask it."""
    import duckdb  # noqa: F401
