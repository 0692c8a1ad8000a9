"""The connector port, and how a landed file is measured."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from nomad.config.sources import SourceConfig
from nomad.engine import scan
from nomad.engine.duck import Engine, Session, Staged, sha256
from nomad.errors import OutOfMemory, QueryFailed, Refused
from nomad.manifest import Column, digest, schema_hash
from nomad.names import literal
from nomad.partition import Partition


@dataclass(frozen=True)
class Landed:
    """A file in scratch as the source delivered it (CSV: as UTF-8), and how its CSV differs."""

    path: Path
    dialect: Mapping[str, str] = field(default_factory=dict)


class Connector(Protocol):
    """Brings what a source has for one date (or as a whole) into a folder of this machine."""

    def fetch(self, source: SourceConfig, partition: Partition, into: Path, root: Path) -> Landed:
        """Deliver one file.

        Raises:
            SourceMissing: the source has nothing for the date.
            Unreachable: the source can't be reached.
        """


def measure(engine: Engine, landed: Landed, *, source: str, lean: bool = False) -> Staged:
    """Count a landed file's rows and name its columns; every row is read once.

    The content hash is that of the bytes: raw data is what was delivered.

    Raises:
        Refused: a row or the header is malformed.
        OutOfMemory: it can't be read in the memory there is; `lean` needs the least.
    """
    try:
        schema, rows = _read(engine, landed, lean=lean)
    except OutOfMemory:
        raise
    except QueryFailed as e:
        raise _malformed(e, source) from e
    sha = sha256(landed.path)
    dialect = repr(sorted(landed.dialect.items()))
    content = digest(schema_hash(schema), dialect, sha)
    return Staged(landed.path, rows, landed.path.stat().st_size, sha, schema, {}, content)


def _read(engine: Engine, landed: Landed, *, lean: bool) -> tuple[tuple[Column, ...], int]:
    with engine.session(lean=lean) as session:
        schema = _schema(session, landed)
        files = scan.Files((str(landed.path),), schema, landed.dialect)
        query = scan.select([files], partitioned=False)
        return schema, int(session.execute(f"SELECT count(*) FROM ({query})")[0][0])


def _malformed(e: QueryFailed, source: str) -> Refused:
    told = [line for line in e.what.splitlines() if line.strip()][:3]
    return Refused(
        "; ".join(told),
        where=source,
        hint="mend the file at its source; nothing of it was landed",
    )


def _schema(session: Session, landed: Landed) -> tuple[Column, ...]:
    kind = landed.path.suffix.lstrip(".")
    if kind == "csv":
        return _header(landed)
    reader = "read_json" if kind == "json" else "read_parquet"
    return session.describe(f"FROM {reader}([{literal(str(landed.path))}])")


def _header(landed: Landed) -> tuple[Column, ...]:
    """Read the names of the columns; every column is text."""
    delimiter, quote = landed.dialect.get("delim", ","), landed.dialect.get("quote", '"')
    with landed.path.open(encoding="utf-8", newline="") as f:
        try:
            names = next(csv.reader(f, delimiter=delimiter, quotechar=quote), [])
        except csv.Error as e:
            raise QueryFailed(f"the header can't be read: {e}") from e
    lower = [n.strip().lower() for n in names]
    twins = sorted({n for n in lower if lower.count(n) > 1})
    if not names or twins or "" in lower:
        fault = f"names `{twins[0]}` twice" if twins and twins[0] else "has a column without a name"
        raise QueryFailed(f"the header {fault}" if names else "the file is empty")
    return tuple(Column(n.strip(), "VARCHAR") for n in names)
