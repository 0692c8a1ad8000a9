"""Finds the contract of each table, beside its SQL file, and the checks in sql/checks."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from nomad.cache import Cache
from nomad.config.yamlfile import read
from nomad.contract.contract import MERGE, Contract, Severity
from nomad.contract.read import parse
from nomad.errors import ConfigError, NomadError, SqlFileError, page
from nomad.files import below
from nomad.hashing import digest
from nomad.names import TableName, did_you_mean, nearest
from nomad.project.references import Index, Query
from nomad.sqlfile.file import SqlFile

CHECKS = "checks"
_ENDINGS = (".yml", ".yaml")


@dataclass(frozen=True)
class Check:
    """A SELECT of rows that break a fact: sql/checks/<table>__<fact>.sql."""

    name: str
    severity: Severity
    query: Query

    @property
    def sql(self) -> SqlFile:
        """Its file."""
        return self.query.sql

    def fingerprint(self) -> str:
        """Tell what of it can change a verdict."""
        return digest(self.name, self.severity, self.sql.sql_hash)


Faults = dict[TableName, NomadError]


def contracts(
    folder: Path, root: Path, tables: Mapping[TableName, Path], cache: Cache
) -> tuple[dict[TableName, Contract], Faults, list[NomadError]]:
    """Read every contract below `sql/`; give what is wrong with one by its table, or of none.

    One whose name is nearly that of a table is a fault of it: that would go untested.
    """
    owners = {path.with_suffix(""): name for name, path in tables.items()}
    found: dict[TableName, Contract] = {}
    faults: Faults = {}
    strays: list[NomadError] = []
    paths = (p for p in below(folder) if p.suffix in _ENDINGS)
    for path in sorted(p for p in paths if not p.name.startswith((".", "#"))):
        shown = path.relative_to(root).as_posix()
        name = owners.get(path.with_suffix(""))
        try:
            if name is None or name in found:
                raise _unowned(name, path, shown, tables, cache)
            text = _text(path, shown)
            found[name] = _sound(parse(text, path=shown, table=name.name, cache=cache))
        except ConfigError as e:
            fault = e.replace(hint=e.hint or f"{page('contracts.md')} has every key and test")
            if owner := name or _meant(path, tables):
                faults.setdefault(owner, fault)
            else:
                strays.append(fault)
    return found, faults, strays


def _unowned(
    name: TableName | None,
    path: Path,
    shown: str,
    tables: Mapping[TableName, Path],
    cache: Cache,
) -> ConfigError:
    """Say why a contract is no table's: there is none of its name, or that one has another."""
    if name:
        return ConfigError(f"{name} has another contract already", where=shown, hint="keep one")
    return ConfigError(_stray(path, shown, tables, cache), where=shown)


def _meant(path: Path, tables: Mapping[TableName, Path]) -> TableName | None:
    """Name the table beside which a contract without one lies, and whose name is near."""
    beside = {t.name: t for t, p in tables.items() if p.parent == path.parent}
    return next((beside[n] for n in nearest(path.stem, beside)), None)


def _stray(path: Path, shown: str, tables: Mapping[TableName, Path], cache: Cache) -> str:
    """Say what is wrong with a contract that belongs to no table; dbt's files are of several."""
    models = read(_text(path, shown), path=shown, cache=cache).get("models")
    names = [str(n.scalar) for m in models.elements() if (n := m.get("name"))] if models else []
    if names:
        return (
            f"a contract lies beside its table and bears its name: for `{names[0]}`, copy this"
            f" file to `{names[0]}.yml` beside `{names[0]}.sql`"
            + (f"; likewise for {len(names) - 1} more" if names[1:] else "")
        )
    near = did_you_mean(path.stem, [t.name for t in tables])
    return f"a contract without its table `{path.stem}.sql`" + _hint(near)


def _hint(near: str | None) -> str:
    return f": {near}" if near else ""


