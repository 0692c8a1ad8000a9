"""Lands what a source delivers in parts, as pieces; `cutting` makes partitions of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from nomad.config.sources import SourceConfig
from nomad.engine.instance import Engine, Staged
from nomad.engine.scan import Files
from nomad.errors import NomadError, SourceMissing
from nomad.extract import watermark
from nomad.extract.base import Connector, Known, Landed, Request
from nomad.extract.measure import measure_all
from nomad.lake import pieces
from nomad.lake.layout import data_file
from nomad.lake.manifest import DataFile
from nomad.lake.pieces import Part, Piece, Placed
from nomad.names import TableName
from nomad.run import fetching, parts
from nomad.run.context import Context
from nomad.run.fetching import delivered, shape_of
from nomad.run.parts import EACH
from nomad.schema import Column

WATERMARK = "watermark"
CUT_BY = ("dt", "key", "once", "overlap", "ready_after", "complete")
"""Options that change nothing of what is fetched."""

_AT_ONCE = 1000
"""So many files are landed as one piece: enough to cost little each, few enough to lose."""


class Landing(NamedTuple):
    """One source, and what it is landed with."""

    context: Context
    engine: Engine
    source: SourceConfig
    table: TableName
    recipe: str
    force: bool

    @property
    def connector(self) -> Connector:
        """What brings its data."""
        return self.context.workspace.connectors[self.source.connector]


def in_parts(source: SourceConfig) -> bool:
    """Tell whether a source lands in parts, rather than a date or all of it at a time."""
    return any(option in source.options for option in (EACH, WATERMARK, "dt"))


def land(landing: Landing, into: Path) -> Iterator[NomadError]:
    """Land what is new, piece by piece; what could not be had is given, and the rest goes on."""
    there = pieces.read(landing.context.store, landing.table)
    before = _Before.of(there)
    for number, request in enumerate(_requests(landing, before)):
        folder = into / f"{number}"
        folder.mkdir()
        try:
            for piece in _fetched(landing, request, before, there, folder):
                there.append(piece)
        except NomadError as e:
            if not (isinstance(e, SourceMissing) and _may_lack(landing, there)):
                yield e
            if not request.window:
                return


class _Before(NamedTuple):
    """What was there before a run: pieces that are whole, the last part of each key, pages."""

    whole: Sequence[Piece]
    latest: Mapping[str, Placed]
    begun: Mapping[tuple[str, str], list[Piece]]

    @staticmethod
    def of(there: Sequence[Piece]) -> _Before:
        whole = pieces.whole(there)
        return _Before(whole, pieces.latest(whole), pieces.begun(there))

    def pages(self, landing: Landing, request: Request) -> list[Piece]:
        """Give the pages of a fetch that was broken off, to go on after them."""
        return [] if landing.force else self.begun.get((_window(request), landing.recipe), [])


def _may_lack(landing: Landing, there: Sequence[Piece]) -> bool:
    """Tell whether a part may have nothing: a month among others, not what is listed by name."""
    return bool(there) and isinstance(landing.source.options.get(EACH), dict)


def _requests(landing: Landing, before: _Before) -> Iterator[Request]:
    """Ask for each part, or for what is newer than the watermark."""
    known = {} if landing.force else _known(landing, before)
    mark = None if landing.force else _mark(landing, before)
    for part in parts.of(landing.source, landing.context.workspace.today):
        if part.name in known and landing.source.options.get("once"):
            continue
        request = fetching.request(landing.context.workspace, landing.source, None, part)
        pages = before.pages(landing, request)
        cursor = pages[-1].cursor if pages else _cursor(landing, before)
        yield replace(request, known=known, cursor=cursor, watermark=mark)


def _known(landing: Landing, before: _Before) -> dict[str, Known]:
    """Tell what was landed of each part by the same options."""
    return {
        key: Known(part.stamp, part.size, part.sha256)
        for key, (piece, part) in before.latest.items()
        if piece.recipe == landing.recipe
    }


def _cursor(landing: Landing, before: _Before) -> str | None:
    """Tell where a stream was left; what is fetched in parts or by a watermark begins anew."""
    if landing.force or EACH in landing.source.options or WATERMARK in landing.source.options:
        return None
    return before.whole[-1].cursor if before.whole else None


def _mark(landing: Landing, before: _Before) -> str | None:
    """Give the highest value landed so far, less the overlap."""
    marks = [p.watermark for p in before.whole if p.watermark is not None]
    if not marks:
        return None
    overlap = landing.source.options.get("overlap")
    with landing.engine.session() as session:
        return watermark.before(session, watermark.highest(session, marks), overlap)


# Landing -----------------------------------------------------------------------------------------


def _fetched(
    landing: Landing, request: Request, before: _Before, there: Sequence[Piece], into: Path
) -> Iterator[Piece]:
    """Land what comes; a page of a fetch that goes on by a cursor is a piece at once."""
    pages = before.pages(landing, request)
    shape = shape_of(request.source, None, before=_columns(there))
    number, count = there[-1].number if there else 0, sum(len(p.parts) for p in pages)
    last = pages[-1] if pages else None
    for batch in _batches(_delivered(landing, request, into)):
        measured = list(zip(batch, measure_all(landing.engine, batch, shape), strict=True))
        for group in [] if _adds_nothing(measured, request, before) else _alike(measured):
            number += 1
            last = _described(landing, request, group, number, count)
            _commit(landing, last, [file.path for file, _ in group])
            count += len(group)
            yield last
    if last and not last.complete:
        ended = last._replace(number=number + 1, parts=(), schema=(), complete=True, anew=False)
        _commit(landing, ended, [])
        yield ended


def _commit(landing: Landing, piece: Piece, files: Sequence[Path]) -> None:
    pieces.commit(landing.context.store, landing.table, piece, files)


def _delivered(landing: Landing, request: Request, into: Path) -> Iterator[Landed]:
    """Have files brought; where something was landed already, nothing new is no error."""
    try:
        yield from delivered(landing.connector, request, into)
    except SourceMissing:
        if not (request.watermark or request.cursor or request.known):
            raise


def _batches(files: Iterable[Landed]) -> Iterator[list[Landed]]:
    """Put files together that are landed at once: many, or just a page after which it goes on."""
    batch: list[Landed] = []
    for file in files:
        batch.append(file)
        if file.cursor is not None or len(batch) >= _AT_ONCE:
            yield batch
            batch = []
    if batch:
        yield batch


def _columns(there: Sequence[Piece]) -> tuple[Column, ...]:
    """Give the columns of the last piece that has rows."""
    return next((p.schema for p in reversed(there) if p.parts), ())


_Measured = tuple[Landed, Staged]


def _adds_nothing(measured: Sequence[_Measured], request: Request, before: _Before) -> bool:
    """Tell whether what came is just what came the last time, or no row after the watermark.

    Of pages that isn't asked: one by itself tells nothing.
    """
    if not before.whole or any(file.cursor is not None for file, _ in measured):
        return False
    if request.window:
        last = before.latest.get(_window(request))
        same = last and [s.sha256 for _, s in measured] == [last.part.file.sha256]
        return bool(same and last and not last.part.appended)
    if request.watermark is None:
        return False
    known = {part.file.sha256 for part in before.whole[-1].parts}
    return all(not staged.rows or staged.sha256 in known for _, staged in measured)


def _alike(measured: Iterable[_Measured]) -> list[list[_Measured]]:
    """Put files of one schema that are read in one way together."""
    groups: dict[object, list[_Measured]] = {}
    for file, staged in measured:
        key = (staged.schema, *sorted(file.dialect.items()))
        groups.setdefault(key, []).append((file, staged))
    return list(groups.values())


def _described(
    landing: Landing, request: Request, group: Sequence[_Measured], number: int, count: int
) -> Piece:
    """Describe files as the piece they are to become; `count` were fetched before them."""
    run = landing.context.run.id
    file, staged = group[-1]
    return Piece(
        number=number,
        run_id=run,
        landed_at=landing.context.workspace.now().isoformat(timespec="seconds"),
        recipe=landing.recipe,
        parts=tuple(
            _part(request, data_file(run, n, file.path.suffix), (file, staged), first=not count + n)
            for n, (file, staged) in enumerate(group)
        ),
        schema=staged.schema,
        dialect=dict(file.dialect),
        anew=landing.force and not count and EACH not in landing.source.options,
        cursor=file.cursor,
        watermark=_highest(landing, group),
        after=None if "key" in landing.source.options else request.watermark,
        window=_window(request),
        complete=file.cursor is None,
    )


def _part(request: Request, name: str, measured: _Measured, *, first: bool) -> Part:
    """Describe a file; of several that are fetched for one key, the others add to the first."""
    file, staged = measured
    data = DataFile(name, staged.rows, staged.bytes, staged.sha256)
    window = _window(request)
    appended = file.appended or bool(not file.part and window and not first)
    return Part(data, file.part or window, appended, *file.state)


def _highest(landing: Landing, group: Sequence[_Measured]) -> str | None:
    """Find the highest value of the watermark in files of one schema."""
    name = landing.source.options.get(WATERMARK)
    if name is None or not group:
        return None
    (file, staged), *_ = group
    files = Files(tuple(str(f.path) for f, _ in group), staged.schema, file.dialect)
    with landing.engine.session() as session:
        return watermark.of(session, files, str(name), source=landing.source.name)


def _window(request: Request) -> str:
    return str(request.window or "")
