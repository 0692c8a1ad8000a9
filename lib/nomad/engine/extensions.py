"""DuckDB's extensions: from packages named after them, or else as DuckDB installs them."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING

from nomad.engine.version import VERSION
from nomad.errors import LakeError
from nomad.names import literal

if TYPE_CHECKING:
    import duckdb


def load(con: duckdb.DuckDBPyConnection, name: str, *, extra: str) -> None:
    """Load an extension; `extra` is what of nomad brings its package.

    Raises:
        LakeError: it is neither in a package nor to be had from DuckDB.
    """
    import duckdb

    try:
        con.execute(loading(name))
    except duckdb.Error as e:
        raise LakeError(
            f"DuckDB's extension {name} can't be loaded: {str(e).splitlines()[0]}",
            hint=f"pip install 'nomad-warehouse[{extra}]'",
        ) from e


def loading(name: str) -> str:
    """Write the statements that load an extension."""
    path = packaged(name)
    return f"LOAD {literal(str(path))}" if path else f"INSTALL {name}; LOAD {name}"


def packaged(name: str) -> Path | None:
    """Find an extension's file in the package of that name, for this version of DuckDB."""
    spec = importlib.util.find_spec(f"duckdb_extension_{name}")
    folders = (spec.submodule_search_locations if spec else None) or ()
    paths = (Path(f) / "extensions" / f"v{VERSION}" / f"{name}.duckdb_extension" for f in folders)
    return next((p for p in paths if p.is_file()), None)
