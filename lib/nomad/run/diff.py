"""What differs between two versions of a partition: rows added, removed and changed."""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from nomad.engine import scan
from nomad.engine.instance import Session
from nomad.engine.keeping import keep
from nomad.errors import Misuse
from nomad.lake.lake import Lake
from nomad.lake.layout import folder_key
from nomad.lake.manifest import Manifest, Published
from nomad.lake.words import command_for
from nomad.names import RAW, TableName, quote
from nomad.partitions import Partition
from nomad.plan.steps import Action, Step
from nomad.project.project import Table
from nomad.run.context import dry_run
from nomad.run.history import to_version
from nomad.run.recovery import recover
from nomad.run.runners.base import Task
from nomad.run.worker import Options, Worker
from nomad.workspace import Workspace

_EXAMPLES = 5
_CELLS = 8
OLD, NEW = quote("the old rows"), quote("the new rows")


@dataclass(frozen=True)
class Difference:
    """Counts, per column how many rows changed in it, and the first of each kind.

    Columns `gained` and `lost` are those that only one side has; they are not compared. Those
    `retyped` (name, type before and now) are compared as texts.
    An example is (`added`, `removed` or `changed`, key or row as text, column, old, new). Without
    a `key`, a changed row counts as one removed and one added.
    """

    key: tuple[str, ...]
    added: int
    removed: int
    changed: int
    columns: dict[str, int]
    examples: tuple[tuple[str, str, str, Any, Any], ...]
    gained: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()
    retyped: tuple[tuple[str, str, str], ...] = ()


def between(
    workspace: Workspace,
    name: TableName,
    partition: Partition | None,
    old: str | None,
    new: str | None,
) -> Difference:
    """Compare two versions: the one before the last and the last, where none is named.

    Raises:
        Misuse: a version is not there.
    """
    recover(workspace)
    over = workspace.lake.published(name, partition)
    if over is None:
        raise _nothing(name, partition)
    first = old or over.manifest.previous
    if first is None:
        raise Misuse(
            "there is no version before it",
            where=folder_key(name, partition),
            hint=f"`nomad history {_words(name, partition)}` lists what is kept"
            + ("" if name.layer == RAW else "; `--staged` compares with what would be built now"),
        )
    sources = [_source(workspace, name, partition, run, over) for run in (first, new)]
    table = workspace.project.tables.get(name)
    with workspace.reader().session() as session:
        return compare(session, *sources, key=_key(table))


def staged(workspace: Workspace, name: TableName, partition: Partition | None) -> Difference:
    """Build a partition in scratch, and compare that with what is published.

    Raises:
        NomadError: the build fails.
        Misuse: nothing is published there, or it is a source's.
    """
    if name.layer == RAW:
        raise Misuse(
            f"{name} is landed, not built: there is nothing to stage",
            hint=f"`nomad diff {_words(name, partition)}` compares its last two versions",
        )
    over = workspace.lake.published(name, partition)
    if over is None:
        raise _nothing(name, partition)
    table = workspace.project.tables[name]
    step = Step(name, partition, Action.BUILD, "diff")
    with dry_run(workspace, "diff") as context:
        outcome = Worker(context, Options(force=True), [table]).act(Task(step))
        if outcome.result.error:
            raise outcome.result.error
        context.apply(outcome)
        assert outcome.new
        sources = [_select(workspace.lake, over.manifest)]
        sources.append(_select(context.lake, outcome.new.manifest))
        with context.engine().session() as session:
            return compare(session, *sources, key=_key(table))


def _nothing(name: TableName, partition: Partition | None) -> Misuse:
    return Misuse(
        "nothing is published there",
        where=folder_key(name, partition),
        hint=f"`{command_for(name, partition)}` publishes it; `nomad show {name.name}` lists"
        " what is there",
    )


def _words(name: TableName, partition: Partition | None) -> str:
    return f"{name.name} --dt {partition}" if partition else name.name


def _source(
    workspace: Workspace,
    name: TableName,
    partition: Partition | None,
    run: str | None,
    over: Published,
) -> str:
    """Write the SELECT of one version; none named is the published one."""
    if run is None or run == over.manifest.run_id:
        return _select(workspace.lake, over.manifest)
    past = to_version(workspace, name, partition, run).to
    uris = tuple(workspace.store.uri(f"{past.past_folder}/{f.name}") for f in past.files)
    return scan.select([scan.Files(uris, past.schema)], partitioned=False)


def _select(lake: Lake, manifest: Manifest) -> str:
    files = lake.files([manifest]) or [scan.Files((), manifest.schema)]
    return scan.select(files, partitioned=False)


def _key(table: Table | None) -> tuple[str, ...]:
    """Tell what identifies a row: the contract's key, or else a column it calls unique."""
    contract = table.contract if table else None
    if contract is None:
        return ()
    unique = (t.columns for t in contract.tests if t.kind == "unique")
    return contract.unique_key or next(unique, ())


def compare(session: Session, old: str, new: str, *, key: Sequence[str]) -> Difference:
    """Compare the rows of two SELECTs, by key where both have it and it identifies their rows."""
    for name, source in ((OLD, old), (NEW, new)):
        keep(session, name, source)
    before, now = (session.describe(f"FROM {name}") for name in (OLD, NEW))
    columns = [[c.name for c in side] for side in (before, now)]
    gained, lost = _without(columns[1], columns[0]), _without(columns[0], columns[1])
    shared = [c for c in columns[1] if c not in gained]
    types = {c.name.lower(): c.type for c in before}
    both = ((c.name, types.get(c.name.lower(), c.type), c.type) for c in now)
    retyped = tuple(c for c in both if c[1] != c[2])
    texts = {name.lower() for name, *_ in retyped}
    if key and all(_identifies(session, name, key) for name in (OLD, NEW)):
        found = _by_key(session, tuple(key), [c for c in shared if c not in key], texts)
    else:
        found = _as_sets(session, shared, texts)
    return replace(found, gained=gained, lost=lost, retyped=retyped)


