"""Lands what a source delivers in parts, as pieces; `cutting` makes partitions of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

from nomad.config.sources import EACH, WATERMARK
from nomad.engine.instance import Staged
from nomad.engine.scan import Files
from nomad.errors import NomadError, SourceMissing, Stopped
from nomad.extract import watermark
from nomad.extract.base import Known, Landed, PagesOnly, Request
from nomad.extract.measure import measure_all
from nomad.ingest import chunks, parts
from nomad.ingest.begun import Fetch, There
from nomad.ingest.columns_before import ColumnsBefore
from nomad.ingest.streams import going_on
from nomad.ingest.wanted import Landing, landed, pass_over, wanted, window_of
from nomad.lake import pieces
from nomad.lake.layout import data_file
from nomad.lake.manifest import DataFile
from nomad.lake.pieces import Part, Piece, Placed
from nomad.run import fetching
from nomad.run.fetching import Each, delivered

_AT_ONCE = 1000
"""So many files are landed as one piece: enough to cost little each, few enough to lose."""


def land(landing: Landing, into: Path) -> Iterator[NomadError]:
    """Land what is new, piece by piece; what could not be had is given, and the rest goes on."""
    store, table = landing.context.store, landing.table
    every = There(store, table, pieces.read(store, table))
    there = every.without_stale(landing.recipe)
    before = _Before.of(there, pieces.read_cut(store, table).through)
    known = {} if landing.force else landed(landing, before.latest)
    found = wanted(landing, known)
    landing.extent.meter.expect(len(found))
    columns = ColumnsBefore(landing.source, there)
    lacking: SourceMissing | None = None
    for number, fetch in enumerate(_fetches(landing, before, found, known)):
        folder, request = into / f"{number}", fetch.request
        folder.mkdir()
        try:
            fetched = partial(
                _fetched, landing, before=before, there=there, columns=columns, into=folder
            )
            for piece in every.renewed(fetch, fetched):
                there.append(piece)
                fetch.pages.append(piece)
            if request.until is None:
                rows = sum(p.rows for p in fetch.pages) if fetch.pages else None
                landing.note(request, rows)
        except Stopped as e:
            names = [part.name for part in found]
            pass_over(landing, names[names.index(window_of(request)) :], e)
            yield e
            return
        except NomadError as e:
            landing.note(request, None, e)
            if isinstance(e, SourceMissing) and parts.may_lack(landing.source):
                lacking = lacking or e
            else:
                yield e
            if not request.window:
                return
    if lacking and not there:
        yield lacking


class _Before(NamedTuple):
    """What was there before a run: pieces that are whole, the last part of each key, pages.

    Partitions were made of pieces `through` a number.
    """

    whole: Sequence[Piece]
    latest: Mapping[str, Placed]
    begun: Mapping[tuple[str, str], list[Piece]]
    through: int

    @staticmethod
    def of(there: Sequence[Piece], through: int) -> _Before:
        whole = pieces.whole(there)
        return _Before(whole, pieces.latest(whole), pieces.begun(there), through)

    def pages(self, landing: Landing, request: Request) -> list[Piece]:
        """Give the pages of a fetch that was broken off, to go on after them."""
        return [] if landing.force else self.begun.get((window_of(request), landing.recipe), [])


def _fetches(
    landing: Landing, before: _Before, found: Sequence[Each], known: Mapping[str, Known]
) -> Iterator[Fetch]:
    """Ask for each part that was found, or for what is newer than the watermark."""
    mark = None if landing.force else _mark(landing, before)
    for part in found:
        request = fetching.request(landing.context.workspace, landing.source, None, part)
        budget = landing.extent.budget
        request = replace(request, spend=budget.spend, sleep=budget.sleep)
        pages = before.pages(landing, request)
        cursor = pages[-1].cursor if pages else _cursor(landing, before)
        since = pages[-1].since if pages else mark
        request = replace(request, known=known, cursor=cursor, watermark=since)
        if WATERMARK in landing.source.options and chunks.is_in_chunks(request, pages):
            load = chunks.Load(landing.engine, landing.connector, request, pages)
            yield from (Fetch(asked, pages, in_chunks=True) for asked in chunks.requests(load))
        else:
            yield Fetch(request, pages)


def _cursor(landing: Landing, before: _Before) -> str | None:
    """Tell where a stream was left; what is fetched in parts or by a watermark begins anew."""
    begins_anew = landing.force or isinstance(landing.connector, PagesOnly)
    if begins_anew or EACH in landing.source.options or WATERMARK in landing.source.options:
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
    landing: Landing,
    fetch: Fetch,
    *,
    before: _Before,
    there: Sequence[Piece],
    columns: ColumnsBefore,
    into: Path,
) -> Iterator[Piece]:
    """Land what comes; a page of a fetch that goes on by a cursor is a piece at once."""
    request, pages = fetch.request, list(fetch.pages)
    shape = columns.shape(request.source)
    number = max(there[-1].number if there else 0, before.through)
    count = sum(len(p.parts) for p in pages)
    last = pages[-1] if pages else None
    is_whole = last is None and not fetch.in_chunks
    for batch, at_end in _batches(_delivered(landing, fetch, into)):
        staged, shape = measure_all(landing.engine, batch, shape)
        measured = list(zip(batch, staged, strict=True))
        known = not landing.force and _adds_nothing(measured, fetch, before)
        groups = [] if known else _alike(measured)
        for left, group in zip(reversed(range(len(groups))), groups, strict=True):
            number += 1
            is_whole = _is_whole(group, ended=at_end and not left)
            last = _described(landing, fetch, group, number, count, is_whole=is_whole)
            _commit(landing, last, [file.path for file, _ in group])
            count += len(group)
            yield last
    if not is_whole and (count or request.until):
        ended = _ended(landing, fetch, number + 1, last)
        _commit(landing, ended, [])
        yield ended


def _is_whole(group: Sequence[_Measured], *, ended: bool) -> bool:
    """Tell whether a piece is the last of its fetch; one of files by name has no need of others."""
    file, _ = group[-1]
    return file.cursor is None and (ended or bool(file.part))


def _ended(landing: Landing, fetch: Fetch, number: int, last: Piece | None) -> Piece:
    """Describe the piece without rows that says: all that was asked for is there."""
    piece = _piece(landing, fetch, number)._replace(complete=fetch.request.until is None)
    if last is None or fetch.in_chunks:
        return piece
    return piece._replace(cursor=last.cursor, watermark=last.watermark, after=last.after)


def _commit(landing: Landing, piece: Piece, files: Sequence[Path]) -> None:
    landing.extent.budget.heed()
    pieces.commit(landing.context.store, landing.table, piece, files)


def _delivered(landing: Landing, fetch: Fetch, into: Path) -> Iterator[Landed]:
    """Have files brought; where something was landed already, nothing new is no error."""
    request = fetch.request
    try:
        files = delivered(landing.connector, request, into)
        yield from going_on(files, request, stream=not isinstance(landing.connector, PagesOnly))
    except SourceMissing:
        is_known = request.window in request.known if request.window else bool(request.known)
        if fetch.in_chunks or not (request.watermark or request.cursor or is_known):
            raise


def _batches(files: Iterable[Landed]) -> Iterator[tuple[list[Landed], bool]]:
    """Put files together that are landed at once: many, or just a page after which it goes on.

    Tell of each whether it is surely the last.
    """
    batch: list[Landed] = []
    for file in files:
        batch.append(file)
        if file.cursor is not None or len(batch) >= _AT_ONCE:
            yield batch, False
            batch = []
    if batch:
        yield batch, True


_Measured = tuple[Landed, Staged]


def _adds_nothing(measured: Sequence[_Measured], fetch: Fetch, before: _Before) -> bool:
    """Tell whether what came is just what came the last time, or no row after the watermark.

    Of pages that isn't asked: one by itself tells nothing.
    """
    request = fetch.request
    if fetch.in_chunks or not before.whole or any(f.cursor is not None for f, _ in measured):
        return False
    if request.window:
        last = before.latest.get(window_of(request))
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


def _piece(landing: Landing, fetch: Fetch, number: int) -> Piece:
    """Describe a piece of a fetch, as yet without rows."""
    request = fetch.request
    return Piece(
        number=number,
        run_id=landing.context.run.id,
        landed_at=landing.context.workspace.now().isoformat(timespec="seconds"),
        recipe=landing.recipe,
        parts=(),
        schema=(),
        window=window_of(request),
        since=request.watermark,
        until=request.until,
    )


def _described(
    landing: Landing,
    fetch: Fetch,
    group: Sequence[_Measured],
    number: int,
    count: int,
    *,
    is_whole: bool,
) -> Piece:
    """Describe files as the piece they are to become; `count` were fetched before them."""
    request, run = fetch.request, landing.context.run.id
    file, staged = group[-1]
    keyed = fetch.in_chunks or "key" in landing.source.options
    return _piece(landing, fetch, number)._replace(
        parts=tuple(
            _part(request, data_file(run, n, file.path.suffix), (file, staged), first=not count + n)
            for n, (file, staged) in enumerate(group)
        ),
        schema=staged.schema,
        dialect=dict(file.dialect),
        anew=not count and (landing.force or _is_all(fetch)) and EACH not in landing.source.options,
        cursor=file.cursor,
        watermark=_highest(landing, group),
        after=None if keyed else request.watermark,
        complete=is_whole and request.until is None,
        until=request.until if is_whole or file.cursor is not None else None,
    )


def _is_all(fetch: Fetch) -> bool:
    """Tell whether all there is was asked for, though something was landed: no row had a mark."""
    request = fetch.request
    has_none = WATERMARK in request.source.options and request.watermark is None
    return has_none and request.cursor is None and not fetch.in_chunks


def _part(request: Request, name: str, measured: _Measured, *, first: bool) -> Part:
    """Describe a file; of several that are fetched for one key, the others add to the first."""
    file, staged = measured
    data = DataFile(name, staged.rows, staged.bytes, staged.sha256)
    window = window_of(request)
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
