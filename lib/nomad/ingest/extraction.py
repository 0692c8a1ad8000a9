"""Lands what the sources deliver, date by date, by the same publish as any table."""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import date
from functools import partial
from pathlib import Path

from nomad.config.sources import SourceConfig
from nomad.engine.instance import Engine, Staged
from nomad.engine.scan import Files
from nomad.errors import NomadError, OutOfMemory, SourceMissing, Stopped
from nomad.extract.base import Connector, Landed, Previous, Request
from nomad.extract.columns import Shape, added
from nomad.extract.measure import measure, measure_or_retry, measure_together
from nomad.files import translated
from nomad.ingest import stamps
from nomad.ingest.completeness import Judge
from nomad.ingest.cutting import publish
from nomad.ingest.due_cells import SourceCell, due_cells
from nomad.ingest.extent import Budget, Extent
from nomad.ingest.landing import land
from nomad.ingest.meter import Meter, Unseen
from nomad.ingest.nearest import Nearest
from nomad.ingest.outdated import refuse_outdated
from nomad.ingest.pages import Asked, Pages, joined
from nomad.ingest.progress import note_step
from nomad.ingest.side_by_side import Stop, side_by_side
from nomad.ingest.undelivered import judged
from nomad.ingest.wanted import Landing, pass_over_all, recipe_of
from nomad.lake.manifest import Manifest, Over
from nomad.names import TableName
from nomad.partitions import COLUMN, Partition
from nomad.plan.freshness import GONE
from nomad.run import fetching
from nomad.run.context import Context, begin
from nomad.run.due import due_dates
from nomad.run.fetching import odd, shape_of
from nomad.run.publisher import Recipe
from nomad.run.readiness import COMPLETE, not_due
from nomad.run.result import OUT_OF_MEMORY, Outcome, Result, Status
from nomad.schema import NO_ROWS, Column
from nomad.store.requests import about
from nomad.workspace import Workspace

_log = logging.getLogger(__name__)


def extract(
    workspace: Workspace,
    sources: Iterable[SourceConfig],
    dates: Sequence[date],
    *,
    report: Callable[[Result], None],
    wait: bool = False,
    force: bool = False,
    only: Collection[str] = (),
    most: int = 0,
    meter: Meter | None = None,
    parallel: int = 0,
) -> tuple[str, list[Result]]:
    """Land each source for each date; give the run's id and how each step ended.

    The same bytes as last time are not landed again, unless by `force`. A date for which a source
    has nothing ends as `missing`, which is for the caller to judge. `only` names how the last fetch
    ended of what is landed; after so many requests as `most` (0: any number) the run ends. So many
    sources as `parallel` (0: as nomad.yaml says) land at a time. `meter` hears how far it is.

    Raises:
        Misuse: `only` names an end that there isn't.
        Busy: another live run is landing one of the same dates, and `wait` is off.
    """
    due = due_dates(workspace, dates)
    extent = Extent.of(workspace, only, most, meter or Unseen())
    cells = list(due_cells(sources, dates, workspace.variables, due))
    cells = [c for c in cells if extent.wants_cell(c)]
    extent.meter.expect(sum(not (c.source.in_parts or c.again) for c in cells))
    with begin(workspace, "extract", [c.cell for c in cells], wait=wait) as context:
        remote = any(c.source.in_parts or COMPLETE in c.source.options for c in cells)
        engine = context.engine(remote=remote)
        by_source: dict[str, list[SourceCell]] = {}
        for cell in cells:
            by_source.setdefault(cell.source.name, []).append(cell)
        results: list[Result] = []
        work = partial(_work, context, engine, extent=extent, force=force)
        at_once = parallel or workspace.config.parallel
        for outcome in _outcomes(engine, by_source, work, extent.budget, at_once):
            result = judged(outcome.result, due)
            report(context.apply(outcome._replace(result=result)))
            results.append(result)
            if not workspace.config.sources[result.table.name].in_parts:
                note_step(context, result)
                if not result.again:
                    extent.meter.ended(result.rows_landed)
        order = list(by_source)
        results.sort(key=lambda r: order.index(r.table.name))
        return context.run.id, results


def _outcomes(
    engine: Engine,
    by_source: Mapping[str, Sequence[SourceCell]],
    work: Callable[[Sequence[SourceCell]], Generator[Outcome]],
    budget: Budget,
    at_once: int,
) -> Iterator[Outcome]:
    """Land sources, some at once; what then runs short of memory is landed once more, alone."""
    works = [partial(work, cells) for cells in by_source.values()]
    budget.shared = at_once > 1 and len(works) > 1
    short: list[SourceCell] = []
    for outcome in side_by_side(works, at_once, Stop(budget.stopped, engine)):
        if budget.shared and (cell := _short(outcome.result, by_source)):
            short.append(cell)
        else:
            yield outcome
    budget.shared = False
    for cell in short:
        yield from work([cell])


