"""Tries what a project reaches out to: its lake, its sources, the databases that are attached.

Each is tried, whatever becomes of the others. Nothing is landed, and nothing written to the lake.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

from nomad.errors import LakeError, NomadError, UnknownName, masked, worst
from nomad.ingest import probing
from nomad.names import RAW, counted, did_you_mean, is_plain, literal, quote
from nomad.workspace import Workspace


class Kind(StrEnum):
    """What is reached."""

    LAKE = "lake"
    SOURCE = "source"
    DATABASE = "database"


class Connection(NamedTuple):
    """What is to be tried, by its name in nomad.yaml."""

    kind: Kind
    name: str


class Tried(NamedTuple):
    """How it went: what is seen there, or why it can't be reached."""

    connection: Connection
    detail: str
    error: NomadError | None = None


def chosen(workspace: Workspace, words: Sequence[str]) -> list[Connection]:
    """Name the connections that the words mean; no words mean all.

    Raises:
        UnknownName: there is none of a name.
    """
    every = list(_every(workspace))
    known = {word for one in every for word in _words(one)}
    for word in words:
        if word not in known:
            hint = did_you_mean(word, known) or f"there is: {', '.join(c.name for c in every)}"
            raise UnknownName(f"no source or database `{word}`", hint=hint)
    return [one for one in every if not words or _words(one) & set(words)]


def _every(workspace: Workspace) -> Iterator[Connection]:
    yield Connection(Kind.LAKE, "lake")
    yield from (Connection(Kind.SOURCE, name) for name in workspace.config.sources)
    yield from (Connection(Kind.DATABASE, name) for name in workspace.config.attach)


def _words(one: Connection) -> set[str]:
    return {one.name, f"{RAW}.{one.name}"} if one.kind is Kind.SOURCE else {one.name}


def tried(
    workspace: Workspace, connections: Sequence[Connection], day: date | None = None
) -> Iterator[Tried]:
    """Try one after the other; sources by date at a date, or at the latest that may be there."""
    how: dict[Kind, Callable[[str], str]] = {
        Kind.LAKE: lambda _: _lake(workspace),
        Kind.SOURCE: lambda name: probing.seen(workspace, workspace.config.sources[name], day),
        Kind.DATABASE: lambda name: _database(workspace, name),
    }
    for one in connections:
        try:
            yield Tried(one, masked(how[one.kind](one.name)))
        except NomadError as e:
            yield Tried(one, e.what, e)


def exit_code(found: Sequence[Tried]) -> int:
    """Choose the exit code."""
    return worst(t.error.exit_code for t in found if t.error)


def _lake(workspace: Workspace) -> str:
    """List the lake; of a folder, tell also whether it may be written. Nothing is."""
    store = workspace.store
    where = store.uri("").rstrip("/")
    layers = [name for name in store.folders("") if is_plain(name) and not name.startswith("_")]
    if workspace.place.bucket is None:
        _see_writable(Path(where))
    told = f"{counted(len(layers), 'layer')} ({', '.join(layers)})" if layers else "still empty"
    may = "it can be listed" if workspace.place.bucket else "it may be written"
    return f"{where}: {may}; {told}"


def _see_writable(folder: Path) -> None:
    """See that a folder may be written, or made.

    Raises:
        LakeError: it may not, or something else is in its place.
    """
    there = next(p for p in (folder, *folder.parents) if p.exists())
    if not there.is_dir():
        raise LakeError("the lake is not a folder", where=str(there), hint="check `lake.url`")
    if not os.access(there, os.R_OK | os.W_OK | os.X_OK):
        raise LakeError(
            "the lake may not be written",
            where=str(there),
            hint="give this user the right to write there",
        )


def _database(workspace: Workspace, name: str) -> str:
    """Attach a database, and count the tables in it."""
    engine = workspace.engine(workspace.temporary, [name], remote=False)
    with engine.session() as session:
        session.execute(f"USE {quote(name)}")
        tables, views = (
            session.execute(
                f"SELECT count(*) FROM duckdb_{kind}() WHERE NOT internal"
                f" AND database_name = {literal(name)}"
            )[0][0]
            for kind in ("tables", "views")
        )
    return f"{counted(tables, 'table')}, {counted(views, 'view')}"
