"""Connector `python`: what a function of the project gives.

Dicts land as lines of JSON, tables and data frames as Parquet, files as they are.
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import cast

from nomad.config.options import MAP, TEXT, Held, Option
from nomad.errors import ConfigError, NomadError
from nomad.extract import clock
from nomad.extract.base import Bounds, Landed, Request
from nomad.extract.context import Context
from nomad.extract.extras import Extra
from nomad.extract.functions import at_work, function, is_named, refuse_unfit
from nomad.extract.returned import EMPTY, File, Returned


class PythonConnector:
    """Calls a function, and lands what it returns or yields."""

    paged = True
    options = (
        Option("call", "module:function, from the project's folder.", TEXT, True, is_named),
        Option("with", "Its parameters, beside the context; they may hold $<…>.", MAP),
        EMPTY,
    )
    extras = (Extra("arrow", "tables and data frames", ("pyarrow",)),)

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
            yield from call.returned.nothing()

    def bounds(self, request: Request) -> Bounds:
        """Give those that the clock gives: the function is asked with `watermark` and `until`."""
        return clock.bounds(request)

    def probe(self, request: Request) -> str:
        """Import the function and look at its parameters, without calling it."""
        with at_work(request.root):
            found = Call(request, request.root).function()
            line = inspect.getsourcelines(found)[1] if inspect.isfunction(found) else None
        return f"function {request.source.options['call']}{f', line {line}' if line else ''}"


CONNECTOR = PythonConnector()


class Call:
    """One call of a source's function."""

    def __init__(self, request: Request, into: Path) -> None:
        self.request = request
        self.into = into
        self.returned = Returned(request, into, str(request.source.options["call"]))
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
            until=request.until,
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
        except NomadError:
            raise
        except (Exception, SystemExit) as e:
            raise self.returned.failed(e) from e
        return self.returned.files(value)