def _short(result: Result, by_source: Mapping[str, Sequence[SourceCell]]) -> SourceCell | None:
    """Name the date that ran short of memory; of a source in parts, some are published already."""
    if not isinstance(result.error, OutOfMemory):
        return None
    cells = (c for c in by_source[result.table.name] if not c.source.in_parts)
    return next((c for c in cells if c.partition == result.partition), None)


def _work(
    context: Context, engine: Engine, cells: Sequence[SourceCell], extent: Extent, force: bool
) -> Generator[Outcome]:
    """Land one source, date by date; what isn't reached by its requests is noted as waiting."""
    before = (Nearest(context.lake), Pages(context))
    source, table = cells[0].source, cells[0].table
    recipe = recipe_of(context.workspace, source)
    landing = Landing(context, engine, source, table, recipe, force, extent)
    for cell in cells:
        if extent.budget.exceeded:
            _pass_over(landing, cell)
        elif source.in_parts:
            yield from _parts(landing)
        else:
            yield from _step(landing, before, cell)


def _pass_over(landing: Landing, cell: SourceCell) -> None:
    """Note of what isn't asked for any more that it waits."""
    why = landing.extent.budget.why
    if not cell.source.in_parts:
        note_step(landing.context, _failed(*cell.cell, why).result)
        return
    with suppress(NomadError), about(str(cell.table)):
        pass_over_all(landing, why)


def _parts(landing: Landing) -> Iterator[Outcome]:
    """Land what is new of a source that lands in parts, and publish the dates that differ."""
    table = landing.table
    began, count = time.monotonic(), 0
    with about(str(table)), _folder(landing.context.run.scratch / landing.source.name) as into:
        try:
            refuse_outdated(landing)
            for error in land(landing, into):
                count += 1
                yield _failed(table, None, error)
            for outcome in publish(landing, into):
                count += 1
                seconds = time.monotonic() - began
                yield outcome._replace(result=outcome.result._replace(seconds=seconds))
                began = time.monotonic()
        except NomadError as e:
            yield _failed(table, None, e)
            return
    if not count:
        yield Outcome(Result(table, None, Status.FRESH, "nothing new"))


def _failed(table: TableName, partition: Partition | None, error: NomadError) -> Outcome:
    """Tell of a step that failed, or for which there is nothing."""
    if isinstance(error, Stopped):
        reason = f"{error.what}; {error.hint}"
        return Outcome(Result(table, partition, Status.WAITING, reason, error=error))
    status = Status.MISSING if isinstance(error, SourceMissing) else Status.FAILED
    retried = OUT_OF_MEMORY if isinstance(error, OutOfMemory) else None
    return Outcome(Result(table, partition, status, error.what, error=error, retried=retried))


_Before = tuple[Nearest, Pages]
"""The nearest partition landed before, and pages of what is not complete."""


def _step(landing: Landing, before: _Before, cell: SourceCell) -> Iterator[Outcome]:
    """Land a date, or all; of one that is only asked for again, nothing is no news."""
    began, context = time.monotonic(), landing.context
    outcome = _tried(landing._replace(force=landing.force and not cell.again), before, cell)
    stopped = isinstance(outcome.result.error, Stopped)
    if cell.again and outcome.result.status in (Status.MISSING, Status.WAITING) and not stopped:
        last = context.lake.manifest(*cell.cell)
        if last is None:
            note_step(context, outcome.result)
            return
        outcome = Outcome(_fresh(context, last, f"kept: {outcome.result.reason}"))
    seconds = time.monotonic() - began
    yield outcome._replace(result=outcome.result._replace(seconds=seconds, again=cell.again))


def _tried(landing: Landing, before: _Before, cell: SourceCell) -> Outcome:
    workspace, scratch = landing.context.workspace, landing.context.run.scratch
    try:
        if not landing.force and (waiting := not_due(workspace, cell.source, cell.partition)):
            return Outcome(waiting)
        with about(str(cell.table)), _folder(scratch / cell.source.name) as into:
            return _landed(landing, before, cell.partition, into)
    except NomadError as e:
        return _failed(cell.table, cell.partition, e)


