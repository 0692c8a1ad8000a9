"""Connector `delta`: a Delta Lake table, as of now or of a version."""

from __future__ import annotations

from nomad.errors import ConfigError, Refused
from nomad.extract.databases import Fault
from nomad.extract.table_formats import connector
from nomad.names import literal


def _scan(path: str, version: str | None) -> str:
    return f"delta_scan({literal(path)}{f', version = {version}' if version else ''})"


CONNECTOR = connector(
    "delta",
    "Delta Lake",
    _scan,
    (
        Fault(r"specified end version|version .*not", ConfigError, "is there such a `version`?"),
        Fault(r"No files in log|location|_delta_log", Refused, "is it a Delta table, and whole?"),
        Fault(r"DeltaKernel|No such file|Cannot open", Refused, "is the table whole?"),
    ),
)
