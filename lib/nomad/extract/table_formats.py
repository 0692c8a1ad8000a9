"""What connectors of table formats share: a folder of Parquet files with a history, on a disk."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from nomad.config.options import SINGLE, TEXT, TEXTS, Held, Option, holds_variable
from nomad.errors import ConfigError, SourceMissing
from nomad.extract import own_sql
from nomad.extract.base import Request
from nomad.extract.databases import DatabaseConnector, Dialect, Fault
from nomad.names import literal, quote


def _on_disk(value: Held, _given: Mapping[str, Held]) -> str | None:
    return "can't be an address: tables are read from a disk" if "://" in str(value) else None


def _whole(value: Held, _given: Mapping[str, Held]) -> str | None:
    good = str(value).isdecimal() or holds_variable(value)
    return None if good else f"must be a whole number (got {value!r})"


def connector(
    kind: str, title: str, scan: Callable[[str, str | None], str], faults: tuple[Fault, ...]
) -> DatabaseConnector:
    """Make the connector of a format; `scan` writes DuckDB's call for a path and a version."""

    def relation(request: Request, _quote: Callable[[str], str]) -> str:
        options = request.source.options
        path = request.root / str(options["path"])
        if not path.exists():
            raise SourceMissing(
                f"source `{request.source.name}` has no table {path.name}",
                where=str(path),
                hint="check `path:` in nomad.yaml",
            )
        version = options.get("version")
        if version is not None and not str(version).isdecimal():  # a variable held it
            raise ConfigError(
                f"source `{request.source.name}`: `version` must be a whole number",
                where=request.source.origin,
            )
        return scan(str(path), None if version is None else str(version))

    return DatabaseConnector(
        (
            Option(
                "path", "The table, from the project's folder.", TEXT, required=True, rule=_on_disk
            ),
            Option("version", "Which; default the newest.", SINGLE, rule=_whole),
            Option("select", "A list of the columns to take; default all.", TEXTS),
            Option("where", "A condition in DuckDB's SQL.", TEXT),
        ),
        Dialect(
            kind=kind,
            title=title,
            version="'by DuckDB ' || version()",
            address=lambda _: "",
            passed=own_sql.passed,
            quote=quote,
            literal=literal,
            compared=own_sql.compared,
            taken=own_sql.taken,
            reason=own_sql.reason,
            faults=(
                *faults,
                Fault(r"[Cc]olumn", ConfigError, "was it renamed or dropped?"),
                Fault(r"syntax error|Binder", ConfigError, "see `where`"),
            ),
            relation=relation,
        ),
    )
