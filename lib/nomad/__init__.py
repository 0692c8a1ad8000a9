"""nomad: make for your warehouse.

SQL files in folders, run by DuckDB, published atomically as partitioned Parquet.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nomad.api import Warehouse

__version__ = "0.1.0"


def open(  # noqa: A001 - `nomad.open` reads like the built-in it resembles
    root: str | Path = ".",
    *,
    env: str | None = None,
    variables: Mapping[str, str] | None = None,
) -> Warehouse:
    """Open the project in a folder, to plan, run and ask from Python.

    `env` names an environment of nomad.yaml, `variables` overrule its `vars`.

    Raises:
        NoProject: the folder has no nomad.yaml.
        ConfigError: the file has faults.
    """
    from nomad.api import open_warehouse

    return open_warehouse(root, env=env, variables=variables)
