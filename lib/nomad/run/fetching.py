"""What a connector is asked, with the options of its source filled in; and what it gives."""

from __future__ import annotations

import logging
import re
from collections.abc import Generator, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import NamedTuple

from nomad.config.options import filled as filled_in
from nomad.config.sources import ALLOW, SourceConfig, spelled
from nomad.errors import NomadError, StepFailed, hide_in
from nomad.extract.base import Connector, Landed, Request
from nomad.extract.columns import Shape
from nomad.extract.formats import LANDED
from nomad.partitions import Partition
from nomad.schema import Column
from nomad.sqlfile.variables import dated, render
from nomad.workspace import Workspace

_log = logging.getLogger(__name__)


class Each(NamedTuple):
    """A part of a source, as `$<EACH>` in its options; of a month or a year also its days."""

    name: str = ""
    first: date | None = None
    last: date | None = None


ALL = Each()


def request(
    workspace: Workspace, source: SourceConfig, partition: Partition | None, part: Each = ALL
) -> Request:
    """Ask for a date, a part, or (None) all of a source, with its options filled in."""
    rendered = _rendered(source, partition, part, workspace.variables)
    window = partition.start if partition else part.name or None
    return Request(
        rendered, window, workspace.root, clock=workspace.now, variables=workspace.variables
    )


def _rendered(
    source: SourceConfig, partition: Partition | None, part: Each, variables: Mapping[str, str]
) -> SourceConfig:
    """Fill in the date, the part and the variables of a source's options."""

    def fill(text: str) -> str:
        text = _LATER.sub("\0\\1\0", _with_part(text, part))
        text = render(text, variables, path=source.origin, sql=False)
        text = _HELD_BACK.sub(r"$<\1>", text)
        hide_in(text)
        text = spelled(text, lambda form: partition.spelled(form) if partition else form)
        return dated(text, partition)

    return source._replace(options={k: filled_in(v, fill) for k, v in source.options.items()})


_LATER = re.compile(r"\$<(WATERMARK|UNTIL)>", re.IGNORECASE)
_HELD_BACK = re.compile("\0(WATERMARK|UNTIL)\0", re.IGNORECASE)
"""What a connector fills in by itself, and what stands for it meanwhile."""

_EACH = re.compile(r"\$<EACH(_FIRST|_LAST)?(?::([^>]*))?>")


def _with_part(text: str, part: Each) -> str:
    """Put the part where `$<EACH>` stands, and its days for `$<EACH_FIRST>`, `$<EACH_LAST:%Y>`."""

    def value(found: re.Match[str]) -> str:
        which, form = found[1], found[2]
        day = part.last if which == "_LAST" else part.first
        if which is None and form is None:
            return part.name
        return day.strftime(form or "%Y-%m-%d") if day else found[0]

    return _EACH.sub(value, text)


def shape_of(
    source: SourceConfig, partition: Partition | None, *, before: tuple[Column, ...] = ()
) -> Shape:
    """Say what is known of a source's file beforehand."""
    rename = source.options.get("rename")
    return Shape(
        source=source.name,
        told=str(source.options.get("path", source.name)),
        dated=partition is not None or "dt" in source.options,
        rename={k: str(v) for k, v in rename.items()} if isinstance(rename, Mapping) else {},
        before=before,
        may_drift=source.options.get("drift") == ALLOW,
        types=types_of(source),
    )


def types_of(source: SourceConfig) -> dict[str, str]:
    """Give the types that a source declares for its columns, as they are written."""
    types = source.options.get("columns")
    return {k: str(v) for k, v in types.items()} if isinstance(types, Mapping) else {}


def delivered(connector: Connector, asked: Request, into: Path) -> Generator[Landed, None, None]:
    """Have files brought, each as soon as it is whole.

    Raises:
        StepFailed: the connector gave something else, or fell over: other sources go on.
    """
    try:
        for file in connector.fetch(asked, into):
            _refuse_odd(file, asked, into)
            yield file
    except NomadError:
        raise
    except Exception as e:
        _log.exception("%s", _who(asked))
        raise StepFailed(
            f"{_who(asked)} failed: {type(e).__name__}: {e}",
            hint="it is a fault of the connector's own",
        ) from e


def _refuse_odd(file: Landed, asked: Request, into: Path) -> None:
    if file.format not in LANDED or not (
        file.path.parent == into or file.path.resolve().is_relative_to(into.resolve())
    ):
        raise odd([file], asked)


def odd(landed: Sequence[Landed], asked: Request) -> StepFailed:
    """Say that a connector gave what it wasn't asked for."""
    gave = ", ".join(f"{f.path.name} for {f.window or 'all'}" for f in landed)
    return StepFailed(
        f"{_who(asked)} gave {gave}",
        hint=f"it is to give files of one kind ({', '.join(LANDED)}) in the folder that it has,"
        f" for {asked.window or 'all'}",
    )


def _who(asked: Request) -> str:
    return f"source `{asked.source.name}`: connector `{asked.source.connector}`"
