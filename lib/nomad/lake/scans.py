"""The files of versions as DuckDB reads them: those of one schema together."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import PurePath

from nomad.engine.scan import Files
from nomad.lake.manifest import Manifest
from nomad.schema import NO_ROWS, Column

REFUSED = (
    Column("_test", "VARCHAR"), Column("_column", "VARCHAR"), Column("_value", "VARCHAR"),
    Column("_tests", "VARCHAR[]"), Column("_row_number", "BIGINT"),
    Column("_source_file", "VARCHAR"), Column("_run_id", "VARCHAR"),
)  # fmt: skip
"""What is told of a refused row beside its own columns."""


def data_files(manifests: Iterable[Manifest], uri: Callable[[str], str]) -> list[Files]:
    """Group the files of manifests of one format and schema, in the order of the manifests.

    JSON without a row says nothing of columns: it is left out where other dates say something.
    """
    every = list(manifests)
    groups: dict[tuple[str, str, str, frozenset[str]], tuple[list[str], Manifest]] = {}
    for m in [m for m in every if m.row_count or m.schema != NO_ROWS] or every:
        kinds = "".join(sorted({PurePath(f.name).suffix for f in m.files}))
        key = (kinds, m.schema_hash, repr(sorted(m.dialect.items())), _empty(m))
        uris, _ = groups.setdefault(key, ([], m))
        uris += [uri(f"{m.folder}/{f.name}") for f in m.files]
    return [
        Files(tuple(uris), m.schema, m.dialect, empty=empty)
        for (*_, empty), (uris, m) in groups.items()
    ]


def _empty(manifest: Manifest) -> frozenset[str]:
    """Name the columns of type JSON without a value: other dates may know their type."""
    rows, stats = manifest.row_count, manifest.stats
    return frozenset(
        c.name.lower()
        for c in manifest.schema
        if c.type == "JSON" and stats.get(c.name, {}).get("null_count") == rows
    )


def refused_files(manifests: Iterable[Manifest], uri: Callable[[str], str]) -> list[Files]:
    """Group the files of refused rows by schema: the table's columns, then what is wrong."""
    groups: dict[str, tuple[list[str], Manifest]] = {}
    for m in manifests:
        if m.refused_key:
            uris, _ = groups.setdefault(m.schema_hash, ([], m))
            uris.append(uri(m.refused_key))
    return [Files(tuple(uris), (*m.schema, *REFUSED), {}) for uris, m in groups.values()]
