"""Versions of one table, made without a run, and what a reader finds of them."""

from __future__ import annotations

from nomad.lake.lake import Lake
from nomad.lake.manifest import DataFile, Manifest
from nomad.names import TableName
from nomad.schema import Column
from nomad.store.memory import MemoryStore

TABLE = TableName("dwd", "dwd_x")
FOLDER = "dwd/dwd_x"


def version(run_id: str, *, rows: int = 1, refused: bool = False) -> Manifest:
    files = (DataFile(f"{run_id}-0.parquet", rows, 4, "00"),) if rows else ()
    return Manifest(
        dest=TABLE,
        partition=None,
        run_id=run_id,
        generated_at="2024-01-02T00:00:00+00:00",
        files=files,
        schema=(Column("a", "INTEGER"),),
        content_hash=run_id,
        sql_hash="s",
        contract_hash="",
        engine="duckdb 1.5.5",
        quarantined=DataFile(f"{run_id}.parquet", 1, 4, "00") if refused else None,
    )


def reader_sees(store: MemoryStore) -> str | None:
    """The version a reader finds, each of whose files is there; None: nothing is published."""
    store.before = lambda *_: None
    manifest = Lake(store).manifest(TABLE, None)
    if manifest is None:
        return None
    assert all(f"{FOLDER}/{f.name}" in store.objects for f in manifest.files), "a file is missing"
    return manifest.run_id
