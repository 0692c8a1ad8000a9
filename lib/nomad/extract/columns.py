"""The columns of a landed file, and what they may not be."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from nomad.engine.exact import exact
from nomad.engine.instance import Session, Staged
from nomad.engine.joined import joined, unknown
from nomad.errors import QueryFailed, Refused
from nomad.extract import records, typed
from nomad.extract.base import Landed
from nomad.extract.renames import once_renamed, renamed
from nomad.extract.sparse import Fields
from nomad.extract.typed import Types
from nomad.names import literal, quote
from nomad.partitions import COLUMN
from nomad.schema import NO_ROWS, Column


@dataclass(frozen=True)
class Shape:
    """What is known of a file beforehand: where it came from, and what its columns are to be.

    `before` are the columns of the nearest partition that is landed already, if any; `types` those
    that are declared for its columns. `fields` are those of JSON that a source in parts had so far.
    """

    source: str
    told: str
    dated: bool
    rename: Mapping[str, str] = field(default_factory=dict)
    before: tuple[Column, ...] = ()
    may_drift: bool = False
    fields: Fields | None = None

    @property
    def renamed(self) -> Shape:
        """The same of a file whose columns have their new names already."""
        new = once_renamed((c.name for c in self.before), self.rename)
        before = tuple(c._replace(name=new[c.name]) for c in self.before)
        return replace(self, rename={}, before=before)

    def after(self, landed: Landed, staged: Staged) -> Shape:
        """The same of the next file, once this one is measured."""
        if self.fields is None or landed.format != "json" or not staged.rows:
            return self
        return replace(self, fields=self.fields.after(c.name for c in staged.schema))

    types: Mapping[str, str] = field(default_factory=dict)


def columns(session: Session, landed: Landed, shape: Shape) -> tuple[Column, ...]:
    """Name a file's columns, under the names they are to have.

    Raises:
        QueryFailed: the file has no columns that a table can have.
        Refused: they collide with `dt`, lack some that the partition before has, or can't be read
            together with it.
    """
    types = typed.known(session, shape.types, shape.source)
    if landed.format == "json":
        prepared = records.prepare(session, landed.path, shape.rename)
        schema = _checked(session, landed, shape, types, _of_json(session, prepared.path, shape))
        records.settle(session, landed.path, prepared, schema)
        return schema
    return _checked(session, landed, shape, types, _delivered(session, landed, shape))


def _checked(
    session: Session,
    landed: Landed,
    shape: Shape,
    types: Types,
    schema: tuple[Column, ...],
) -> tuple[Column, ...]:
    """See that a file may have the columns that it has, and give them their types."""
    names = [c.name.lower() for c in schema]
    if not shape.may_drift:
        _refuse_absent(shape, names)
    if shape.dated and COLUMN in names:
        _refuse_dt(schema[names.index(COLUMN)].name, shape)
    lost = _lost(landed, schema, shape)
    if lost and not shape.may_drift:
        _refuse_drift(lost, schema, shape)
    if types and schema != NO_ROWS and schema is not shape.before:
        schema = _typed(session, landed, schema, types, shape)
    if shape.dated and not shape.may_drift:
        _refuse_other_types(schema, shape)
    return schema


def _typed(
    session: Session, landed: Landed, schema: tuple[Column, ...], types: Types, shape: Shape
) -> tuple[Column, ...]:
    """Give columns their declared types; a file that has types of its own is written anew."""
    if landed.format == "parquet":
        types = {name: exact(kind) for name, kind in types.items()}
    declared = typed.applied(schema, types, shape.told)
    if landed.format == "parquet" and typed.apart(schema, types):
        select = f"SELECT * {_parquet(landed.path)}"
        typed.refuse_unfit(session, select, schema, types, shape.told)
        _rewritten(session, landed.path, typed.cast(schema, types))
        return session.describe(_parquet(landed.path))
    return declared


def added(schema: Sequence[Column], shape: Shape) -> list[str]:
    """Name the columns that the partition before doesn't have."""
    known = {c.name.lower() for c in shape.before}
    return [c.name for c in schema if known and c.name.lower() not in known]


def _delivered(session: Session, landed: Landed, shape: Shape) -> tuple[Column, ...]:
    if landed.format == "csv":
        return _header(landed, shape.rename)
    if shape.rename:
        _rename_parquet(session, landed.path, shape.rename)
    return session.describe(_parquet(landed.path))


def _of_json(session: Session, path: Path, shape: Shape) -> tuple[Column, ...]:
    found = records.columns(session, path)
    told = tuple(_known(c, shape.before) for c in found) or shape.before
    return told or _declared(shape) or NO_ROWS


def _declared(shape: Shape) -> tuple[Column, ...]:
    return tuple(Column(*c) for c in shape.types.items())


def _known(column: Column, before: Iterable[Column]) -> Column:
    """Give a column of JSON in which no value tells its type the one that it had before."""
    known = next((c.type for c in before if c.name.lower() == column.name.lower()), column.type)
    held = unknown(column.type)
    return (
        column._replace(type=known)
        if held != column.type and joined(held, known) == known
        else column
    )


def _header(landed: Landed, rename: Mapping[str, str]) -> tuple[Column, ...]:
    """Read the names of the columns; every column is text."""
    with landed.path.open(encoding="utf-8", newline="") as f:
        try:
            found = next(_records(f, landed), None)
        except csv.Error as e:
            raise QueryFailed(f"the header can't be read: {e}") from e
    if not found:
        raise QueryFailed("the file is empty" if found is None else "the first line is blank")
    found = [n.strip() for n in found]
    new = renamed(found, rename)
    names = [new[n] for n in found]
    lower = [n.lower() for n in names]
    if twin := next((n for n in lower if n and lower.count(n) > 1), None):
        raise QueryFailed(f"the header names `{twin}` twice")
    if "" in lower:
        raise QueryFailed("the header has a column without a name")
    return tuple(Column(n, "VARCHAR") for n in names)