def _text(path: Path, shown: str) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as e:
        raise ConfigError(f"can't be read: {e}", where=shown, hint="save it as UTF-8") from e


def _sound(contract: Contract) -> Contract:
    """See that a contract agrees with itself: tests are of columns it declares, if it names all."""
    declared = {c.name.lower() for c in contract.columns}
    used = [(t, c) for t in contract.tests for c in t.columns] if contract.complete else []
    faults = [
        f"{contract.path}:{t.line}: `{t.kind}` tests column `{c}`, which is not among the columns"
        + _hint(did_you_mean(c, [d.name for d in contract.columns]))
        for t, c in used
        if c.lower() not in declared | {"dt"}
    ]
    if contract.strategy == MERGE and not contract.unique_key:
        faults.append(f"{contract.path}: `strategy: merge` needs a `unique_key`")
    if faults:
        raise ConfigError("\n".join(faults))
    return contract


def related(
    name: TableName, contract: Contract | None, index: Index
) -> tuple[tuple[str, TableName], ...]:
    """Name the table that each `relationships` test looks into, by the test's name.

    Raises:
        ConfigError: there is no such table.
    """
    if contract is None:
        return ()
    tests = [t for t in contract.tests if t.related]
    found = [(t, index.named(t.related, contract.path, t.line)) for t in tests]
    for test, other in found:
        if other == name and test.severity == Severity.QUARANTINE:
            raise ConfigError(
                f"`{test.name}` looks into the table itself and can't quarantine: a row that goes"
                " may be what another one looks for",
                where=f"{contract.path}:{test.line}",
                hint="let its severity be error or warn",
            )
    return tuple((t.name, other) for t, other in found)


def outdated(contracts: Iterable[Contract | None]) -> tuple[ConfigError, ...]:
    """Say which words of some contracts have new names; they are read all the same."""
    return tuple(e for contract in contracts if contract for e in contract.outdated)


def unfit_as_check(sql: SqlFile, given: Container[str]) -> SqlFileError | None:
    """Refuse a check with statements of its own before the SELECT; macros are `given` to it."""
    if all(statement in given for statement in sql.setup):
        return None
    return SqlFileError(
        "a check is one SELECT, without statements before it",
        where=sql.path,
        hint="write them as CTEs: `with … as (…)`",
    )


def checks(
    table: TableName,
    files: Mapping[str, SqlFile],
    index: Index,
    contract: Contract | None,
    *,
    partitioned: bool,
) -> Iterator[Check]:
    """Put the checks of one table together; `files` are theirs, by fact.

    Raises:
        SqlFileError: a file is no check.
        ConfigError: the contract speaks of a check that is not there.
    """
    severities = contract.singular if contract else {}
    if contract and (strays := sorted(set(severities) - set(files))):
        near = _hint(did_you_mean(strays[0], files))
        raise ConfigError(f"no check `{strays[0]}` in sql/checks{near}", where=contract.path)
    for fact, sql in sorted(files.items()):
        if sql.partitioned and not partitioned:
            raise SqlFileError(
                "the date is used, but the table has none",
                where=sql.path,
                hint="a check of a full table looks at all of its rows",
            )
        yield Check(fact, severities.get(fact, Severity.ERROR), index.query(table, sql))


def of_table(stem: str, tables: Mapping[TableName, Path], shown: str) -> tuple[TableName, str]:
    """Part a check's file name `<table>__<fact>` into the table and the fact.

    Raises:
        SqlFileError: it is not so named, or there is no such table.
    """
    by_name = {t.name.lower(): t for t in tables}
    cuts = [i for i in range(len(stem)) if stem.startswith("__", i)]
    for i in cuts:
        if table := by_name.get(stem[:i].lower()):
            return table, stem[i + 2 :]
    near = did_you_mean(stem.split("__", maxsplit=1)[0], by_name)
    raise SqlFileError(
        "a check without its table: it is named `<table>__<fact>.sql`", where=shown, hint=near
    )
