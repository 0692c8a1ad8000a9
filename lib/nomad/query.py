"""Ad-hoc SQL on the live lake: tables are resolved from the manifests at that moment."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol, TypeVar

from nomad.catalog import live
from nomad.catalog.migrations import made_in
from nomad.catalog.views import QUARANTINE, relations
from nomad.catalog.views import refused as refused_rows
from nomad.engine import scan
from nomad.engine.answer import Answer, in_text
from nomad.engine.exact import exactly, told_too_wide
from nomad.engine.instance import Place, Session, View
from nomad.engine.question import refuse_writing
from nomad.errors import Misuse, QueryFailed
from nomad.lake.manifest import Manifest
from nomad.lake.scans import REFUSED, refused_files
from nomad.lake.words import command_for, named
from nomad.names import RAW, TableName, did_you_mean, literal, quote
from nomad.partitions import COLUMN, Partition
from nomad.project.project import Project
from nomad.sqlfile.file import used
from nomad.sqlfile.limits import limited
from nomad.sqlfile.statements import count
from nomad.sqlfile.variables import SENTINEL, render
from nomad.workspace import Workspace

_T = TypeVar("_T")
_WORD = r"\w+"
_TRIES = 20
"""How often a query starts over when a table is replaced while it reads."""


class How(Protocol):
    """A way to run a query."""

    def __call__(self, session: Session, query: str, *, at: Place | None = None) -> Answer:
        """Run it."""


def prepared(workspace: Workspace, text: str) -> str:
    """Fill in the variables of a query as typed; there must be one query, and no more.

    Raises:
        Misuse: there is none, there are several, or one asks for the date of a run.
    """
    rendered = render(text.strip().rstrip(";"), workspace.variables, path="query")
    if SENTINEL in rendered:
        raise Misuse(
            "a query has no $<PARTITION_DATE>", where="query", hint="write the date itself"
        )
    if not [t for t in rendered.splitlines() if t.strip() and not t.strip().startswith("--")]:
        raise Misuse("the query is empty", hint='nomad sql "from dwd.x"')
    if count(rendered) > 1:
        raise Misuse(
            "more than one query", where="query", hint="ask them one by one, or in a shell"
        )
    return rendered


def ask(workspace: Workspace, query: str, how: How = in_text) -> Answer:
    """Run a query over the tables it names; `how` says what its values are to be.

    A table published anew while the query reads makes it start over, so that the answer is of one
    version of each table.

    Raises:
        QueryFailed: DuckDB refuses the query.
        Misuse: it would write.
    """

    def act(session: Session) -> Answer:
        refuse_writing(session, query)
        return how(session, query, at=Place("query" if "\n" in query else "", 1))

    return _steady(workspace, query, act)


def ask_into(workspace: Workspace, query: str, path: Path) -> None:
    """Run a query and write the result as one Parquet file, whose values are those of the query.

    Raises:
        QueryFailed: DuckDB refuses the query, or a number has more digits than Parquet holds.
    """

    def act(session: Session) -> None:
        refuse_writing(session, query)
        columns = session.describe(query, at=Place("query", 1))
        copy = f"COPY (\n{exactly(query, columns)}\n) TO {literal(str(path))} (FORMAT parquet)"
        try:
            session.execute(copy, at=Place("query", 0))
        except QueryFailed as e:
            raise told_too_wide(session, query, columns, e, where="query") from e

    _steady(workspace, query, act)


def reads(workspace: Workspace) -> None:
    """See that DuckDB reads what is written to the lake.

    Raises:
        LakeError: it can't reach it.
        QueryFailed: it reads something else.
    """
    store, key = workspace.store, f"_probe/{uuid.uuid4().hex}"
    store.write(key, b"here")
    try:
        with workspace.reader().session() as session:
            session.execute(f"SELECT content FROM read_text({literal(store.uri(key))})")
    finally:
        store.delete(key)


_LEADING = ("_test", "_column", "_value", "_row_number")


def refused(
    workspace: Workspace,
    table: TableName,
    partitions: Sequence[Partition | None],
    *,
    limit: int,
    how: How = in_text,
) -> Answer:
    """Give the rows in quarantine of some partitions: what is wrong and the key come first."""
    found = workspace.lake.readable(table, partitions=partitions)
    dated = workspace.project.partitioned(table)
    groups = refused_files(found, workspace.store.uri)
    if not groups:
        return Answer([c.name for c in REFUSED], [False] * len(REFUSED), [])
    contract = workspace.project.tables[table].contract
    key = contract.unique_key if contract else ()
    with workspace.reader().session() as session:
        rows = scan.select(groups, partitioned=dated)
        there = [c.name for c in session.describe(rows)]
        led = [n for w in (*_LEADING, *key) for n in there if n.lower() == w.lower()]
        last = [c.name for c in REFUSED if c.name in there and c.name not in led]
        own = [n for n in there if n not in led and n not in last]
        listed = ", ".join(map(quote, [*led, *last, *own]))
        return how(session, f"SELECT {listed} FROM ({rows}) LIMIT {limit}")


def _steady(workspace: Workspace, query: str, act: Callable[[Session], _T]) -> _T:
    names = _named(workspace, query)
    for tries_left in reversed(range(_TRIES)):
        published = _published(workspace, names)
        try:
            with _session(workspace, published, query) as session:
                return act(session)
        except QueryFailed as e:
            if not tries_left or _versions(_published(workspace, names)) == _versions(published):
                raise _explained(e, names, published, workspace.project) from e
    raise AssertionError("unreachable")


def _named(workspace: Workspace, query: str) -> list[TableName]:
    """Name the tables that a query may mean: any whose name is among its words.

    One too many costs a look at its manifests; one too few would be an error.
    """
    words = set().union(*map(_words, (query, *(m.text for m in used(query, workspace.macros)))))
    words |= {w.removesuffix(f"_{COLUMN}") for w in words}
    project = workspace.project
    known = [*(TableName(RAW, s) for s in project.config.sources), *project.order]
    return [n for n in known if n.name.lower() in words or words & _LISTINGS]


_LISTINGS = {
    "show", "information_schema", "pg_catalog", "duckdb_tables", "duckdb_views", "duckdb_columns",
    "duckdb_databases", "database_list", "database_size",
}  # fmt: skip
"""Words of a query that asks which tables there are."""


def _words(query: str) -> set[str]:
    return {w.lower() for w in re.findall(_WORD, query)}


def _published(workspace: Workspace, names: list[TableName]) -> dict[TableName, list[Manifest]]:
    project, lake = workspace.project, workspace.lake
    found = {n: lake.readable(n, partitioned=project.partitioned(n)) for n in names}
    return {n: ms for n, ms in found.items() if ms}


def _versions(published: dict[TableName, list[Manifest]]) -> list[str]:
    return [f"{m.dest} {m.partition} {m.run_id}" for ms in published.values() for m in ms]


@contextmanager
def bound(workspace: Workspace, query: str) -> Iterator[Session]:
    """Open a session in which the tables that a query names are bound to their files of now."""
    published = _published(workspace, _named(workspace, query))
    with _session(workspace, published, query) as session:
        refuse_writing(session, query)
        yield session


@contextmanager
def _session(
    workspace: Workspace, published: dict[TableName, list[Manifest]], query: str
) -> Iterator[Session]:
    project, lake, words = workspace.project, workspace.lake, _words(query)
    macros = used(query, workspace.macros)
    below = limited((m.text for m in macros), query)
    texts = [query, *(m.text for m in macros)]
    if words & _LISTINGS:
        texts += workspace.config.attach
    with workspace.reader(texts).session(limited=below) as session:
        if "nomad" in words:
            live.describe(session, project, lake, workspace.temporary, words=words)
        bare = [n.name.lower() for n in published]
        for name, manifests in published.items():
            made = relations(project, lake, name, manifests)
            if words & {QUARANTINE, *_LISTINGS}:
                made += refused_rows(project, lake, name, manifests)
            if bare.count(name.name.lower()) == 1:
                made.append(View("", name.name, f"SELECT * FROM {name.quoted}"))
            session.make(made)
        session.run(s for m in macros for s in m.statements)
        yield session


_MISSING = r'Table with name "?([\w.]+)"? does not exist'


def _damaged(
    e: QueryFailed, published: Mapping[TableName, Sequence[Manifest]]
) -> QueryFailed | None:
    """Name the partition whose file DuckDB could not read, if it is one that is published."""
    told = e.what.splitlines()[0]
    for m in (m for manifests in published.values() for m in manifests):
        for key in (f"{m.folder}/{f.name}" for f in m.files):
            if key in told:
                what = f"{named(*m.cell)}: file {key} is damaged, or gone: {told}"
                hint = f"`nomad doctor` tells more; {command_for(*m.cell, force=True)}"
                return QueryFailed(what, where=e.where, hint=hint)
    return None


def _explained(
    e: QueryFailed,
    names: list[TableName],
    published: dict[TableName, list[Manifest]],
    project: Project,
) -> QueryFailed:
    missing = re.search(_MISSING, e.what)
    if missing is None:
        return _damaged(e, published) or e
    unpublished = [n for n in names if n not in published]
    if not unpublished:
        known = {str(n) for n in project.order} | {n.name for n in project.order}
        hint = did_you_mean(missing[1], known) or "see `nomad ls`"
        if made_in(project.root, missing[1].split(".")[-1]):
            hint = "it is in the catalog alone, by a migration: see `nomad catalog connect`"
        what = e.what if missing[1] in known else f"no table `{missing[1]}`"
        return QueryFailed(what, where=e.where, hint=hint)
    name = unpublished[0]
    hint = f"`{name}` was never published: `{command_for(name)}`"
    return QueryFailed(e.what, where=e.where, hint=hint)
