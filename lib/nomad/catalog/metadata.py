"""The schema `nomad` of the catalog: what there is, from what, since when, and what ran."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

from nomad.engine.instance import Session
from nomad.hashing import digest
from nomad.lake.journal import event
from nomad.lake.manifest import Manifest
from nomad.names import RAW, TableName, literal, quote
from nomad.partitions import text
from nomad.project.project import Project

_COLUMNS = {
    "tables": {
        "name": "VARCHAR", "layer": "VARCHAR", "path": "VARCHAR", "description": "VARCHAR",
        "partitioned": "BOOLEAN", "inputs": "VARCHAR[]",
    },
    "sources": {"name": "VARCHAR", "fetched_by": "VARCHAR"},
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
        "error": "VARCHAR", "retried": "VARCHAR", "location": "VARCHAR", "peak_memory": "BIGINT",
        "waited": "DOUBLE", "part": "VARCHAR",
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
    row_count, file_count, bytes, seconds, waited, peak_memory, error, retried, location
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
    greatest(
        count(*) FILTER (WHERE status IN ('published', 'built')),
        any_value(there.partitions)
    ) AS published,
    count(*) FILTER (WHERE status = 'fresh') AS fresh,
    count(*) FILTER (WHERE event = 'step' AND status IN ('failed', 'blocked')) AS failed
FROM nomad.events
LEFT JOIN (
    SELECT run_id, count(*) AS partitions FROM nomad.partitions GROUP BY run_id
) AS there USING (run_id)
GROUP BY run_id
"""
"""A run that was killed noted less than it published: what is there of it still counts."""

_PROGRESS = f"""
CREATE VIEW nomad.backfill_progress AS
WITH asked AS (
    SELECT '{RAW}.' || name AS "table", fetched_by FROM nomad.sources
), cuts AS (
    SELECT "table", max(run_id) FILTER (WHERE status = 'done') AS whole
    FROM nomad.events WHERE event = 'cut' GROUP BY "table"
), noted AS (
    SELECT events.*, fetched_by FROM nomad.events JOIN asked USING ("table")
    WHERE event = 'fetch' AND CASE fetched_by
        WHEN 'date' THEN partition_date IS NOT NULL
        WHEN 'all' THEN part = 'all'
        ELSE partition_date IS NULL
    END
    UNION ALL BY NAME
    SELECT events.*, fetched_by
    FROM nomad.events JOIN asked USING ("table") JOIN cuts USING ("table")
    WHERE fetched_by = 'part'
        AND event = 'cut' AND status = 'waiting' AND run_id >= coalesce(whole, '')
), fetched AS (
    SELECT
        "table" AS table_name,
        part,
        fetched_by,
        any_value(partition_date) AS dt,
        last(status ORDER BY "at") AS status,
        count(*) FILTER (WHERE status <> 'waiting' OR row_count IS NOT NULL) AS attempts,
        last(row_count ORDER BY "at") FILTER (WHERE status = 'done' AND row_count >= 0) AS rows,
        last(error ORDER BY "at") AS last_error,
        last(run_id ORDER BY "at") AS run_id,
        max("at") AS updated_at
    FROM noted
    GROUP BY ALL
), published AS (
    SELECT partitions.*, fetched_by
    FROM nomad.partitions JOIN asked ON table_name = "table"
), there AS (
    SELECT table_name, dt, run_id, row_count, generated_at FROM published
    WHERE fetched_by <> 'part'
    UNION ALL
    SELECT table_name, NULL, max(run_id), sum(row_count)::BIGINT, max(generated_at) FROM published
    WHERE fetched_by = 'part' AND table_name NOT IN (SELECT table_name FROM fetched)
    GROUP BY table_name
), lost AS (
    SELECT table_name FROM fetched WHERE fetched_by = 'part'
    EXCEPT SELECT table_name FROM published
    EXCEPT SELECT table_name FROM fetched WHERE status = 'waiting'
)
SELECT
    substr(coalesce(fetched.table_name, there.table_name), {len(RAW) + 2}) AS source,
    coalesce(part, CAST(there.dt AS VARCHAR), 'all') AS part,
    coalesce(fetched.dt, there.dt) AS dt,
    CASE
        WHEN status IS NULL OR there.run_id > fetched.run_id THEN 'done'
        WHEN status <> 'done' OR there.table_name IS NOT NULL THEN status
        WHEN fetched_by <> 'part' THEN 'missing'
        WHEN rows > 0 AND fetched.table_name IN (FROM lost) THEN 'missing'
        ELSE status
    END AS status,
    coalesce(attempts, 0) AS attempts,
    coalesce(rows, there.row_count) AS rows,
    CASE WHEN there.run_id > fetched.run_id THEN NULL ELSE last_error END AS last_error,
    coalesce(updated_at, there.generated_at) AS updated_at
FROM fetched FULL JOIN there
    ON fetched.table_name = there.table_name AND fetched.dt IS NOT DISTINCT FROM there.dt
"""
"""A date that is published since is done, whoever noted it; one that is gone is missing again.

What is noted counts as far as a source is still fetched so. What parts brought is lost if there is
no partition of them at all. Of these, a date that waits is one that the last cut which came to its
end left waiting.
"""

FORM = digest(repr(_COLUMNS), _FRESHNESS, _TASKS, _RUNS, _PROGRESS)
"""Tells this schema from that of another nomad."""


