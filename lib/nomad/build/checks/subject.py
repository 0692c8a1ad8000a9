"""What is inspected, and what contract and checks read beside it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from nomad.contract.contract import Contract
from nomad.engine.instance import View
from nomad.lake.manifest import Input
from nomad.partitions import Partition
from nomad.project.project import Table


@dataclass(frozen=True)
class CheckInputs:
    """What contract and checks read beside the table: SELECTs, and what they read of each.

    `parents` by test, `views` by check, `past` by check: the table's own earlier partitions.
    """

    parents: Mapping[str, str] = field(default_factory=dict)
    views: Mapping[str, Sequence[View]] = field(default_factory=dict)
    past: Mapping[str, str] = field(default_factory=dict)
    inputs: tuple[Input, ...] = ()


@dataclass(frozen=True)
class Subject:
    """What is inspected: the rows of one partition, to be published or `published` already.

    `before` gives the row count of the latest earlier partition, or None; `sources` names the
    files that the rows were read from.
    """

    table: Table
    partition: Partition | None
    inputs: CheckInputs
    scratch: Path
    run_id: str
    before: Callable[[], int | None] = lambda: None
    sources: str = ""
    published: bool = False

    @property
    def contract(self) -> Contract:
        """The table's, or an empty one."""
        return self.table.contract or Contract(self.table.sql.path)