@contextmanager
def _folder(path: Path) -> Iterator[Path]:
    """Have a folder for a while."""
    with translated(str(path)):
        path.mkdir()
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def _landed(landing: Landing, before: _Before, partition: Partition | None, into: Path) -> Outcome:
    context, engine, source, table, recipe_hash, force, extent = landing
    (nearest, pages), budget, connector = before, extent.budget, landing.connector
    over = context.lake.over(table, partition, healing=force)
    last = over.manifest if over and not force else None
    request = fetching.request(context.workspace, source, partition)
    request = replace(request, spend=budget.spend, sleep=budget.sleep)
    files = stamps.of(context.workspace, connector, request, recipe_hash)
    if last and files.are_of(last):
        return Outcome(_fresh(context, last, "the same files as before"))
    if last and _is_comparable(last, recipe_hash):
        request = replace(request, previous=Previous(last.files[0].sha256))
    asked = Asked(table, request, recipe_hash, force)
    landed = _fetched(pages, connector, asked, into)
    if last and not landed:
        files.remember(last)
        return Outcome(_fresh(context, last))
    if not landed:
        raise _missing(request)
    near = nearest.of(table, partition)
    shape = shape_of(request.source, partition, before=_columns(near) if near else ())
    staged, retried = _measured(engine, landed, shape, shared=budget.shared)
    if last and last.content_hash == staged[0].content_hash:
        files.remember(last)
        pages.forget(table, request)
        return Outcome(_fresh(context, last)._replace(retried=retried))
    rows = Files(tuple(str(f.path) for f in landed), staged[0].schema, landed[0].dialect)
    judge = Judge(context, engine, source)
    if waiting := judge.incomplete((table, partition), [rows], sum(s.rows for s in staged)):
        pages.forget(table, request)
        return waiting
    new = added(staged[0].schema, shape)
    if new:
        _log.warning("%s: new since the version before: %s", shape.told, ", ".join(new))
    recipe = Recipe(recipe_hash, dialect=landed[0].dialect, detected=_detected(landed))
    recipe = recipe._replace(stamps=files.files)
    manifest = context.publisher.describe((table, partition), staged, recipe)
    budget.heed()
    commit = context.publisher.publish(manifest, [f.path for f in landed], over)
    nearest.landed(table, partition)
    pages.forget(table, request)
    outcome = context.outcome(commit, _why(over, force=force))
    return outcome._replace(result=outcome.result._replace(retried=retried))


def _detected(landed: Sequence[Landed]) -> dict[str, str]:
    """Tell what was found of a date's files; where they differ, all that was found."""
    found: dict[str, dict[str, None]] = {}
    for name, value in (item for file in landed for item in file.detected.items()):
        found.setdefault(name, {})[value] = None
    return {name: " and ".join(values) for name, values in found.items()}


def _why(over: Over | None, *, force: bool) -> str:
    """Say why a source is landed."""
    if over is None or force:
        return "forced" if over else "never landed"
    return "the source changed" if over.manifest else GONE


def _fetched(pages: Pages, connector: Connector, asked: Asked, into: Path) -> list[Landed]:
    """Have a date's files brought, or those of all; none: the source has nothing new."""
    landed = joined(pages.fetched(connector, asked, into), into)
    alike = {(f.format, *sorted(f.dialect.items())) for f in landed}
    if len(alike) > 1 or any(f.window != asked.request.window for f in landed):
        raise odd(landed, asked.request)
    return landed


def _missing(request: Request) -> SourceMissing:
    day = f" for {request.window}" if request.window else ""
    return SourceMissing(f"source `{request.source.name}` has nothing{day}")


def _is_comparable(last: Manifest, recipe: str) -> bool:
    """Tell whether the same bytes would land as they did last.

    JSON is read all the same: what landed it may have known less of its types.
    """
    if last.sql_hash != recipe or len(last.files) != 1 or last.files[0].name.endswith(".json"):
        return False
    return not (any(c.name.lower() == COLUMN for c in last.schema) and last.partition)


def _fresh(context: Context, last: Manifest, reason: str = "the same bytes as before") -> Result:
    return context.result(last, reason)._replace(status=Status.FRESH)


def _columns(near: Manifest) -> tuple[Column, ...]:
    """Give the columns of a version; JSON of which no row has a field tells none."""
    told = near.schema != NO_ROWS or any(not f.name.endswith(".json") for f in near.files)
    return near.schema if told else ()


def _measured(
    engine: Engine, landed: Sequence[Landed], shape: Shape, *, shared: bool
) -> tuple[list[Staged], str | None]:
    """Measure what was landed; where memory runs out, once more with the least. Say so.

    Not while others have their `shared` in it: that ends their sessions.
    """
    if len(landed) > 1:
        return measure_together(engine, landed, shape), None
    if shared:
        return [measure(engine, landed[0], shape)], None
    staged, retried = measure_or_retry(engine, landed[0], shape)
    return [staged], OUT_OF_MEMORY if retried else None
