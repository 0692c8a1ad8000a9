"""How a landed file is measured: its rows counted, its columns named, every value read once."""

from __future__ import annotations

import re

from nomad.engine import scan
from nomad.engine.instance import Engine, Session, Staged, sha256
from nomad.errors import OutOfMemory, QueryFailed, Refused
from nomad.extract.base import Landed
from nomad.extract.columns import Shape, columns, line_ends, refuse_unread
from nomad.hashing import digest
from nomad.names import quote
from nomad.schema import Column, schema_hash

_ADVICE = re.compile(r",? try ignore_errors.*|; (?:This can happen|Possible fixes).*")
"""What DuckDB says of options that a user of nomad doesn't set."""


def measure(engine: Engine, landed: Landed, shape: Shape, *, lean: bool = False) -> Staged:
    """Count a landed file's rows and name its columns; every value is read once.

    The content hash is that of the bytes: raw data is what was delivered.

    Raises:
        Refused: a row or the header is malformed.
        OutOfMemory: it can't be read in the memory there is; `lean` needs the least.
    """
    try:
        with engine.session(lean=lean) as session:
            schema = columns(session, landed, shape)
            rows = _rows(session, landed, schema)
    except OutOfMemory:
        raise
    except QueryFailed as e:
        raise _malformed(e, landed, shape) from e
    if not rows and landed.format == "csv":
        refuse_unread(landed, shape)
    sha = sha256(landed.path)
    dialect = repr(sorted(landed.dialect.items()))
    content = digest(schema_hash(schema), dialect, sha)
    return Staged(landed.path, rows, landed.path.stat().st_size, sha, schema, {}, content)


def _rows(session: Session, landed: Landed, schema: tuple[Column, ...]) -> int:
    """Count the rows; each value is read on the way, or a reader would be the first to.

    Of CSV, which is text, the lines say it all.
    """
    files = scan.Files((str(landed.path),), schema, landed.dialect)
    query = scan.select([files], partitioned=False)
    facts = "count(*)"
    if landed.format != "csv":
        facts += f", bit_xor(hash({', '.join(quote(c.name) for c in schema)}))"
    return int(session.execute(f"SELECT {facts} FROM ({query})")[0][0])


def _malformed(e: QueryFailed, landed: Landed, shape: Shape) -> Refused:
    """Say what is wrong with what was delivered; of the copy in scratch a user knows nothing."""
    many = 3 if landed.format == "csv" else 1
    lines = [line.strip() for line in e.what.splitlines() if line.strip()][:many]
    told = _ADVICE.sub("", "; ".join(lines)).replace(str(landed.path), shape.told)
    ends = line_ends(landed.path) if landed.format == "csv" else []
    if len(ends) > 1:
        told = f"its lines end in different ways ({', '.join(ends)}): {told}"
    return Refused(
        told.replace(f'file "{shape.told}"', "the file"),
        where=shape.told,
        hint="fix the file at its source; nothing of it was landed",
    )
