"""Published files as a SELECT that reads exactly those files, by path.

Pure text: manifests and addresses in, SQL out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from nomad.engine.joined import (
    as_json,
    common_decimal,
    joined,
    may_round,
    of_json,
    unknown,
    would_be_cut,
)
from nomad.names import free, literal, quote
from nomad.partitions import COLUMN, IN_PATH
from nomad.schema import Column
from nomad.store.address import SCHEME

_HIVE = f"hive_partitioning=true, hive_types={{'{COLUMN}': DATE}}"


@dataclass(frozen=True)
class Files:
    """The files of one or more partitions that have one schema and one way of being read.

    `dialect` holds options of DuckDB's `read_csv` that differ from the customary. `of_json` is that
    they are JSON as it was landed, where no file is named that tells. `empty` names columns, in
    small letters, that have the type JSON and no value.
    """

    uris: tuple[str, ...]
    schema: tuple[Column, ...]
    dialect: Mapping[str, str] = field(default_factory=dict)
    of_json: bool = False
    empty: frozenset[str] = frozenset()

    @property
    def is_json(self) -> bool:
        """Whether they are JSON as it was landed."""
        return self.of_json or any(uri.endswith(".json") for uri in self.uris[:1])

    def lacks_type(self, column: Column) -> bool:
        """Tell whether JSON in a column's type may say that no value told a type.

        Of what is within other types a manifest doesn't count the values: it is looked at.
        """
        if "JSON" not in column.type:
            return False
        return self.is_json or column.type != "JSON" or column.name.lower() in self.empty

    def without_rows(self) -> Files:
        """Give no file, of the same columns."""
        return replace(self, uris=(), of_json=self.is_json)


_DT = f"greatest({COLUMN}) AS {COLUMN}"
"""DuckDB 1.5 breaks off (INTERNAL Error) on max(dt) where a filter leaves one file of the list;
behind a function that changes nothing it does not, and still opens no file too many."""


def _file(group: Files) -> str:
    """Choose a name for the column of the file's name that no column of the files has."""
    return free("file", (c.name for c in group.schema))


def select(groups: Sequence[Files], *, partitioned: bool, plain_dt: bool = False) -> str:
    """Write the SELECT over all groups: the last group's columns, then those only others have.

    A column that a group lacks is NULL there; case makes no other column. No files at all: no
    rows, same columns. What differs in type is read as the one that holds all. `plain_dt` leaves
    `dt` to the optimizer, for a plan that is only looked at.
    """
    columns: dict[str, Column] = {}
    for group in reversed(groups):
        for c in _own(group, partitioned):
            columns.setdefault(c.name.lower(), c)
    common = _joined(groups)
    wanted = tuple(c._replace(type=common.get(n, c.type)) for n, c in columns.items())
    parts = [
        _group(g, wanted, partitioned=partitioned, plain_dt=plain_dt) for g in groups if g.uris
    ]
    return "\nUNION ALL\n".join(parts) or _nothing(wanted, partitioned=partitioned)


FILENAME = "filename"
"""The column that `named` adds."""


def named(group: Files) -> str:
    """Write the SELECT of the file that each row of a group comes from, and nothing else."""
    name = _file(group)
    parts = f"hive_partitioning=false, filename={literal(name)}"
    return f"SELECT {quote(name)} AS {FILENAME} FROM {_reader(group, parts)}"


def _joined(groups: Sequence[Files]) -> dict[str, str]:
    """Give the one type for each column that has several, where there is one that holds all.

    DuckDB's own choice would round: DECIMAL to fewer places, whole numbers to FLOAT.
    """
    if len(groups) == 1:
        return {}
    types: dict[str, dict[str, None]] = {}
    for group in groups:
        for c in group.schema:
            types.setdefault(c.name.lower(), {})[_known(group, c)] = None
    found = ((name, _of_all(list(kinds))) for name, kinds in types.items() if len(kinds) > 1)
    return {name: kind for name, kind in found if kind}


def _known(group: Files, column: Column) -> str:
    return unknown(column.type) if group.lacks_type(column) else column.type


def _of_all(kinds: Sequence[str]) -> str | None:
    found: str | None = kinds[0]
    for kind in kinds[1:]:
        found = found and joined(found, kind)
    return common_decimal(kinds) or (found and as_json(found))


def _own(group: Files, partitioned: bool) -> tuple[Column, ...]:
    """Leave out a `dt` that the files hold themselves: the path's is the truth."""
    return tuple(c for c in group.schema if not (partitioned and c.name.lower() == COLUMN))


