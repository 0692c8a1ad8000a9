"""Lands what the sources deliver, date by date, by the same publish as any table."""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from pathlib import Path

from nomad.config.options import filled
from nomad.config.sources import ALLOW, SourceConfig, spelled
from nomad.engine.instance import Engine, Staged
from nomad.errors import (
    ConfigError,
    NomadError,
    OutOfMemory,
    SourceMissing,
    StepFailed,
    UnknownName,
    hide_in,
    worst,
)
from nomad.extract.base import Connector, Landed, OnDisk, Previous, Request
from nomad.extract.columns import NO_ROWS, Shape, added
from nomad.extract.formats import LANDED
from nomad.extract.measure import measure
from nomad.files import translated
from nomad.hashing import digest
from nomad.lake.manifest import Manifest, Over
from nomad.names import RAW, TableName, did_you_mean
from nomad.partitions import COLUMN, Partition, of_table
from nomad.plan.freshness import GONE
from nomad.project.project import source_is_partitioned
from nomad.run.context import Context, begin
from nomad.run.nearest import Nearest
from nomad.run.publisher import Recipe
from nomad.run.result import OUT_OF_MEMORY, Outcome, Result, Status, code_of
from nomad.schema import Column
from nomad.sqlfile.variables import dated, render
from nomad.store.requests import about
from nomad.workspace import Workspace

_log = logging.getLogger(__name__)


def chosen(workspace: Workspace, words: Sequence[str]) -> list[SourceConfig]:
    """Name the sources that the words mean; no words mean all.

    Raises:
        UnknownName: no such source.
        ConfigError: there are no sources.
    """
    known = workspace.config.sources
    names = [w.removeprefix(f"{RAW}.") for w in words] or list(known)
    if not known:
        raise ConfigError("there are no `sources`", where="nomad.yaml", hint="add one")
    return [_known(known, n) for n in names]


def _known(known: Mapping[str, SourceConfig], name: str) -> SourceConfig:
    if name not in known:
        raise UnknownName(
            f"no source `{name}`",
            hint=did_you_mean(name, known) or f"there is: {', '.join(sorted(known))}",
        )
    return known[name]


def delivered(
    workspace: Workspace, names: Iterable[TableName], partitions: Sequence[Partition]
) -> list[Partition]:
    """Name the partitions for which one of some sources has its file on this machine."""
    sources = [workspace.config.sources[n.name] for n in sorted(names)]
    return [p for p in partitions if any(_is_here(workspace, s, p) for s in sources)]


def _is_here(workspace: Workspace, source: SourceConfig, partition: Partition) -> bool:
    connector = workspace.connectors[source.connector]
    request = _request(workspace, source, partition)
    return isinstance(connector, OnDisk) and connector.is_here(request)


def _request(workspace: Workspace, source: SourceConfig, partition: Partition | None) -> Request:
    """Ask for what a source has for a date, or for all of it, with its options filled in."""
    rendered = _rendered(source, partition, workspace.variables)
    window = partition.start if partition else None
    return Request(rendered, window, workspace.root, clock=workspace.now)


def extract(
    workspace: Workspace,
    sources: Iterable[SourceConfig],
    dates: Sequence[date],
    *,
    report: Callable[[Result], None],
    wait: bool = False,
    force: bool = False,
) -> tuple[str, list[Result]]:
    """Land each source for each date; give the run's id and how each step ended.

    The same bytes as last time are not landed again, unless by `force`. A date for which a source
    has nothing ends as `missing`, which is for the caller to judge.

    Raises:
        Busy: another live run is landing one of the same dates, and `wait` is off.
    """
    cells = list(_cells(sources, dates, workspace.variables))
    names = [(TableName(RAW, source.name), partition) for source, partition in cells]
    with begin(workspace, "extract", names, wait=wait) as context:
        engine = context.engine(remote=False)
        nearest = Nearest(context.lake)
        results: list[Result] = []
        for source, partition in cells:
            cell = (source, partition)
            outcome = _step(context, engine, nearest, cell=cell, force=force)
            report(context.apply(outcome))
            results.append(outcome.result)
        return context.run.id, results


def undelivered(results: Sequence[Result], *, single: bool) -> tuple[list[Result], list[Partition]]:
    """Name what no source has: as failures, or of a range of which something came, by date."""
    missing = [r for r in results if r.status is Status.MISSING]
    if single or len(missing) == len(results):
        return missing, []
    return [], sorted({r.partition for r in missing if r.partition})


def exit_code(results: Sequence[Result], *, single: bool) -> int:
    """Choose the exit code; dates missing from a range are no error unless nothing came at all."""
    missing, _ = undelivered(results, single=single)
    return worst((SourceMissing.exit_code if missing else 0, code_of(results)))


def _cells(
    sources: Iterable[SourceConfig], dates: Sequence[date], variables: Mapping[str, str]
) -> Iterator[_Cell]:
    for source in sources:
        dated = source_is_partitioned(source, variables)
        yield from ((source, p) for p in of_table(dates, partitioned=dated))


_Cell = tuple[SourceConfig, Partition | None]


