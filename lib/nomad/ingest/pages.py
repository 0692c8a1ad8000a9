"""What is fetched of a date, or of all, in several files: pages are kept until all are there.

A page of a fetch that goes on by a cursor is kept as a piece, unread by SQL. Where the fetch was
broken off, the next one goes on after its last page.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from nomad.engine.instance import sha256
from nomad.errors import CursorRefused, LostRace
from nomad.extract.base import Connector, Landed, Paged, Request
from nomad.files import translated
from nomad.ingest.begun import tell_renewed
from nomad.lake import pieces
from nomad.lake.layout import data_file
from nomad.lake.manifest import DataFile
from nomad.lake.pieces import Part, Piece
from nomad.names import TableName
from nomad.run.context import Context
from nomad.run.fetching import delivered


class Asked(NamedTuple):
    """What is asked of a source, by which options (`recipe`), and whether `anew`."""

    table: TableName
    request: Request
    recipe: str
    anew: bool


class Pages:
    """The pages that are kept; of each source they are looked for once in a run."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._known: dict[TableName, list[Piece]] = {}

    def _of(self, table: TableName) -> list[Piece]:
        if table not in self._known:
            self._known[table] = pieces.read(self._context.store, table)
        return self._known[table]

    def fetched(self, connector: Connector, asked: Asked, into: Path) -> list[Landed]:
        """Have all files of a window brought, those that are kept first."""
        table, request, recipe, anew = asked
        if not isinstance(connector, Paged):
            return list(delivered(connector, request, into))
        there = self._of(table)
        if anew:
            self.forget(table, request)
        begun = pieces.begun(there).get((_named(request), recipe), [])
        try:
            return self._all(connector, asked, begun, into)
        except CursorRefused as e:
            if not begun:
                raise
            tell_renewed(e)
        self.forget(table, request)
        return self._all(connector, asked, [], into)

    def _all(
        self, connector: Connector, asked: Asked, begun: Sequence[Piece], into: Path
    ) -> list[Landed]:
        table, request, *_ = asked
        files = list(self._brought(table, begun, request, into))
        if begun:
            request = replace(request, cursor=begun[-1].cursor)
        for file in delivered(connector, request, into):
            files.append(file)
            if file.cursor is not None:
                self._keep(asked, file)
        return files

    def _brought(
        self, table: TableName, begun: Sequence[Piece], request: Request, into: Path
    ) -> Iterator[Landed]:
        for piece in begun:
            for part in piece.parts:
                path = into / f"{piece.number}-{part.file.name}"
                self._context.store.get(pieces.key(table, piece, part), path)
                yield Landed(path, request.window, piece.dialect, piece.cursor)

    def _keep(self, asked: Asked, file: Landed) -> None:
        """Keep a page by the next number; where another run has taken that, by one after it."""
        piece = self._page(asked, file)
        copy = file.path.with_name(f"kept-{file.path.name}")
        while True:
            there = self._of(asked.table)
            piece = piece._replace(number=there[-1].number + 1 if there else 1)
            with translated(str(copy)):
                os.link(file.path, copy)
            try:
                pieces.commit(self._context.store, asked.table, piece, [copy])
            except LostRace as e:
                self._look_again(asked, e)
                continue
            there.append(piece)
            return

    def _page(self, asked: Asked, file: Landed) -> Piece:
        """Describe a page, as yet without a number."""
        run, path = self._context.run.id, file.path
        name = data_file(run, 0, path.suffix)
        part = Part(DataFile(name, 0, path.stat().st_size, sha256(path)))
        at = self._context.workspace.now().isoformat(timespec="seconds")
        piece = Piece(0, run, at, asked.recipe, (part,), (), dict(file.dialect))
        return piece._replace(cursor=file.cursor, window=_named(asked.request), complete=False)

    def _look_again(self, asked: Asked, lost: LostRace) -> None:
        """Look at what other runs keep.

        Raises:
            LostRace: one of them fetches the very same, from another machine.
        """
        of_window = (_named(asked.request), asked.recipe)
        before = pieces.begun(self._of(asked.table)).get(of_window, [])
        del self._known[asked.table]
        if pieces.begun(self._of(asked.table)).get(of_window, []) != before:
            raise lost

    def forget(self, table: TableName, request: Request) -> None:
        """Let go of the pages of a window: it is landed, or fetched from its beginning."""
        there = self._known.get(table, [])
        for piece in [p for p in there if p.window == _named(request)]:
            pieces.remove(self._context.store, table, piece)
            there.remove(piece)


def _named(request: Request) -> str:
    return str(request.window or "all")


def joined(files: Sequence[Landed], into: Path) -> list[Landed]:
    """Put pages of JSON lines together, that a type holds for all of them; leave others as is."""
    if len(files) < len("ab") or not all(_is_lines(f) for f in files):
        return list(files)
    path = into / "pages.json"
    with translated(str(path)), path.open("wb") as out:
        for file in files:
            with file.path.open("rb") as page:
                shutil.copyfileobj(page, out)
            out.write(b"\n")
    return [replace(files[-1], path=path)]


def _is_lines(file: Landed) -> bool:
    if file.format != "json":
        return False
    with file.path.open("rb") as f:
        return f.read(64).lstrip()[:1] in (b"{", b"")
