"""Connector `python`: what a function of the project gives.

Dicts land as lines of JSON, tables and data frames as Parquet, files as they are.
"""

from __future__ import annotations

import inspect
import logging
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date
from itertools import chain, groupby, islice
from pathlib import Path
from typing import NamedTuple, cast

from nomad.config.options import MAP, TEXT, Held, Option, one_of
from nomad.config.sources import ALLOW, REFUSE
from nomad.errors import ConfigError, NomadError, Refused, SourceMissing, StepFailed
from nomad.extract import frames, lines
from nomad.extract.base import Landed, Request
from nomad.extract.context import Context, Rows, given, is_frame
from nomad.extract.formats import KINDS, LANDED, suffix
from nomad.extract.functions import at_work, function, is_named, place, refuse_unfit
from nomad.files import translated

_log = logging.getLogger(__name__)

ROWS, FRAMES, FILE, END = "rows", "tables", "files", ""
"""Kinds of what a function gives; the last one ends a file before more is asked for."""


class PythonConnector:
    """Calls a function, and lands what it returns or yields."""

    options = (
        Option("call", "module:function, from the project's folder.", TEXT, True, is_named),
        Option("with", "Its parameters, beside the context; they may hold $<…>.", MAP),
        Option("empty", "allow: nothing is no error.", one_of(REFUSE, ALLOW)),
    )

    def fetch(self, request: Request, into: Path) -> Iterator[Landed]:
        """Call it, and write what it gives; code of the project runs while nothing else does."""
        call = Call(request, into)
        with at_work(request.root):
            files = call.files()
        landed = rows = 0
        while request.limit is None or rows < request.limit:
            with at_work(request.root):
                file = next(files, None)
            if file is None:
                break
            landed, rows = landed + 1, rows + file.rows
            yield file.landed
        if not landed:
            yield from call.nothing()

    def probe(self, request: Request) -> str:
        """Import the function and look at its parameters, without calling it."""
        with at_work(request.root):
            found = Call(request, request.root).function()
            line = inspect.getsourcelines(found)[1] if inspect.isfunction(found) else None
        return f"function {request.source.options['call']}{f', line {line}' if line else ''}"


CONNECTOR = PythonConnector()


class File(NamedTuple):
    """A file, and how many rows it has at least."""

    landed: Landed
    rows: int


class Item(NamedTuple):
    """Something that a function gave: what it is, the file that it goes into, where it ended."""

    kind: str
    number: int
    value: object
    cursor: str | None