def create(session: Session) -> None:
    """Make the schema, empty."""
    tables = (f"CREATE TABLE nomad.{name} ({_typed(found)})" for name, found in _COLUMNS.items())
    session.run(["CREATE SCHEMA nomad", *tables, _FRESHNESS, _TASKS, _RUNS, _PROGRESS])


def _typed(columns: Mapping[str, str]) -> str:
    return ", ".join(f"{quote(c)} {kind}" for c, kind in columns.items())


_encoded = json.JSONEncoder(ensure_ascii=False).encode

_OURS = {"events": "WHERE event IS NOT NULL AND run_id IS NOT NULL"}
"""What is JSON, and yet no line of a run."""


class Rows:
    """Rows to be, table by table, in files of JSON lines: thousands are loaded at once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files: dict[str, BinaryIO] = {}

    def add(self, name: str, rows: Iterable[Mapping[str, Any]]) -> None:
        """Add rows for a table of the schema."""
        for row in rows:
            self.add_lines(name, _encoded(row).encode())

    def add_lines(self, name: str, data: bytes) -> None:
        """Add rows that are JSON lines already."""
        if name not in self._files:
            self._files[name] = self._path(name).open("wb")
        self._files[name].write(data + b"\n")

    def load(self, session: Session) -> None:
        """Put them all in."""
        self.close()
        session.run(map(self._insert, self._files))

    def _insert(self, name: str) -> str:
        spec, source = _spec(_COLUMNS[name]), literal(str(self._path(name)))
        return (
            f"INSERT INTO nomad.{name} SELECT * FROM"
            f" read_json({source}, format='newline_delimited', hive_partitioning=false,"
            f" columns={spec}) {_OURS.get(name, '')}"
        )

    def close(self) -> None:
        """Close the files."""
        for file in self._files.values():
            file.close()

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}.jsonl"


def of_project(project: Project, rows: Rows) -> None:
    """Add what there is to say of the project's tables, published or not."""
    rows.add("tables", (_table(project, name) for name in project.order))
    edges = ((n, i) for n in project.order for i in project.tables[n].inputs)
    kinds = ((s, fetched_by(project, s)) for s in project.config.sources)
    rows.add("sources", ({"name": name, "fetched_by": kind} for name, kind in kinds))
    rows.add("lineage", ({"table_name": str(n), "input_name": str(i)} for n, i in edges))


def fetched_by(project: Project, source: str) -> str:
    """Tell what a source is fetched by: a date at a time, parts, or all of it."""
    if project.config.sources[source].in_parts:
        return "part"
    return "date" if project.partitioned(TableName(RAW, source)) else "all"


def of_table(found: Sequence[Manifest], rows: Rows) -> None:
    """Add what a table's manifests say, if there are any."""
    if not found:
        return
    rows.add("partitions", map(_partition, found))
    rows.add("columns", _columns(found[-1]))
    rows.add(
        "checks", ({"table_name": str(m.dest), **_which(m), **v} for m in found for v in m.checks)
    )


def sound_lines(data: bytes) -> list[bytes]:
    """Give the lines of a journal that are events such as the schema has."""
    found = (event(line) for line in data.splitlines())
    written = (_written(e) for e in found if e is not None and _fits(e))
    return [line for line in written if line]


def _written(found: Mapping[str, Any]) -> bytes | None:
    """Write an event anew; None where it holds what is no JSON, or no text."""
    with suppress(ValueError):
        return json.dumps(found, ensure_ascii=False, allow_nan=False).encode()
    return None


def _fits(found: Mapping[str, Any]) -> bool:
    kinds = _COLUMNS["events"].items()
    return all(found.get(c) is None or _is(found[c], kind) for c, kind in kinds)


def _is(value: object, kind: str) -> bool:
    """Tell whether a value of JSON is one of a column's type."""
    if kind in ("DATE", "TIMESTAMPTZ"):
        return isinstance(value, str) and _is_time(value)
    if kind == "VARCHAR":
        return isinstance(value, str)
    if isinstance(value, bool):
        return False
    if kind == "DOUBLE":
        return isinstance(value, int | float)
    bits = 31 if kind == "INTEGER" else 63
    return isinstance(value, int) and abs(value) < 1 << bits


def _is_time(text: str) -> bool:
    with suppress(ValueError):
        return bool(datetime.fromisoformat(text))
    return False


def forget(session: Session, tables: Iterable[str], runs: Iterable[str]) -> None:
    """Take away what is said of some tables, of some runs, and of the project."""
    away = ["tables", "sources", "lineage"]
    if names := ", ".join(literal(t) for t in tables):
        below = ("partitions", "columns", "checks")
        away += [f"{table} WHERE table_name IN ({names})" for table in below]
    if ids := ", ".join(literal(r) for r in runs):
        away.append(f"events WHERE run_id IN ({ids})")
    session.run(f"DELETE FROM nomad.{what}" for what in away)


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
    return {"dt": text(m.partition), "run_id": m.run_id}


def _partition(m: Manifest) -> dict[str, Any]:
    return {
        "table_name": str(m.dest),
        **_which(m),
        "generated_at": m.generated_at,
        "row_count": m.row_count,
        "file_count": len(m.files),
        "bytes": m.size,
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


def _spec(columns: Mapping[str, str]) -> str:
    return "{" + ", ".join(f"{literal(c)}: {literal(t)}" for c, t in columns.items()) + "}"