def _step(
    context: Context, engine: Engine, nearest: Nearest, *, cell: _Cell, force: bool
) -> Outcome:
    source, partition = cell
    began = time.monotonic()
    try:
        with about(f"{RAW}.{source.name}"), _folder(context.run.scratch / source.name) as into:
            outcome = _landed(context, engine, nearest, cell=cell, into=into, force=force)
    except NomadError as e:
        status = Status.MISSING if isinstance(e, SourceMissing) else Status.FAILED
        retried = OUT_OF_MEMORY if isinstance(e, OutOfMemory) else None
        table = TableName(RAW, source.name)
        outcome = Outcome(Result(table, partition, status, e.what, error=e, retried=retried))
    seconds = time.monotonic() - began
    return outcome._replace(result=outcome.result._replace(seconds=seconds))


@contextmanager
def _folder(path: Path) -> Iterator[Path]:
    """Have a folder for a while."""
    with translated(str(path)):
        path.mkdir()
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def _landed(
    context: Context, engine: Engine, nearest: Nearest, *, cell: _Cell, into: Path, force: bool
) -> Outcome:
    given, partition = cell
    table = TableName(RAW, given.name)
    over = context.lake.over(table, partition, healing=force)
    last = over.manifest if over and not force else None
    request = _request(context.workspace, given, partition)
    recipe_hash = digest(given.connector, repr(sorted(given.written.items())))
    if last and _is_comparable(last, recipe_hash):
        request = replace(request, previous=Previous(last.files[0].sha256))
    landed = _fetched(context.workspace.connectors[given.connector], request, into)
    if last and landed is None:
        return Outcome(_fresh(context, last))
    if landed is None:
        raise _missing(request)
    shape = _shape(request.source, partition, nearest.of(table, partition))
    staged, retried = _measured(engine, landed, shape)
    if last and last.content_hash == staged.content_hash:
        return Outcome(_fresh(context, last)._replace(retried=retried))
    new = added(staged.schema, shape)
    if new:
        _log.warning("%s: new since the version before: %s", shape.told, ", ".join(new))
    recipe = Recipe(recipe_hash, dialect=landed.dialect)
    manifest = context.publisher.describe((table, partition), staged, recipe)
    commit = context.publisher.publish(manifest, [Path(landed.path)], over)
    nearest.landed(table, partition)
    outcome = context.outcome(commit, _why(over, force=force))
    return outcome._replace(result=outcome.result._replace(retried=retried))


def _why(over: Over | None, *, force: bool) -> str:
    """Say why a source is landed."""
    if over is None or force:
        return "forced" if over else "never landed"
    return "the source changed" if over.manifest else GONE


def _fetched(connector: Connector, request: Request, into: Path) -> Landed | None:
    """Have a date's file brought, or that of all; None: the source has nothing new.

    Raises:
        StepFailed: the connector gave something else, or fell over: other sources go on.
    """
    who = f"source `{request.source.name}`: connector `{request.source.connector}`"
    try:
        landed = list(connector.fetch(request, into))
    except NomadError:
        raise
    except Exception as e:
        _log.exception("%s", who)
        raise StepFailed(
            f"{who} failed: {type(e).__name__}: {e}", hint="it is a fault of the connector's own"
        ) from e
    if not landed:
        return None
    (one, *others), wanted = landed, request.window
    whole = one.format in LANDED and one.path.resolve().is_relative_to(into.resolve())
    if others or one.window != wanted or not whole:
        gave = ", ".join(f"{f.path.name} for {f.window or 'all'}" for f in landed)
        raise StepFailed(
            f"{who} gave {gave}",
            hint=f"it is to give one file ({', '.join(LANDED)}) in the folder that it is given,"
            f" for {wanted or 'all'}",
        )
    return one


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


def _fresh(context: Context, last: Manifest) -> Result:
    return context.result(last, "the same bytes as before")._replace(status=Status.FRESH)


def _shape(source: SourceConfig, partition: Partition | None, near: Manifest | None) -> Shape:
    rename = source.options.get("rename")
    return Shape(
        source=source.name,
        told=str(source.options.get("path", source.name)),
        dated=partition is not None,
        rename={k: str(v) for k, v in rename.items()} if isinstance(rename, Mapping) else {},
        before=_columns(near) if near else (),
        may_drift=source.options.get("drift") == ALLOW,
    )


def _columns(near: Manifest) -> tuple[Column, ...]:
    """Give the columns of a version; JSON without a row tells none."""
    return () if near.schema == NO_ROWS and not near.row_count else near.schema


def _measured(engine: Engine, landed: Landed, shape: Shape) -> tuple[Staged, str | None]:
    """Measure what was landed; where memory runs out, once more with the least. Say so."""
    try:
        return measure(engine, landed, shape), None
    except OutOfMemory:
        return measure(engine, landed, shape, lean=True), OUT_OF_MEMORY


def _rendered(
    source: SourceConfig, partition: Partition | None, variables: Mapping[str, str]
) -> SourceConfig:
    """Fill in the date and the variables of a source's options."""

    def fill(text: str) -> str:
        text = render(text, variables, path=source.origin, sql=False)
        hide_in(text)
        text = spelled(text, lambda form: partition.spelled(form) if partition else form)
        return dated(text, partition)

    options = {k: filled(v, fill) for k, v in source.options.items()}
    return source._replace(options=options)
