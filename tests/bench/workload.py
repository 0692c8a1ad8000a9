"""A workload as a value: tables, their sources, and what each tool writes for a name in the SQL."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

DAY = "{day}"
"""Stands for the date in the path of a source."""


@dataclass(frozen=True)
class Model:
    """One table. In its SQL, `{x}` is the table or source x, and `dt {on}` says: of the day."""

    layer: str
    name: str
    sql: str

    @property
    def inputs(self) -> tuple[str, ...]:
        """The tables and sources it reads, each once."""
        return tuple(dict.fromkeys(n for n in re.findall(r"\{(\w+)\}", self.sql) if n != "on"))

    def text(self, name: Callable[[str], str], on: str = "") -> str:
        """Write the SQL for a tool that has its own words for tables and for the day."""
        return re.sub(r"\{(\w+)\}", lambda m: on if m[1] == "on" else name(m[1]), self.sql)


@dataclass(frozen=True)
class Workload:
    """Tables in an order in which they can be built, and the Parquet files of their sources."""

    models: tuple[Model, ...]
    sources: Mapping[str, str]

    @property
    def layers(self) -> tuple[str, ...]:
        """The layers, in order."""
        return tuple(dict.fromkeys(m.layer for m in self.models))

    @property
    def dated(self) -> bool:
        """Whether it has a partition a day."""
        return any(DAY in path for path in self.sources.values())

    def above(self, name: str) -> set[str]:
        """Name a table and all that descend from it."""
        found = {name}
        for model in self.models:
            if found.intersection(model.inputs):
                found.add(model.name)
        return found


def source_select(path: str, day: str) -> str:
    """Write how DuckDB reads a source's files, `day` being a date or `*`."""
    hive = ", hive_partitioning = true" if DAY in path else ""
    return f"read_parquet('{path.replace(DAY, day)}'{hive})"


def named(models: Iterable[Model], name: str) -> Model:
    """Find a table."""
    return next(m for m in models if m.name == name)
