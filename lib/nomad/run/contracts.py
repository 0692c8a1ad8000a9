"""A contract from the data, and what another contract would do to what is published."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

from nomad.build.checks.result import CheckStatus
from nomad.engine import scan
from nomad.engine.keeping import keep
from nomad.lake.manifest import Manifest
from nomad.lake.scans import REFUSED, refused_files
from nomad.names import TableName, counted, literal, quote
from nomad.partitions import Partition
from nomad.run.checks import check_rows, check_version
from nomad.workspace import Workspace

_KEYS = ("VARCHAR", "INTEGER", "BIGINT", "UUID", "DATE")
"""Columns of other types that happen not to repeat are no keys."""

_FEW_VALUES, _MANY_ROWS = 12, 3
"""A column of so few values, each on so many rows in the mean, is taken for one of a set."""


def infer(workspace: Workspace, name: TableName, partition: Partition | None) -> str:
    """Write a contract that a published partition keeps to: types, NULLs, keys, small sets.

    Raises:
        MissingPartition: nothing is published there.
    """
    manifest = workspace.lake.required(name, partition)
    rows = counted(manifest.row_count, "row")
    lines = [
        f"# Inferred from {rows}; read it, and say what you know better.",
        "columns:",
        *_columns(workspace, manifest),
    ]
    return "\n".join(lines) + "\n"


def _columns(workspace: Workspace, manifest: Manifest) -> Iterator[str]:
    files = workspace.lake.files([manifest]) or [scan.Files((), manifest.schema)]
    source = scan.select(files, partitioned=manifest.partition is not None)
    with workspace.reader().session() as session:
        keep(session, "found", source)
        for column in manifest.schema:
            name = quote(column.name)
            rows, there, distinct = session.execute(
                f"SELECT count(*), count({name}), count(DISTINCT {name}) FROM found"
            )[0]
            tests = ["not_null"] if rows and there == rows else []
            if rows > 1 and distinct == rows and column.type in _KEYS:
                tests.append("unique")
            if column.type == "VARCHAR" and 0 < distinct <= _FEW_VALUES < rows / _MANY_ROWS:
                values = session.execute(
                    f"SELECT DISTINCT {name} FROM found WHERE {name} IS NOT NULL ORDER BY 1"
                )
                listed = ", ".join(_yaml(str(v)) for (v,) in values)
                tests.append(f"{{accepted_values: {{values: [{listed}]}}}}")
            yield _line(column.name, column.type, tests)


def _line(name: str, kind: str, tests: list[str]) -> str:
    told = f", tests: [{', '.join(tests)}]" if tests else ""
    return f"  - {{name: {_yaml(name)}, data_type: {_yaml(kind)}{told}}}"


def _yaml(text: str) -> str:
    return json.dumps(text, ensure_ascii=False) if "\n" in text else literal(text)


@dataclass(frozen=True)
class Change:
    """What the contract as it is now would do to one published partition."""

    partition: Partition | None
    rows: int
    outcome: str
    quarantined: int
    released: int
    note: str


def diff(workspace: Workspace, name: TableName) -> Iterator[Change]:
    """Check every published partition, and the rows refused there, by the contract of now."""
    table = workspace.project.tables[name]
    for m in workspace.lake.readable(name, partitioned=table.partitioned):
        if m.contract_hash == table.contract_hash:
            yield Change(m.partition, m.row_count, "same contract", 0, 0, "")
            continue
        whole, held = _with_refused(workspace, m)
        inspected = check_rows(workspace, table, m, whole)
        bad, refused = inspected.bad, inspected.refusal
        kept = check_version(workspace, table, m).bad if held else bad
        broken = [r for r in inspected.results if r.status != CheckStatus.PASS]
        outcome = "refused" if refused else "quarantines" if bad else "passes"
        note = "; ".join(f"{r.test}: {r.note or r.broken}" for r in broken)
        released = 0 if refused else held - (bad - kept)
        yield Change(m.partition, m.row_count, outcome, bad, released, note)


def _with_refused(workspace: Workspace, m: Manifest) -> tuple[str, int]:
    """Write the SELECT of a partition's rows, those in quarantine included; count the latter."""
    dated = m.partition is not None
    files = workspace.lake.files([m]) or [scan.Files((), m.schema)]
    source = scan.select(files, partitioned=dated)
    if m.quarantined is None:
        return source, 0
    refused = scan.select(refused_files([m], workspace.store.uri), partitioned=dated)
    plain = f"SELECT * EXCLUDE ({', '.join(c.name for c in REFUSED)}) FROM ({refused})"
    return f"({source}) UNION ALL BY NAME ({plain})", m.quarantined.rows
