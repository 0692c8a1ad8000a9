"""What a project's code gives, as files: dicts, tables and data frames, paths, one kind of them."""

from __future__ import annotations

import inspect
import logging
import os
import shutil
from collections.abc import Iterator, Mapping
from itertools import chain, groupby, islice
from pathlib import Path
from typing import NamedTuple, cast

from nomad.config.options import Option, one_of
from nomad.config.sources import ALLOW, REFUSE
from nomad.errors import ConfigError, NomadError, Refused, SourceMissing, StepFailed
from nomad.extract import frames, lines
from nomad.extract.base import Landed, Request
from nomad.extract.context import Rows, given, is_frame
from nomad.extract.formats import KINDS, LANDED, suffix
from nomad.extract.functions import place
from nomad.files import translated

_log = logging.getLogger(__name__)

EMPTY = Option("empty", "allow: nothing is no error.", one_of(REFUSE, ALLOW))

ROWS, FRAMES, FILE, END = "rows", "tables", "files", ""
"""Kinds of what is given; the last one ends a file before more is asked for."""


class File(NamedTuple):
    """A file, and how many rows it has at least."""

    landed: Landed
    rows: int


class Item(NamedTuple):
    """Something that was given: what it is, the file that it goes into, where it ended."""

    kind: str
    number: int
    value: object
    cursor: str | None


class Returned:
    """Writes what is given into a folder; `name` is that of the function."""

    def __init__(self, request: Request, into: Path, name: str) -> None:
        self.request = request
        self.into = into
        self.name = name

    def files(self, value: object) -> Iterator[File]:
        """Give files, each as soon as it is whole."""
        first: str | None = None
        items = self._items(value)
        for (number, kind), group in groupby(items, key=lambda i: (i.number, i.kind)):
            if kind == END:
                continue
            if kind != (first := first or kind):
                raise self._odd(f"gives {first}, then {kind}: one kind for all")
            head = next(group)
            values = (item.value for item in chain((head,), group))
            path, rows = self._write(kind, number, values)
            if rows or self.request.source.options.get(EMPTY.name) == ALLOW:
                yield File(Landed(path, self.request.window, cursor=head.cursor), rows)

    def nothing(self) -> Iterator[Landed]:
        """Say that nothing came, where that is an error; or give no row.

        Behind a cursor nothing is given: it would be lost by that.

        Raises:
            SourceMissing: it is one.
        """
        request = self.request
        if request.cursor is not None:
            return
        if request.source.options.get(EMPTY.name) == ALLOW:
            path = self.into / "none.json"
            path.touch()
            yield Landed(path, request.window)
        elif request.watermark is None:
            day = f" for {request.window}" if request.window else ""
            raise SourceMissing(
                f"source `{request.source.name}` has nothing{day}: its function gave no row",
                where=request.source.origin,
                hint="check the date (a holiday?), or say `empty: allow`",
            )

    def failed(self, e: BaseException) -> StepFailed:
        """Say where the project's code failed; its traceback goes to the log."""
        _log.error("source `%s`: `%s` failed", self.request.source.name, self.name, exc_info=e)
        return StepFailed(
            f"source `{self.request.source.name}`: `{self.name}` failed: {type(e).__name__}: {e}",
            where=place(e.__traceback__, self.request.root),
            hint="its traceback is above",
        )

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
            except NomadError:
                raise
            except (Exception, SystemExit) as e:
                raise self.failed(e) from e
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

    def _odd(self, what: str) -> Refused:
        return Refused(
            f"source `{self.request.source.name}`: `{self.name}` {what}",
            where=self.request.source.origin,
            hint="it may give dicts, lists of them, Arrow tables, data frames or paths",
        )
