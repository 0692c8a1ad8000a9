"""Finds the table that a reference means."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from nomad.config.config import Config
from nomad.errors import NomadError, UnknownName
from nomad.names import RAW, TableName, nearest
from nomad.sqlfile.file import Ref, SqlFile
from nomad.sqlfile.lexing import without_values


@dataclass(frozen=True)
class Query:
    """A SQL file with the tables it means: of each one it reads, the names it spells that by.

    `table` is the one it builds, or whose rows it checks.
    """

    table: TableName
    sql: SqlFile
    reads: Mapping[TableName, tuple[Ref, ...]] = field(default_factory=dict)

    @property
    def tables(self) -> tuple[TableName, ...]:
        """What it reads, its own table included, each once."""
        return tuple(self.reads)

    @property
    def reads_itself(self) -> bool:
        """Whether it reads its own table."""
        return self.table in self.reads

    @property
    def of_others(self) -> Query:
        """The same without what it reads of its own table."""
        return replace(self, reads={t: refs for t, refs in self.reads.items() if t != self.table})

    def spellings(self, table: TableName) -> tuple[tuple[str, str], ...]:
        """Give the names for a table, as (schema, name)."""
        return tuple((ref.schema, ref.name) for ref in self.reads.get(table, ()))


_FILES = (".csv", ".parquet", ".json", ".jsonl", ".xlsx", ".gz")


def _of_a_file(ref: Ref) -> str | None:
    """Say how a file is read, where its name stands for a table's."""
    if not str(ref).lower().endswith(_FILES):
        return None
    return (
        f"name the file as a source in nomad.yaml, or read it with read_csv('{ref}') and the like"
    )


class Index:
    """Finds the table that a reference means."""

    def __init__(self, tables: Iterable[TableName], config: Config) -> None:
        self._config = config
        self._names = [*tables, *(TableName(RAW, s) for s in config.sources)]
        self._full = {str(n).lower(): n for n in self._names}
        self._bare: dict[str, list[TableName]] = {}
        for n in self._names:
            self._bare.setdefault(n.name.lower(), []).append(n)

    def query(self, table: TableName, sql: SqlFile) -> Query:
        """Resolve all references of a table's file; attached databases are not the project's.

        Raises:
            UnknownName: one means no table, or several.
        """
        reads: dict[TableName, tuple[Ref, ...]] = {}
        for ref in sql.refs:
            if (meant := self._find(ref, sql.path)) is not None:
                reads[meant] = (*reads.get(meant, ()), ref)
        return Query(table, sql, reads)

    def named(self, word: str, path: str, line: int) -> TableName:
        """Find a table by a name as typed: `ods.x`, or `x`.

        Raises:
            UnknownName: there is none, or several.
        """
        schema, _, name = word.rpartition(".")
        found = self._find(Ref(name, schema, line=line), path)
        if found is None:
            raise UnknownName(f"`{word}` is not a table of the project", where=f"{path}:{line}")
        return found

    def foreign(self, sql: SqlFile) -> Ref | None:
        """Name a table of an attached database that a file reads, if there is one."""
        return next((r for r in sql.refs if self._is_foreign(r)), None)

    def calls(self, sql: SqlFile) -> str | None:
        """Name a function of an attached database that a file calls, if there is one."""
        if not self._config.attach:
            return None
        names = "|".join(map(re.escape, self._config.attach))
        called = rf'(?<![\w.])"?(?:{names})"?(?:\s*\.\s*"?\w+"?){{1,2}}(?=\s*\()'
        texts = (re.search(called, t, re.IGNORECASE) for t in (*sql.setup, sql.query))
        return next((re.sub(r'[\s"]', "", m[0]) for m in texts if m), None)

    def foreign_in(self, conditions: Iterable[str]) -> str | None:
        """Name the attached database that some conditions read, if there is one."""
        said = ";".join(without_values(c, path="") for c in conditions if self._config.attach)
        called = (rf'(?i)(?<![\w.])"?{re.escape(a)}"?\s*\.' for a in self._config.attach)
        found = (a for a, c in zip(self._config.attach, called, strict=True) if re.search(c, said))
        return next(found, None)

    def _is_foreign(self, ref: Ref) -> bool:
        return bool(ref.database) or ref.schema.lower() in self._attached()

    def _find(self, ref: Ref, path: str) -> TableName | None:
        if self._is_foreign(ref):
            self._refuse_unattached(ref, path)
            return None
        if ref.schema:
            found = self._full.get(f"{ref.schema}.{ref.name}".lower())
        else:
            found = self._by_bare_name(ref, path)
        if found is None:
            raise self._unknown(ref, path)
        return found

    def _attached(self) -> set[str]:
        return {a.lower() for a in self._config.attach}

    def _refuse_unattached(self, ref: Ref, path: str) -> None:
        head = (ref.database or ref.schema).lower()
        if head not in self._attached():
            raise UnknownName(
                f"no database `{ref.database}` for `{ref}`",
                where=f"{path}:{ref.line}",
                hint="name it under `attach:` in nomad.yaml",
            )

    def _by_bare_name(self, ref: Ref, path: str) -> TableName | None:
        found = self._bare.get(ref.name.lower(), [])
        if len(found) > 1:
            raise UnknownName(
                f"`{ref.name}` may mean {' or '.join(f'`{n}`' for n in found)}",
                where=f"{path}:{ref.line}",
                hint="write the schema before it",
            )
        return found[0] if found else None

    def _unknown(self, ref: Ref, path: str) -> NomadError:
        near = nearest(str(ref) if ref.schema else ref.name, self._candidates(ref))
        hint = f"did you mean {', '.join(f'`{n}`' for n in near)}?" if near else None
        return UnknownName(
            f"no table `{ref}`",
            where=f"{path}:{ref.line}",
            hint=_of_a_file(ref)
            or hint
            or "see the tables with `nomad ls`; sources are read as `raw.<source>`",
        )

    def _candidates(self, ref: Ref) -> list[str]:
        """Give the names to choose from: bare ones for a bare name, if each is of one table."""
        if ref.schema:
            return [str(n) for n in self._names]
        return [n.name if len(self._bare[n.name.lower()]) == 1 else str(n) for n in self._names]
