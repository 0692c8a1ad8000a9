"""How a landed file is measured: its rows counted, its columns named, every value read once."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from nomad.engine import scan
from nomad.engine.instance import Engine, Session, Staged, sha256
from nomad.errors import OutOfMemory, QueryFailed, Refused
from nomad.extract import typed
from nomad.extract.base import Landed
from nomad.extract.columns import Shape, columns, line_ends, refuse_unread
from nomad.extract.records import beside
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
            _refuse_unfit(session, [landed], schema, shape)
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


def measure_or_retry(engine: Engine, landed: Landed, shape: Shape) -> tuple[Staged, bool]:
    """Measure a file; where memory runs out, once more with the least. Tell whether it was so.

    A file that the first attempt wrote anew has its new names: two that are exchanged would be
    exchanged back.
    """
    before = landed.path.stat().st_ino
    try:
        return measure(engine, landed, shape), False
    except OutOfMemory:
        anew = landed.path.stat().st_ino != before
        return measure(engine, landed, shape.renamed if anew else shape, lean=True), True


def measure_all(
    engine: Engine, landed: Sequence[Landed], shape: Shape
) -> tuple[list[Staged], Shape]:
    """Do the same for many files; those of CSV with one header are read in one pass.

    Say as well what is known then of the next file.

    Raises:
        Refused: one is malformed; it is named.
    """
    found: list[Staged] = []
    for group in _alike(landed):
        measured = _measured(engine, group, shape)
        for file, staged in zip(group, measured, strict=True):
            shape = shape.after(file, staged)
        found += measured
    return found, shape


def measure_together(engine: Engine, landed: Sequence[Landed], shape: Shape) -> list[Staged]:
    """Do the same for the files of one partition; each has the content hash of all together.

    Raises:
        Refused: one is malformed, or has other columns than the first.
    """
    staged, _ = measure_all(engine, landed, shape)
    first = staged[0].schema
    for file, found in zip(landed, staged, strict=True):
        if [(c.name, c.type) for c in found.schema] != [(c.name, c.type) for c in first]:
            other = ", ".join(f"{c.name} {c.type}" for c in found.schema)
            raise Refused(
                f"the files of one date have other columns: {landed[0].path.name} has"
                f" {', '.join(f'{c.name} {c.type}' for c in first)}, {file.path.name} has {other}",
                where=shape.told,
                hint="let `path:` name files of one kind; nothing of them was landed",
            )
    dialect = repr(sorted(landed[0].dialect.items()))
    content = digest(schema_hash(first), dialect, *(s.sha256 for s in staged))
    return [s._replace(content_hash=content) for s in staged]


def _alike(landed: Sequence[Landed]) -> list[list[Landed]]:
    """Put files that follow each other and have one header together; of other formats, each."""
    groups: list[list[Landed]] = []
    last: object = None
    for file in landed:
        mark = (_first_line(file), *sorted(file.dialect.items())) if file.format == "csv" else None
        if mark is None or mark != last:
            groups.append([])
        groups[-1].append(file)
        last = mark
    return groups


def _first_line(file: Landed) -> bytes:
    with file.path.open("rb") as f:
        return f.readline()


def _measured(engine: Engine, group: Sequence[Landed], shape: Shape) -> list[Staged]:
    first, *others = group
    if not others:
        return [measure(engine, first, _of(shape, first))]
    try:
        with engine.session() as session:
            schema = columns(session, first, _of(shape, first))
            _refuse_unfit(session, group, schema, shape)
            counts = _counts(session, group, schema)
    except (QueryFailed, Refused):
        return [measure(engine, file, _of(shape, file)) for file in group]
    return [_staged(file, schema, counts.get(str(file.path), 0), shape) for file in group]


def _refuse_unfit(
    session: Session, group: Sequence[Landed], schema: Sequence[Column], shape: Shape
) -> None:
    """See that text and JSON have only values of the declared types, as SQL will read them."""
    types = typed.known(session, shape.types, shape.source)
    if not types or group[0].format == "parquet":
        return
    text = typed.as_text(schema, types)
    files = scan.Files(tuple(str(f.path) for f in group), text, group[0].dialect)
    select = scan.select([files], partitioned=False)
    of_json = group[0].format == "json"
    typed.refuse_unfit(session, select, text, types, shape.told, of_json=of_json)


def _of(shape: Shape, file: Landed) -> Shape:
    """Tell of one file by what part of the source it is."""
    part = file.part or (file.window if isinstance(file.window, str) else "")
    return replace(shape, told=part) if part else shape


def _counts(
    session: Session, group: Sequence[Landed], schema: tuple[Column, ...]
) -> dict[str, int]:
    """Count the rows of each file."""
    files = scan.Files(tuple(str(f.path) for f in group), schema, group[0].dialect)
    name = scan.FILENAME
    query = f"SELECT {name}, count(*) FROM ({scan.named(files)}) GROUP BY ALL"
    return {file: int(count) for file, count in session.execute(query)}


def _staged(file: Landed, schema: tuple[Column, ...], rows: int, shape: Shape) -> Staged:
    if not rows:
        refuse_unread(file, _of(shape, file))
    sha = sha256(file.path)
    return Staged(file.path, rows, file.path.stat().st_size, sha, schema, {}, sha)


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


_LONGEST = 600
"""Characters."""


def _shortened(line: str) -> str:
    """Leave out the middle of a long line: it is the file's, and says no more."""
    half = _LONGEST // 2
    return line if len(line) <= _LONGEST else f"{line[:half]} … {line[-half:]}"


def _malformed(e: QueryFailed, landed: Landed, shape: Shape) -> Refused:
    """Say what is wrong with what was delivered; of the copy in scratch a user knows nothing."""
    many = 3 if landed.format == "csv" else 1
    what = e.what
    for path in (landed.path, beside(landed.path)):
        what = what.replace(str(path), shape.told)
    lines = [_shortened(line.strip()) for line in what.splitlines() if line.strip()][:many]
    told = _ADVICE.sub("", "; ".join(lines))
    ends = line_ends(landed.path) if landed.format == "csv" else []
    if len(ends) > 1:
        told = f"its lines end in different ways ({', '.join(ends)}): {told}"
    return Refused(
        told.replace(f'file "{shape.told}"', "the file"),
        where=shape.told,
        hint="fix the file at its source; nothing of it was landed",
    )