def _group(group: Files, columns: Sequence[Column], *, partitioned: bool, plain_dt: bool) -> str:
    held = {c.name.lower(): c for c in group.schema}
    wanted = [_column(c, held.get(c.name.lower()), group) for c in columns]
    hive = partitioned and not _is_remote(group) and (plain_dt or _has_only_dt(group))
    if partitioned:
        wanted.append(_dt_of_name(group) if not hive else COLUMN if plain_dt else _DT)
    parts = _HIVE if hive else "hive_partitioning=false"
    if partitioned and not hive:
        parts += f", filename={literal(_file(group))}"
    return f"SELECT {', '.join(wanted)} FROM {_reader(group, parts)}"


def _has_only_dt(group: Files) -> bool:
    """Tell whether DuckDB finds nothing but `dt` in the paths: it takes every `name=value` folder.

    Where it does, that is the cheapest: a filter on `dt` decides which files are opened.
    """
    return not any("=" in uri.rsplit("/", 2)[0] for uri in group.uris)


def _dt_of_name(group: Files) -> str:
    """Take the date from the file's own folder; a filter on it still decides which are read."""
    path = f"regexp_extract({quote(_file(group))}, '{IN_PATH}', 1)"
    return f"CAST({path} AS DATE) AS {COLUMN}"


def _is_remote(group: Files) -> bool:
    """Tell whether opening a file costs requests, and the columns can be told beforehand."""
    return SCHEME in group.uris[0] and group.uris[0].endswith(".parquet")


def _column(column: Column, held: Column | None, group: Files) -> str:
    """Write a column of the result, of which a group may hold one."""
    if held is None:
        return f"NULL::{column.type} AS {quote(column.name)}"
    name = quote(held.name)
    if held.type != column.type and (
        read := _as_type(held, column.type, lacks_type=group.lacks_type(held))
    ):
        return f"{read} AS {quote(column.name)}"
    return name if held.name == column.name else f"{name} AS {quote(column.name)}"


def _as_type(held: Column, kind: str, *, lacks_type: bool) -> str | None:
    """Read a column as another type; what that doesn't hold is an error, not another value.

    None where DuckDB says itself that it can't be. JSON was landed where no value told a type, and
    once also where values were of several.
    """
    name = quote(held.name)
    exact = []
    if lacks_type:
        empty = f"TRY_CAST({name} AS {of_json(held.type, 'DATE')})::VARCHAR"
        exact.append(f"{empty} IS NOT DISTINCT FROM {name}::VARCHAR")
    elif would_be_cut(held.type, kind):
        exact.append(f"{name} IS NULL")
    elif joined(held.type, kind) != kind:
        return None
    if may_round(held.type, kind):
        back = f"TRY_CAST(TRY_CAST({name} AS {kind}) AS {held.type})"
        exact.append(f"{back} IS NOT DISTINCT FROM {name}")
    if not exact:
        return f"CAST({name} AS {kind})"
    told = f"column `{held.name}` is {held.type} here and {kind} elsewhere, which does not hold "
    way_out = ": a table by date that asks for one date reads it as it is"
    text = f"{literal(told)} || {name}::VARCHAR || {literal(way_out)}"
    cast = f"TRY_CAST({name} AS {kind})"
    return f"CASE WHEN {' AND '.join(exact)} THEN {cast} ELSE error({text}) END"


def _reader(group: Files, parts: str) -> str:
    """Write the call that reads the files; `parts` says what is taken from their paths."""
    paths = "[" + ", ".join(literal(u) for u in group.uris) + "]"
    kind = group.uris[0].rsplit(".", 1)[-1]
    if kind == "csv":
        return f"read_csv({paths}, {_csv(group)}, {parts})"
    if kind == "json":
        return f"read_json({paths}, format='auto', columns={_columns(group.schema)}, {parts})"
    if _is_remote(group):
        return f"read_parquet({paths}, {parts}, schema=MAP {{{_told(group.schema)}}})"
    return f"read_parquet({paths}, {parts})"


def _told(schema: Iterable[Column]) -> str:
    """Tell the columns of Parquet, so that binding sends no request."""
    return ", ".join(
        f"{literal(c.name)}: {{name: {literal(c.name)}, type: {literal(c.type)},"
        " default_value: NULL}"
        for c in schema
    )


def _csv(group: Files) -> str:
    options = {"delim": ",", "quote": '"', "escape": '"', **group.dialect}
    told = ", ".join(f"{k}={literal(v)}" for k, v in options.items())
    return f"columns={_columns(group.schema)}, header=true, auto_detect=false, {told}"


def _columns(schema: Iterable[Column]) -> str:
    return "{" + ", ".join(f"{literal(c.name)}: {literal(c.type)}" for c in schema) + "}"


def _nothing(columns: Sequence[Column], *, partitioned: bool) -> str:
    empty = [f"NULL::{c.type} AS {quote(c.name)}" for c in columns]
    if partitioned:
        empty.append(f"NULL::DATE AS {COLUMN}")
    return f"SELECT {', '.join(empty)} WHERE false"