def _records(lines: Iterable[str], landed: Landed) -> Iterator[list[str]]:
    delimiter, quotes = landed.dialect.get("delim", ","), landed.dialect.get("quote", '"')
    return csv.reader(lines, delimiter=delimiter, quotechar=quotes)


def refuse_unread(landed: Landed, shape: Shape) -> None:
    """See that a CSV in which DuckDB finds no row has none: a header may hide all of them.

    Raises:
        Refused: there is more than the header, or a quote in it may never be closed.
    """
    with landed.path.open(encoding="utf-8", newline="") as f:
        records = _records(f, landed)
        broken = any("\n" in n or "\r" in n for n in next(records, []))
        if not broken and not _any_row(records):
            return
    raise Refused(
        "the header can't be read by DuckDB: quotes, or a line break, in a column's name",
        where=shape.told,
        hint="write each column's name on one line, and quotes around the whole name or not"
        " at all; nothing of the file was landed",
    )


def _any_row(records: Iterable[list[str]]) -> bool:
    try:
        return any(len(r) > 1 or "".join(r).strip() for r in records)
    except csv.Error:
        return True


def _parquet(path: Path) -> str:
    return f"FROM read_parquet([{literal(str(path))}], hive_partitioning=false)"


def _rename_parquet(session: Session, path: Path, rename: Mapping[str, str]) -> None:
    """Write a file anew, with other names."""
    source = _parquet(path)
    new = renamed((c.name for c in session.describe(source)), rename)
    _rewritten(session, path, ", ".join(f"{quote(n)} AS {quote(as_)}" for n, as_ in new.items()))


def _rewritten(session: Session, path: Path, wanted: str) -> None:
    """Write a file of Parquet anew."""
    target = path.with_name(f"rewritten{path.suffix}")
    to = f"{literal(str(target))} (FORMAT parquet, COMPRESSION zstd)"
    session.execute(f"COPY (SELECT {wanted} {_parquet(path)}) TO {to}")
    target.replace(path)


def _refuse_absent(shape: Shape, names: Sequence[str]) -> None:
    if absent := [old for old, new in shape.rename.items() if new.lower() not in names]:
        raise Refused(
            f"there is no column `{absent[0]}` to rename",
            where=shape.told,
            hint=f"fix `rename` of source `{shape.source}` in nomad.yaml",
        )


def _refuse_dt(name: str, shape: Shape) -> None:
    raise Refused(
        f"column `{name}` would be hidden by `{COLUMN}`, the date of the partition",
        where=shape.told,
        hint=f"give it another name: `rename: {{{name}: trade_date}}`"
        f" of source `{shape.source}` in nomad.yaml",
    )


def _lost(landed: Landed, schema: Sequence[Column], shape: Shape) -> list[str]:
    """Name the columns that a file should have: of JSON in parts, a field may be absent."""
    names = [c.name.lower() for c in schema]
    if shape.fields is None or landed.format != "json":
        return _without(shape.before, names, shape)
    has_rows = schema not in (shape.before, _declared(shape), NO_ROWS)
    return shape.fields.lost(names) if has_rows else []


def _without(before: Sequence[Column], names: Sequence[str], shape: Shape) -> list[str]:
    """Name the columns before that are gone; one that was renamed since is not."""
    new = once_renamed((c.name for c in before), shape.rename)
    return [name for name, as_ in new.items() if as_.lower() not in names]


def _new(schema: Sequence[Column], shape: Shape) -> list[str]:
    """Name the columns that came in place of those that were lost."""
    known = shape.fields.ever if shape.fields else {}
    new = [c.name for c in schema if c.name.lower() not in known]
    return new if known else added(schema, shape)


_DELIMITERS = re.compile(r"[;|\t]")


def _refuse_drift(lost: Sequence[str], schema: Sequence[Column], shape: Shape) -> None:
    new = _new(schema, shape)
    what = f"lacks {_listed(lost)}" + (f"; has new {_listed(new)}" if new else "")
    mark = _DELIMITERS.search(new[0]) if len(schema) == 1 and new else None
    delimiter = f"is `delimiter: {mark[0]!r}` meant? " if mark else ""
    raise Refused(
        f"{what}, against the version landed before",
        where=shape.told,
        hint=f"{delimiter}fix the file, or say `drift: allow` of source `{shape.source}`"
        " in nomad.yaml if it is so",
    )


def _refuse_other_types(schema: Sequence[Column], shape: Shape) -> None:
    """See that a reader of several dates finds a type for each column that holds all of it."""
    new = once_renamed((c.name for c in shape.before), shape.rename)
    before = {new[c.name].lower(): c.type for c in shape.before}
    pairs = [(c, before.get(c.name.lower(), c.type)) for c in schema]
    apart = [(c, was) for c, was in pairs if joined(unknown(c.type), unknown(was)) is None]
    if apart:
        told = (f"`{c.name}` is {c.type}, was {was}" for c, was in apart)
        raise Refused(
            f"no type holds both what was landed before and this: {'; '.join(told)}",
            where=shape.told,
            hint=f"fix the file, or say `drift: allow` of source `{shape.source}` in nomad.yaml;"
            " a query may then read dates of one of the types",
        )


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f"`{n}`" for n in names)


def line_ends(path: Path) -> list[str]:
    """Name the ways in which the lines of a file end."""
    with path.open(encoding="utf-8") as f:
        for _ in f:
            if isinstance(f.newlines, tuple):
                return [_ENDS[e] for e in f.newlines]
    return []


_ENDS = {"\r\n": "CR LF", "\n": "LF", "\r": "CR"}
