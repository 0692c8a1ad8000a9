"""nomad: make for your warehouse.

SQL files in folders, run by DuckDB, published atomically as partitioned Parquet. From Python:
`nomad.open`; docs/python.md is its page.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nomad import errors
    from nomad.api.arguments import Day
    from nomad.api.results import (
        CheckResult,
        Checks,
        Options,
        Plan,
        PlanStep,
        Result,
        Run,
        State,
        Table,
        Version,
    )
    from nomad.api.warehouse import Warehouse

__version__ = "0.1.0"

__all__ = [
    "CheckResult", "Checks", "Day", "Options", "Plan", "PlanStep", "Result", "Run", "State",
    "Table", "Version", "Warehouse", "__version__", "errors", "open",
]  # fmt: skip


def open(  # noqa: A001 - `nomad.open` reads like the built-in it resembles
    root: str | Path = ".",
    *,
    env: str | None = None,
    variables: Mapping[str, str] | None = None,
) -> Warehouse:
    """Open the project in a folder, to extract, plan, run and ask from Python.

    `env` names an environment of nomad.yaml, `variables` overrule its `vars`.

    Raises:
        NoProject: the folder has no nomad.yaml.
        ConfigError: the file has faults.

    Example::

        with nomad.open(".") as warehouse:
            warehouse.run(dt="2024-01-02").raise_for_failure()
    """
    from nomad.api.warehouse import Warehouse

    return Warehouse(root, env=env, variables=variables)


def __getattr__(name: str) -> Any:
    """Import what is named when it is asked for: `import nomad` itself stays light (PEP 562)."""
    if name == "errors":
        return importlib.import_module("nomad.errors")
    if name not in __all__:
        raise AttributeError(f"module `nomad` has no attribute `{name}`")
    homes = {"Day": "arguments", "Warehouse": "warehouse"}
    return getattr(importlib.import_module(f"nomad.api.{homes.get(name, 'results')}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
