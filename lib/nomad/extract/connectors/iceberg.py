"""Connector `iceberg`: an Iceberg table, as of now or of a snapshot.

Which metadata file is the newest, the table's `version-hint.text` says: to guess it would read what
was perhaps never committed.
"""

from __future__ import annotations

from nomad.errors import ConfigError, Refused
from nomad.extract.databases import Fault
from nomad.extract.table_formats import connector
from nomad.names import literal


def _scan(path: str, version: str | None) -> str:
    return f"iceberg_scan({literal(path)}{f', snapshot_from_id = {version}' if version else ''})"


CONNECTOR = connector(
    "iceberg",
    "Iceberg",
    _scan,
    (
        Fault(
            r"version-hint",
            ConfigError,
            "write it, or name a file metadata/….metadata.json in `path:`",
        ),
        Fault(r"snapshot", ConfigError, "is there such a snapshot? `version:` is its id"),
        Fault(r"No such file|Cannot open|metadata", Refused, "is it an Iceberg table, and whole?"),
    ),
)