def _cell(column: str, texts: Container[str], of: str = "") -> str:
    """Write a column of one side; one of `texts` has another type on the other side.

    DuckDB would cast one of them first, and find '01' and 1 alike, or fail.
    """
    name = of + quote(column)
    return f"CAST({name} AS VARCHAR)" if column.lower() in texts else name


def _without(names: Sequence[str], others: Sequence[str]) -> tuple[str, ...]:
    known = {n.lower() for n in others}
    return tuple(n for n in names if n.lower() not in known)


def _identifies(session: Session, name: str, key: Sequence[str]) -> bool:
    there = {c.name.lower() for c in session.describe(f"FROM {name}")}
    if any(k.lower() not in there for k in key):
        return False
    listed = ", ".join(quote(k) for k in key)
    query = f"SELECT count(*) = count(DISTINCT ({listed})) FROM {name}"
    return bool(session.execute(query)[0][0])


def _by_key(
    session: Session, key: tuple[str, ...], others: Sequence[str], texts: Container[str]
) -> Difference:
    old, new = ({c: _cell(c, texts, of) for c in (*key, *others)} for of in ("o.", "n."))
    same = " AND ".join(f"{old[k]} IS NOT DISTINCT FROM {new[k]}" for k in key)
    pairs = f"{OLD} AS o JOIN {NEW} AS n ON {same}"
    differs = {c: f"{old[c]} IS DISTINCT FROM {new[c]}" for c in others}
    any_ = " OR ".join(differs.values()) or "false"
    counts = ", ".join(f"count(*) FILTER ({d})" for d in (any_, *differs.values()))
    changed, *each = session.execute(f"SELECT {counts} FROM {pairs}")[0]
    told = f"concat_ws(', ', {', '.join(f'n.{quote(k)}' for k in key)})"
    sides = [("added", NEW, OLD), ("removed", OLD, NEW)]
    alone = {
        what: f"FROM {one} AS n ANTI JOIN {other} AS o ON {same}" for what, one, other in sides
    }
    examples = [
        *(("changed", k, c, a, b) for c, d in differs.items() for k, a, b in session.execute(
            f"SELECT {told}, o.{quote(c)}, n.{quote(c)} FROM {pairs} WHERE {d} LIMIT {_EXAMPLES}"
        )),
        *((what, k, "", None, None) for what, source in alone.items() for (k,) in session.execute(
            f"SELECT {told} {source} LIMIT {_EXAMPLES}"
        )),
    ]  # fmt: skip
    added, removed = (int(session.execute(f"SELECT count(*) {s}")[0][0]) for s in alone.values())
    columns = {c: int(n) for c, n in zip(differs, each, strict=True) if n}
    return Difference(key, added, removed, int(changed), columns, tuple(examples))


def _as_sets(session: Session, shared: Sequence[str], texts: Container[str]) -> Difference:
    """Compare without a key: rows that one side has more often than the other."""
    listed = ", ".join(_cell(c, texts) for c in shared) or "NULL"
    counts, examples = [], []
    for what, one, other in (("added", NEW, OLD), ("removed", OLD, NEW)):
        only = f"SELECT {listed} FROM {one} EXCEPT ALL SELECT {listed} FROM {other}"
        counts.append(int(session.execute(f"SELECT count(*) FROM ({only})")[0][0]))
        examples += [(what, row) for row in session.execute(f"FROM ({only}) LIMIT {_EXAMPLES}")]
    told = tuple(_told(what, shared, row) for what, row in examples)
    return Difference((), counts[0], counts[1], 0, {}, told)


def _told(what: str, columns: Sequence[str], row: Sequence[Any]) -> tuple[str, str, str, Any, Any]:
    cells = [f"{c}={'NULL' if v is None else v}" for c, v in zip(columns, row, strict=True)]
    more = [f"… {len(cells) - _CELLS} more columns"] if len(cells) > _CELLS else []
    return (what, ", ".join([*cells[:_CELLS], *more]), "", None, None)


def named(
    workspace: Workspace, name: TableName, partition: Partition | None, *runs: str | None
) -> str:
    """Name the two versions that `between` compares."""
    over = workspace.lake.published(name, partition)
    newest = over.manifest.run_id if over else "nothing"
    old, new = runs
    before = old or (over and over.manifest.previous) or "nothing"
    return f"{before} → {new or newest}{'' if new and new != newest else ' (published)'}"


def lines(found: Difference) -> Iterator[str]:
    """Put a difference into words."""
    yield f"{found.added} added, {found.removed} removed, {found.changed} changed"
    for what, names in (("new", found.gained), ("gone", found.lost)):
        if names:
            yield f"  {what}, and not compared: {', '.join(names)}"
    for column, before, now in found.retyped:
        keyed = "matched" if column.lower() in {k.lower() for k in found.key} else "compared"
        yield f"  {column}: type was {before}, is {now}; {keyed} as text"
    for column, count in found.columns.items():
        yield f"  {column}: changed in {count}"
    for what, row, column, old, new in found.examples:
        yield f"  {what} {row}" + (f": {column} {old} → {new}" if column else "")
