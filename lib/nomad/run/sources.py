"""Lands what the sources deliver, date by date, by the same publish as any table."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path

from nomad.config.sources import SourceConfig, spelled
from nomad.engine.duck import Engine, Staged
from nomad.errors import ConfigError, NomadError, OutOfMemory, SourceMissing, UnknownName, hide_in
from nomad.extract import base as port
from nomad.extract.file import FileConnector
from nomad.freshness import GONE
from nomad.layout import Over
from nomad.manifest import digest
from nomad.names import RAW, TableName, did_you_mean
from nomad.partition import Partition
from nomad.project import source_is_partitioned
from nomad.requests import about
from nomad.run.attempt import Attempt, attempt
from nomad.run.result import FAILED, FRESH, MISSING, OUT_OF_MEMORY, PUBLISHED, Result
from nomad.sqlfile.variables import dated, render
from nomad.store.local import translated
from nomad.workspace import Workspace

CONNECTORS: Mapping[str, port.Connector] = {"file": FileConnector()}


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


def delivered(workspace: Workspace, names: Iterable[TableName], days: Sequence[date]) -> list[date]:
    """Name the dates for which one of some sources has its file on this machine."""
    sources = [workspace.config.sources[n.name] for n in sorted(names)]
    return [day for day in days if any(_is_here(workspace, s, day) for s in sources)]


def _is_here(workspace: Workspace, source: SourceConfig, day: date) -> bool:
    path = str(_rendered(source, day, workspace.variables).options.get("path", ""))
    return bool(path) and "://" not in path and (workspace.root / path).is_file()


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
    cells = list(_cells(sources, dates))
    names = [(TableName(RAW, source.name), partition) for source, partition in cells]
    with attempt(workspace, "extract", names, wait=wait) as going:
        engine = going.engine(remote=False)
        results: list[Result] = []
        for source, partition in cells:
            result = _step(going, engine, source, partition, force=force)
            report(going.note(result))
            going.renew()
            results.append(result)
        return going.run_id, results


def _cells(
    sources: Iterable[SourceConfig], dates: Sequence[date]
) -> Iterator[tuple[SourceConfig, Partition]]:
    for source in sources:
        for partition in dates if source_is_partitioned(source) else (None,):
            yield source, partition


def _step(
    going: Attempt, engine: Engine, source: SourceConfig, partition: Partition, *, force: bool
) -> Result:
    began = time.monotonic()
    try:
        with about(f"{RAW}.{source.name}"), _folder(going.scratch / source.name) as into:
            result = _landed(going, engine, source, partition, into, force=force)
    except NomadError as e:
        status = MISSING if isinstance(e, SourceMissing) else FAILED
        retried = OUT_OF_MEMORY if isinstance(e, OutOfMemory) else None
        table = TableName(RAW, source.name)
        result = Result(table, partition, status, e.what, error=e, retried=retried)
    return result._replace(seconds=time.monotonic() - began)


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
    going: Attempt,
    engine: Engine,
    source: SourceConfig,
    partition: Partition,
    into: Path,
    *,
    force: bool,
) -> Result:
    table = TableName(RAW, source.name)
    over = going.lake.over(table, partition, healing=force)
    given = _rendered(source, partition, going.workspace.variables)
    landed = CONNECTORS[source.connector].fetch(given, partition, into, going.workspace.root)
    told = str(given.options.get("path", source.name))
    staged, retried = _measured(engine, landed, told)
    recipe = digest(source.connector, repr(sorted(source.written.items())))
    manifest = going.manifest(table, partition, staged, sql_hash=recipe, dialect=landed.dialect)
    result = Result(
        table,
        partition,
        FRESH,
        "the same bytes as before",
        row_count=staged.rows,
        file_count=1,
        bytes=staged.bytes,
        location=going.location(table, partition),
        retried=retried,
    )
    same = over and over.manifest and over.manifest.content_hash == staged.content_hash
    if same and not force:
        return result
    going.publish(manifest, [Path(landed.path)], over)
    reason = _why(over, force=force)
    return result._replace(status=PUBLISHED, reason=reason)


def _why(over: Over | None, *, force: bool) -> str:
    """Say why a source is landed."""
    if over is None or force:
        return "forced" if over else "never landed"
    return "the source changed" if over.manifest else GONE


def _measured(engine: Engine, landed: port.Landed, told: str) -> tuple[Staged, str | None]:
    """Measure what was landed; where memory runs out, once more with the least. Say so."""
    try:
        return port.measure(engine, landed, source=told), None
    except OutOfMemory:
        return port.measure(engine, landed, source=told, lean=True), OUT_OF_MEMORY


def _rendered(
    source: SourceConfig, partition: Partition, variables: Mapping[str, str]
) -> SourceConfig:
    """Fill in the date and the variables of a source's options."""

    def filled(text: str) -> str:
        text = spelled(text, lambda form: partition.strftime(form) if partition else form)
        text = dated(render(text, variables, path=source.origin, sql=False), partition)
        hide_in(text)
        return text

    options = {k: filled(v) if isinstance(v, str) else v for k, v in source.options.items()}
    return source._replace(options=options)
