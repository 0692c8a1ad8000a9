"""Tables of Arrow and data frames as a Parquet file, with the types that they have."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

from nomad.extract.extras import needing
from nomad.extract.lines import Odd
from nomad.names import counted

_AT_ONCE = 100_000
"""Rows that are kept for one row group."""

_DIGITS = 38
"""Of the longest DECIMAL that DuckDB has."""


def write(path: Path, frames: Iterable[object], limit: int | None = None) -> int:
    """Write tables one after the other; tell how many rows there are.

    All have the same columns; where types differ, they are those that hold the values of all.

    Raises:
        Odd: columns differ, or a type has no match in DuckDB.
        ConfigError: pyarrow is not installed.
    """
    import_arrow()
    import pyarrow as pa
    from pyarrow import parquet

    rows = 0
    writer: Any = None
    with ExitStack() as stack:
        for table in _groups(_tables(frames)):
            try:
                if writer is None:
                    writer = parquet.ParquetWriter(path, table.schema, compression="zstd")
                    stack.enter_context(writer)
                writer.write_table(_as(table, writer.schema).slice(0, _left(limit, rows)))
            except (pa.ArrowException, ValueError) as e:
                raise Odd(f"a table can't be written: {e}") from e
            rows += table.num_rows
            if limit is not None and rows >= limit:
                return limit
    return rows


def of_values(
    names: Sequence[str],
    columns: Sequence[Sequence[object]],
    digits: Sequence[tuple[object, object]],
) -> object:
    """Make a table of columns of values; `digits` are precision and scale of those with a Decimal.

    A Decimal of which these aren't known is text: what they are would hang on the values.

    Raises:
        Odd: a column has values of kinds that don't go together, or that Parquet doesn't keep.
    """
    import_arrow()
    import pyarrow as pa

    described = zip(names, columns, digits, strict=True)
    return pa.table([_array(*column) for column in described], names=list(names))


def _array(name: str, values: Sequence[object], digits: tuple[object, object]) -> Any:
    import pyarrow as pa

    plain = [_plain(name, v) for v in values]
    first = next((v for v in plain if v is not None), None)
    try:
        if isinstance(first, Decimal) and (kind := _decimal(*digits)) is not None:
            return pa.array(plain, kind)
        if isinstance(first, Decimal):
            return pa.array([v if v is None else str(v) for v in plain], pa.string())
        if isinstance(first, datetime):
            return pa.array(plain, pa.timestamp("us", "UTC" if first.tzinfo else None))
        return pa.array(plain)
    except (pa.ArrowException, TypeError, ValueError, OverflowError) as e:
        raise Odd(f"column `{name}`: {e}") from e


def _decimal(digits: object, scale: object) -> Any:
    import pyarrow as pa

    known = isinstance(digits, int) and isinstance(scale, int) and 0 <= scale <= digits <= _DIGITS
    return pa.decimal128(digits, scale) if known else None


_PLAIN = (bool, int, float, Decimal, str, bytes, date, list)


def _plain(name: str, value: object) -> object:
    if value is None or isinstance(value, _PLAIN):
        return value
    if isinstance(value, (memoryview, bytearray)):
        return bytes(value)
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, time) and value.tzinfo is None:
        return value
    raise Odd(f"column `{name}` holds a `{type(value).__name__}`, which Parquet doesn't keep")


def import_arrow() -> None:
    """Look for pyarrow.

    Raises:
        ConfigError: it is not installed.
    """
    with needing("tables and data frames land by pyarrow, which is not installed", "arrow"):
        import pyarrow as pa  # noqa: F401


def _left(limit: int | None, rows: int) -> int | None:
    return None if limit is None else limit - rows


def _groups(tables: Iterable[Any]) -> Iterator[Any]:
    """Put small tables together; the types are those that hold all of their values."""
    kept: list[Any] = []
    rows, written = 0, False
    for table in tables:
        if kept and set(table.column_names) != set(kept[0].column_names):
            raise _other(kept[0].column_names, table.column_names)
        kept.append(table)
        rows += table.num_rows
        if rows >= _AT_ONCE:
            yield _joined(kept)
            kept, rows, written = [kept[0].slice(0, 0)], 0, True
    if rows or (kept and not written):
        yield _joined(kept)


def _other(first: Iterable[str], names: Iterable[str]) -> Odd:
    return Odd(f"gives tables of other columns: {', '.join(first)}, then {', '.join(names)}")


def _joined(tables: list[Any]) -> Any:
    import pyarrow as pa

    try:
        table = pa.concat_tables(tables, promote_options="permissive")
        return table.cast(pa.schema([_valued(field) for field in table.schema]))
    except pa.ArrowException as e:
        raise Odd(f"gives tables whose types don't go together: {e}") from e


def _valued(field: Any) -> Any:
    """Have a column without a value be text; Parquet would make numbers of it."""
    import pyarrow as pa

    return pa.field(field.name, pa.string()) if pa.types.is_null(field.type) else field


def _as(table: Any, schema: Any) -> Any:
    """Give a table the types of those before."""
    return table.select(schema.names).cast(schema)


def _tables(frames: Iterable[object]) -> Iterator[Any]:
    for frame in frames:
        yield from _read(frame)


def _read(frame: Any) -> Iterator[Any]:
    """Hand over batch by batch, in types that DuckDB has."""
    import pyarrow as pa

    try:
        reader = _reader(frame)
        _refuse_objects(frame)
        schema = pa.schema([pa.field(f.name, _type(f.name, f.type)) for f in reader.schema])
        _refuse_twins(schema.names)
        yield schema.empty_table()
        for batch in reader:
            yield pa.Table.from_batches([batch]).cast(schema)
    except Odd:
        raise
    except (pa.ArrowException, TypeError, ValueError) as e:
        raise Odd(f"gives a table that can't be read: {' '.join(map(str, e.args))}") from e


def _reader(frame: Any) -> Any:
    import pyarrow as pa

    if hasattr(frame, "reset_index"):
        return pa.Table.from_pandas(_indexed(frame), preserve_index=False).to_reader()
    if isinstance(frame, pa.RecordBatch) or not hasattr(frame, "__arrow_c_stream__"):
        return pa.Table.from_batches([pa.record_batch(frame)]).to_reader()
    return pa.RecordBatchReader.from_stream(frame)


def _indexed(frame: Any) -> Any:
    """Make columns of an index that has names; one without is just the rows' numbers.

    Raises:
        Odd: it is a column of pandas, or two columns have one name.
    """
    if not hasattr(frame, "columns"):
        raise Odd(f"gives a `{type(frame).__name__}`: make a table of it by `to_frame()`")
    whole = frame if all(n is None for n in frame.index.names) else frame.reset_index()
    _refuse_twins(str(n) for n in whole.columns)
    return whole


def _refuse_objects(frame: Any) -> None:
    """Refuse the objects of polars, of which Arrow is given the addresses in memory."""
    if type(frame).__module__.startswith("polars."):
        for name, kind in zip(frame.columns, frame.dtypes, strict=True):
            if str(kind) == "Object":
                raise Odd(f"gives a column `{name}` of objects: make text or numbers of them")


def _type(name: str, kind: Any) -> Any:
    """Choose the type that is written: what DuckDB would read in another is none.

    Raises:
        Odd: there is none.
    """
    import pyarrow as pa

    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_struct(kind):
        return _nested(name, kind)
    if pa.types.is_dictionary(kind) and pa.types.is_string_view(kind.value_type):
        return pa.dictionary(kind.index_type, pa.string())
    if pa.types.is_timestamp(kind) and kind.unit == "ns" and kind.tz:
        return pa.timestamp("us", kind.tz)
    if pa.types.is_time64(kind):
        return pa.time64("us")
    return _number(kind) if pa.types.is_decimal(kind) and _fits(kind) else _kept(name, kind)


def _nested(name: str, kind: Any) -> Any:
    """Do the same for the values of a list, or the fields of a struct."""
    import pyarrow as pa

    fields = [kind.field(n) for n in range(kind.num_fields)]
    fields = [field.with_type(_type(name, field.type)) for field in fields]
    if pa.types.is_struct(kind):
        return pa.struct(fields)
    return pa.list_(*fields) if pa.types.is_list(kind) else pa.large_list(*fields)


def _fits(kind: Any) -> bool:
    return bool(kind.precision - min(kind.scale, 0) <= _DIGITS)


def _number(kind: Any) -> Any:
    """Give the DECIMAL that holds a decimal: DuckDB has none that ends before the point."""
    import pyarrow as pa

    return pa.decimal128(kind.precision - min(kind.scale, 0), max(kind.scale, 0))


_NOT_KEPT = r"duration|interval|decimal256|decimal\d+\(\d+, -|pandas\.period"


def _kept(name: str, kind: Any) -> Any:
    """Refuse a type that Parquet doesn't keep, or keeps as bare numbers.

    Raises:
        Odd: it is one.
    """
    if re.search(_NOT_KEPT, str(kind)):
        digits = f", and the longest decimal has {counted(_DIGITS, 'digit')}"
        raise Odd(
            f"gives a column `{name}` of type {kind}, which Parquet doesn't keep"
            f"{digits if 'decimal' in str(kind) else ': give seconds, or text'}"
        )
    return kind


def _refuse_twins(names: Iterable[str]) -> None:
    seen: dict[str, str] = {}
    for name in names:
        if name.lower() in seen:
            raise Odd(f"gives two columns called `{name}`; case is no help")
        seen[name.lower()] = name
