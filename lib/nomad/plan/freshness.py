"""Whether a version is what would be built now, and if not, why.

Fresh means: SQL, contract and engine are those of the manifest, and every input partition has the
content recorded there.
"""

from __future__ import annotations

from nomad.dates import FIRST, LAST
from nomad.engine.version import NAME
from nomad.lake.lake import Lake
from nomad.lake.manifest import Facts
from nomad.partitions import Partition, folder, folder_named
from nomad.project.project import Project, Table

GONE = "a published file is gone"


def why_stale(
    project: Project, table: Table, partition: Partition | None, lake: Lake
) -> str | None:
    """Say in one phrase why a cell is stale by what is in the lake now, or None."""
    name = folder(partition)
    facts = lake.facts(table.name, name)
    reason = Terms(project, table).broken_by(facts)
    reason = reason or (changed_input(facts, lake) if facts else None)
    files = facts.names if facts else ()
    return reason or (GONE if lake.gone(table.name, name, files) else None)


class Terms:
    """What a version must have been built by to be fresh, whatever its inputs are.

    `told` is that of it which manifests tell: hashes of SQL and contract, and the engine.
    """

    def __init__(self, project: Project, table: Table) -> None:
        self.told = (table.sql.sql_hash, table.contract_hash, NAME)
        self._volatile = table.volatile
        checked = (name for c in table.checks for name in c.query.tables)
        read = {*table.inputs, *checked}
        self._dated = {str(i): project.partitioned(i) for i in read}

    def broken_by(self, facts: Facts | None) -> str | None:
        """Say what a version was built by that is not so any more, or None."""
        sql_hash, contract_hash, _ = self.told
        if facts is None:
            return "never built"
        if facts.sql_hash != sql_hash:
            return "SQL changed"
        if facts.contract_hash != contract_hash:
            return "contract changed"
        if facts.engine != NAME and _major(facts.engine) != _major(NAME):
            return "engine changed"
        for read in facts.inputs:
            if self._dated.get(read.table) != (read.first is not None):
                known = read.table in self._dated
                return f"input {read.table} changed" if known else "SQL changed"
        return f"volatile: {self._volatile}" if self._volatile else None


def _major(engine: str) -> str:
    return engine.split(".", maxsplit=1)[0]


def changed_input(facts: Facts, lake: Lake) -> str | None:
    """Say which input has other content now than was read of it, or None."""
    for read in facts.inputs:
        if lake.content(read) != (read.content_hash, read.partitions):
            return f"input {named(read.table, read.first, read.last)} changed"
    return None


def named(table: str, first: str | None, last: str | None) -> str:
    """Name what was read of an input, in short; the days are ISO."""
    if first is None or (first, last) == (_FIRST, _LAST):
        return table
    if first == last:
        return f"{table} {folder_named(first)}"
    return f"{table} {folder_named('' if first == _FIRST else f'{first} ')}… {last}"


_FIRST, _LAST = FIRST.isoformat(), LAST.isoformat()
