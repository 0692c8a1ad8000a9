"""The schema `nomad` of the catalog: what there is, from what, since when, and what ran."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from nomad.engine.duck import Session
from nomad.manifest import Manifest
from nomad.names import TableName, literal
from nomad.project import Project
from nomad.store.base import Blob

_COLUMNS = {
    "tables": {
        "name": "VARCHAR", "layer": "VARCHAR", "path": "VARCHAR", "description": "VARCHAR",
        "partitioned": "BOOLEAN", "inputs": "VARCHAR[]",
    },
    "partitions": {
        "table_name": "VARCHAR", "dt": "DATE", "run_id": "VARCHAR", "generated_at": "TIMESTAMPTZ",
        "row_count": "BIGINT", "file_count": "INTEGER", "bytes": "BIGINT",
        "content_hash": "VARCHAR",
    },
    "columns": {
        "table_name": "VARCHAR", "position": "INTEGER", "name": "VARCHAR", "type": "VARCHAR",
        "nullable": "BOOLEAN",
    },
    "lineage": {"table_name": "VARCHAR", "input_name": "VARCHAR"},
    "checks": {
        "table_name": "VARCHAR", "dt": "DATE", "run_id": "VARCHAR", "test": "VARCHAR",
        "kind": "VARCHAR", "columns": "VARCHAR[]", "severity": "VARCHAR", "status": "VARCHAR",
        "failed": "BIGINT", "rows": "BIGINT", "note": "VARCHAR",
    },
    "events": {
        "event": "VARCHAR", "run_id": "VARCHAR", "command": "VARCHAR", "at": "TIMESTAMPTZ",
        "table": "VARCHAR", "partition_date": "DATE", "status": "VARCHAR", "reason": "VARCHAR",
        "row_count": "BIGINT", "file_count": "INTEGER", "bytes": "BIGINT", "seconds": "DOUBLE",
        "error": "VARCHAR", "location": "VARCHAR", "peak_memory": "BIGINT",
    },
}  # fmt: skip

_FRESHNESS = """
CREATE VIEW nomad.freshness AS
SELECT
    table_name,
    max(dt) AS latest_dt,
    max(generated_at) AS published_at,
    now() - max(generated_at) AS age
FROM nomad.partitions
GROUP BY table_name
"""

_TASKS = """
CREATE VIEW nomad.tasks AS
SELECT
    run_id, "table" AS table_name, partition_date AS dt, status, reason,
    row_count, file_count, bytes, seconds, peak_memory, error, location
FROM nomad.events
WHERE event = 'step'
"""

_RUNS = """
CREATE VIEW nomad.runs AS
SELECT
    run_id,
    any_value(command) AS command,
    min("at") AS began_at,
    max("at") FILTER (WHERE event = 'end') AS ended_at,
    count(*) FILTER (WHERE status IN ('published', 'built')) AS published,
    count(*) FILTER (WHERE status = 'fresh') AS fresh,
    count(*) FILTER (WHERE status IN ('failed', 'blocked')) AS failed
FROM nomad.events
GROUP BY run_id
"""


def describe_all(
    session: Session,
    project: Project,
    published: Mapping[TableName, list[Manifest]],
    journals: Mapping[str, Blob],
    scratch: Path,
) -> None:
    """Make the schema: tables from manifests and from the journals of the lake."""
    session.execute("CREATE SCHEMA IF NOT EXISTS nomad")
    manifests = [m for found in published.values() for m in found]
    rows: dict[str, Iterable[dict[str, Any]]] = {
        "tables": (_table(project, name) for name in project.order),
        "partitions": (_partition(m) for m in manifests),
        "columns": (c for found in published.values() for c in _columns(found[-1])),
        "lineage": (
            {"table_name": str(n), "input_name": str(i)}
            for n in project.order
            for i in project.tables[n].inputs
        ),
        "checks": (
            {"table_name": str(m.dest), **_which(m), **v} for m in manifests for v in m.checks
        ),
    }
    for name, found in rows.items():
        _load(session, scratch, name, (json.dumps(r, ensure_ascii=False).encode() for r in found))
    _load(session, scratch, "events", (blob.data.rstrip() for blob in journals.values()))
    for view in (_FRESHNESS, _TASKS, _RUNS):
        session.execute(view)


def _table(project: Project, name: TableName) -> dict[str, Any]:
    table = project.tables[name]
    return {
        "name": str(name),
        "layer": name.layer,
        "path": table.sql.path,
        "description": table.description,
        "partitioned": table.partitioned,
        "inputs": [str(i) for i in table.inputs],
    }


def _which(m: Manifest) -> dict[str, Any]:
    return {"dt": m.partition_date and m.partition_date.isoformat(), "run_id": m.run_id}


def _partition(m: Manifest) -> dict[str, Any]:
    return {
        "table_name": str(m.dest),
        **_which(m),
        "generated_at": m.generated_at,
        "row_count": m.row_count,
        "file_count": len(m.files),
        "bytes": sum(f.bytes for f in m.files),
        "content_hash": m.content_hash,
    }


def _columns(latest: Manifest) -> Iterable[dict[str, Any]]:
    for position, column in enumerate(latest.schema, 1):
        yield {
            "table_name": str(latest.dest),
            "position": position,
            "name": column.name,
            "type": column.type,
            "nullable": column.nullable,
        }


def _load(session: Session, scratch: Path, name: str, lines: Iterable[bytes]) -> None:
    """Make a table by way of a file of JSON lines: thousands of rows at once."""
    path = scratch / f"{name}.jsonl"
    path.write_bytes(b"\n".join(lines))
    spec = _spec(_COLUMNS[name])
    source = f"read_json({literal(str(path))}, format='newline_delimited', columns={spec})"
    session.execute(f"CREATE TABLE nomad.{name} AS SELECT * FROM {source}")


def _spec(columns: Mapping[str, str]) -> str:
    return "{" + ", ".join(f"{literal(c)}: {literal(t)}" for c, t in columns.items()) + "}"
