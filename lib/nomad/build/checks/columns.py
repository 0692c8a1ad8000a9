"""The declared columns against those of the query."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Sequence

from nomad.contract.contract import Contract, Evolution
from nomad.engine.exact import exact
from nomad.engine.instance import Session
from nomad.errors import ConfigError, QueryFailed
from nomad.lake.scans import REFUSED
from nomad.names import did_you_mean, quote
from nomad.partitions import COLUMN
from nomad.project.project import Table
from nomad.schema import Column

_LADDERS = (
    ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "DECIMAL(38,0)"),
    ("UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "DECIMAL(38,0)"),
    ("FLOAT", "DOUBLE"),
    ("DATE", "TIMESTAMP"),
)
_TYPES = tuple({t for ladder in _LADDERS for t in ladder} | {"VARCHAR", "BOOLEAN", "BLOB"})
_DECIMAL = re.compile(r"DECIMAL\((\d+),(\d+)\)")


def differences(
    session: Session, contract: Contract, actual: Sequence[Column], *, dated: bool
) -> list[str]:
    """Name the columns that are missing, too many, or of another type than declared.

    With `evolution: additive` further columns are let in, and wider types. Of a table by date
    (`dated`), `dt` is in the path.

    Raises:
        ConfigError: a declared type is none.
    """
    declared = {c.name.lower(): c.type for c in contract.columns}
    if dated:
        declared.pop(COLUMN, None)
    types = _normal(session, contract, declared)
    there = {c.name.lower(): c for c in actual}
    additive = contract.evolution == Evolution.ADDITIVE
    found = [
        f"missing `{n}`" + (f" ({t})" if t else "") for n, t in types.items() if n not in there
    ]
    if contract.complete and not additive:
        extra = (c for n, c in there.items() if n not in declared)
        found += [f"extra `{c.name}` ({c.type})" for c in extra]
    for name, wanted in types.items():
        actual_type = stored(there[name].type) if name in there else ""
        if actual_type and wanted and not _fits(wanted, actual_type, additive=additive):
            found.append(f"`{name}` is {actual_type}, declared {wanted}")
    return found


def fitting(contract: Contract, schema: Sequence[Column], table: Table, *, dated: bool) -> None:
    """See that what a contract names is among a query's columns, and what is nomad's isn't.

    Raises:
        ConfigError: it doesn't fit.
    """
    names = {c.name.lower(): None for c in schema} | ({COLUMN: None} if dated else {})
    reserved = {c.name for c in REFUSED} & {c.name.lower() for c in schema}
    if contract.quarantines and reserved:
        raise ConfigError(
            f"column `{min(reserved)}` bears the name of one of quarantine's own",
            where=table.sql.path,
            hint="rename it, or let no test have severity quarantine",
        )
    keyed(contract, names)
    _tested(contract, schema, names, table)


def _tested(
    contract: Contract, schema: Sequence[Column], names: Container[str], table: Table
) -> None:
    """See that the tested columns are there, but for those whose absence is a difference."""
    typed = {c.name.lower() for c in contract.columns if c.type}
    for test in contract.tests:
        for column in test.columns:
            if column.lower() not in names and column.lower() not in typed:
                raise ConfigError(
                    f"`{test.kind}` tests column `{column}`, which {table.name} lacks",
                    where=f"{contract.path}:{test.line}",
                    hint=did_you_mean(column, [c.name for c in schema])
                    or f"it has: {', '.join(c.name for c in schema)}",
                )


def keyed(contract: Contract, there: Iterable[str]) -> None:
    """See that the columns of the key are there.

    Raises:
        ConfigError: one is not.
    """
    names = list(there)
    for column in contract.unique_key:
        if column.lower() not in names:
            raise ConfigError(
                f"`unique_key` names column `{column}`, which the query lacks",
                where=contract.path,
                hint=did_you_mean(column, names) or f"it has: {', '.join(names)}",
            )


def _normal(session: Session, contract: Contract, declared: dict[str, str]) -> dict[str, str]:
    """Spell types as DuckDB does: `string` is VARCHAR, `int` INTEGER."""
    found: dict[str, str] = {}
    for name, text in declared.items():
        if text.count("(") != text.count(")") or text.find(")") < text.find("("):
            raise ConfigError(
                f"column `{name}`: no data type `{text}`",
                where=contract.path,
                hint="a bracket is missing or too many",
            )
        try:
            query = f"SELECT CAST(NULL AS {text}) AS {quote(name)}"
            found[name] = session.describe(query)[0].type if text else ""
        except QueryFailed as e:
            what = f"column `{name}`: no data type `{text}`"
            hint = did_you_mean(text.upper(), _TYPES) or "write it as DuckDB does"
            raise ConfigError(what, where=contract.path, hint=hint) from e
    return {n: exact(t) for n, t in found.items()}


def stored(kind: str) -> str:
    """Name a type as Parquet gives it back."""
    return exact(re.sub(r"ENUM\([^)]*\)", "VARCHAR", kind))


def _fits(wanted: str, actual: str, *, additive: bool) -> bool:
    return wanted == actual or (additive and widens(wanted, actual))


def widens(old: str, new: str) -> bool:
    """Tell whether every value of one type is one of another, as columns grow.

    Example:
        >>> widens("INTEGER", "BIGINT"), widens("BIGINT", "INTEGER")
        (True, False)
        >>> widens("DECIMAL(10,2)", "DECIMAL(20,2)"), widens("DECIMAL(10,2)", "DECIMAL(10,4)")
        (True, False)
    """
    one, other = _DECIMAL.fullmatch(old), _DECIMAL.fullmatch(new)
    if one and other:
        whole = int(other[1]) - int(other[2]) >= int(one[1]) - int(one[2])
        return whole and int(other[2]) >= int(one[2])
    return any(old in x and new in x and x.index(old) < x.index(new) for x in _LADDERS)