class Call:
    """One call of a source's function."""

    def __init__(self, request: Request, into: Path) -> None:
        self.request = request
        self.into = into
        self.options = cast("Mapping[str, Held]", request.source.options.get("with") or {})

    def function(self) -> Callable[..., object]:
        """Import the function, and refuse parameters that it doesn't take.

        Raises:
            ConfigError: it is not there, or takes others.
        """
        try:
            found = function(str(self.request.source.options["call"]), self.request.root)
            refuse_unfit(found, (self.context(),), self.options)
        except ConfigError as e:
            what = f"source `{self.request.source.name}`: {e.what}"
            raise e.replace(what=what, where=e.where or self.request.source.origin) from e.__cause__
        return found

    def context(self) -> Context:
        """Tell what is asked for."""
        request = self.request
        window = request.window
        return Context(
            source=request.source.name,
            date=window if isinstance(window, date) else None,
            piece=window if isinstance(window, str) else None,
            watermark=request.watermark,
            cursor=request.cursor,
            variables=request.variables,
            options=self.options,
            root=request.root,
            folder=self.into,
            logger=logging.getLogger(f"nomad.source.{request.source.name}"),
            limit=request.limit,
        )

    def files(self) -> Iterator[File]:
        """Give files, each as soon as it is whole; the function is called at once."""
        called = self.function()
        try:
            value = called(self.context(), **self.options)
        except (Exception, SystemExit) as e:
            raise self._failed(e) from e
        return self._written(self._items(value))

    def _written(self, items: Iterable[Item]) -> Iterator[File]:
        first: str | None = None
        for (number, kind), group in groupby(items, key=lambda i: (i.number, i.kind)):
            if kind == END:
                continue
            if kind != (first := first or kind):
                raise self._odd(f"gives {first}, then {kind}: one kind for all")
            head = next(group)
            values = (item.value for item in chain((head,), group))
            path, rows = self._write(kind, number, values)
            if rows or self.request.source.options.get("empty") == ALLOW:
                yield File(Landed(path, self.request.window, cursor=head.cursor), rows)

    def _write(self, kind: str, number: int, values: Iterator[object]) -> tuple[Path, int]:
        limit = self.request.limit
        path = self.into / f"{kind}-{number}.{'json' if kind == ROWS else 'parquet'}"
        try:
            with translated(str(path)):
                if kind == FILE:
                    return self._file(cast("str | os.PathLike[str]", next(values)), number), 1
                if kind == ROWS:
                    return path, lines.write(path, islice(values, limit))
                return path, frames.write(path, values, limit)
        except lines.Odd as e:
            raise self._odd(str(e)) from e
        except ConfigError as e:
            raise e.replace(where=e.where or self.request.source.origin) from e.__cause__

    # What it gives -----------------------------------------------------------------------------

    def _items(self, value: object) -> Iterator[Item]:
        """Walk through all that is given, flat; `Rows` and a path are a file of their own."""
        number = 0
        for part in self._pulled(value):
            alone = isinstance(part, (Rows, str, os.PathLike))
            number += alone
            yield from self._parts(part, number)
            if alone:
                number += 1
                yield Item(END, number, None, None)

    def _parts(self, part: object, number: int) -> Iterator[Item]:
        if not isinstance(part, Rows):
            yield from self._item(part, number, None)
            return
        if not isinstance(part.cursor, str | None):
            raise self._odd(f"gives a cursor that is no text: {part.cursor!r}")
        for inner in self._pulled(part.rows):
            yield from self._item(inner, number, part.cursor)

    def _item(self, value: object, number: int, cursor: str | None) -> Iterator[Item]:
        if isinstance(value, Mapping):
            yield Item(ROWS, number, value, cursor)
        elif is_frame(value):
            yield Item(FRAMES, number, value, cursor)
        elif isinstance(value, (str, os.PathLike)):
            yield Item(FILE, number, value, cursor)
        elif isinstance(value, (list, tuple)):
            for inner in value:
                yield from self._item(inner, number, cursor)
        elif value is not None:
            hint = ": has it an `await`?" if inspect.isawaitable(value) else ""
            raise self._odd(f"gives a `{type(value).__name__}`{hint}")

    def _pulled(self, value: object) -> Iterator[object]:
        """Take what is given one by one; only here, and in the call, the project's code runs."""
        found = iter(given(value))
        while True:
            try:
                part = next(found)
            except StopIteration:
                return
            except (Exception, SystemExit) as e:
                raise self._failed(e) from e
            yield part

    def _file(self, given_path: str | os.PathLike[str], number: int) -> Path:
        """Take a file of the folder, or copy one of the project's."""
        path = (self.request.root / given_path).resolve()
        if not path.is_file():
            raise SourceMissing(
                f"source `{self.request.source.name}`: its function gives a file that is not there",
                where=str(path),
            )
        kind = KINDS.get(suffix(path.name), "")
        if kind not in LANDED or suffix(path.name) in (".txt", ".tsv"):
            raise self._odd(f"gives `{path.name}`: a file is to be {', '.join(LANDED)}")
        if path.is_relative_to(self.into.resolve()):
            return path if path.suffix == f".{kind}" else path.rename(path.with_suffix(f".{kind}"))
        if not path.is_relative_to(self.request.root.resolve()):
            raise self._odd(f"gives a file outside of the project, {path}: write into `folder`")
        return Path(shutil.copyfile(path, self.into / f"{FILE}-{number}.{kind}"))

    # What goes wrong ---------------------------------------------------------------------------

    def nothing(self) -> Iterator[Landed]:
        """Say that nothing came, where that is an error; or give no row.

        Raises:
            SourceMissing: it is one.
        """
        request = self.request
        if request.source.options.get("empty") == ALLOW:
            path = self.into / "none.json"
            path.touch()
            yield Landed(path, request.window)
        elif request.watermark is None and request.cursor is None:
            day = f" for {request.window}" if request.window else ""
            raise SourceMissing(
                f"source `{request.source.name}` has nothing{day}: its function gave no row",
                where=request.source.origin,
                hint="check the date (a holiday?), or say `empty: allow`",
            )

    def _odd(self, what: str) -> Refused:
        name = self.request.source.options["call"]
        return Refused(
            f"source `{self.request.source.name}`: `{name}` {what}",
            where=self.request.source.origin,
            hint="it may give dicts, lists of them, Arrow tables, data frames or paths",
        )

    def _failed(self, e: BaseException) -> NomadError:
        """Say where the project's code failed; its traceback goes to the log."""
        if isinstance(e, NomadError):
            return e
        name = self.request.source.options["call"]
        _log.error("source `%s`: `%s` failed", self.request.source.name, name, exc_info=e)
        return StepFailed(
            f"source `{self.request.source.name}`: `{name}` failed: {type(e).__name__}: {e}",
            where=place(e.__traceback__, self.request.root),
            hint="its traceback is above",
        )
