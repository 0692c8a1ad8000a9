"""Connector `dlt`: a source or a resource of dlt, without its pipeline.

What dlt would keep in the state of a pipeline is the cursor; nothing of it is on this machine.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from nomad.config.options import MAP, TEXT, Held, Option
from nomad.errors import ConfigError, NomadError
from nomad.extract.base import Landed, Request
from nomad.extract.extras import Extra, needing
from nomad.extract.functions import at_work, function, is_named, refuse_unfit
from nomad.extract.returned import EMPTY, Returned
from nomad.names import counted, did_you_mean


class DltConnector:
    """Lands the rows of one resource."""

    options = (
        Option("source", "module:function of a source or a resource.", TEXT, True, is_named),
        Option("with", "Its parameters; they may hold $<…>.", MAP),
        Option("resource", "Whose rows are landed, where the source has several.", TEXT),
        EMPTY,
    )
    extras = (Extra("dlt", modules=("dlt",)),)

    def fetch(self, request: Request, into: Path) -> Iterator[Landed]:
        """Write all rows as one file; what dlt knows behind the last one is its cursor."""
        returned = Returned(request, into, str(request.source.options["source"]))
        with at_work(request.root), _state(request) as state:
            files = list(returned.files(_rows(_resource(request, returned), request)))
        cursor = _written(state) if state else None
        for file in files:
            yield replace(file.landed, cursor=cursor)
        if not files:
            yield from returned.nothing()

    def probe(self, request: Request) -> str:
        """Import the source and look at its resources, without asking for a row."""
        returned = Returned(request, request.root, str(request.source.options["source"]))
        with at_work(request.root), _state(request):
            found = _resource(request, returned)
        import dlt

        return f"dlt {dlt.__version__}, resource {found.name}"


CONNECTOR = DltConnector()


@contextmanager
def _state(request: Request) -> Iterator[dict[str, Any]]:
    """Have dlt find a state, as the last landing left it, and keep its own there.

    Raises:
        ConfigError: dlt is not installed, or finds no value for a parameter.
    """
    with needing("connector `dlt` needs the library dlt", "dlt"):
        from dlt.common.configuration.container import Container
        from dlt.common.configuration.exceptions import ConfigurationException
        from dlt.common.json import json as typed
        from dlt.common.pipeline import StateInjectableContext
    state = cast("dict[str, Any]", typed.typed_loads(request.cursor) if request.cursor else {})
    try:
        with Container().injectable_context(StateInjectableContext(state=cast("Any", state))):
            yield state
    except ConfigurationException as e:
        raise _lacking(request, e) from e


def _written(state: Mapping[str, Any]) -> str:
    """Write a state as text, from which its dates come back as dates."""
    from dlt.common.json import json as typed

    return str(typed.typed_dumps(state))


def _lacking(request: Request, e: Exception) -> ConfigError:
    told = [line.strip() for line in str(e).splitlines() if line.strip()]
    return ConfigError(
        f"source `{request.source.name}`: dlt: {'; '.join(told[:2])}",
        where=request.source.origin,
        hint="give it under `with:`, or by the environment as dlt spells it",
    )


# What is asked for -----------------------------------------------------------------------------


def _resource(request: Request, returned: Returned) -> Any:
    """Call the function, and choose the resource.

    Raises:
        ConfigError: there is no such function or resource, or several to choose from.
    """
    from dlt.common.configuration.exceptions import ConfigurationException

    given = cast("Mapping[str, Held]", request.source.options.get("with") or {})
    try:
        found = function(returned.name, request.root)
        return _chosen(found if _is_ready(found, given) else _called(found, given), request)
    except ConfigError as e:
        what = f"source `{request.source.name}`: {e.what}"
        raise e.replace(what=what, where=e.where or request.source.origin) from e.__cause__
    except (NomadError, ConfigurationException):
        raise
    except (Exception, SystemExit) as e:
        raise returned.failed(e) from e


def _is_ready(found: object, given: Mapping[str, Held]) -> bool:
    """Tell a resource that is to be read as it is."""
    from dlt.extract import DltResource

    return isinstance(found, DltResource) and not given


def _called(found: Any, given: Mapping[str, Held]) -> Any:
    refuse_unfit(found, (), given)
    return found(**given)


def _chosen(found: Any, request: Request) -> Any:
    from dlt.extract import DltResource, DltSource

    name = request.source.options.get("resource")
    if isinstance(found, DltSource):
        return _of_source(found, name)
    if not isinstance(found, DltResource):
        raise ConfigError(f"it gives a `{type(found).__name__}`, not a source or resource of dlt")
    if name not in (None, found.name):
        raise ConfigError(f"`resource: {name}` isn't there: it is the resource `{found.name}`")
    return found


def _of_source(found: Any, name: object) -> Any:
    names = list(found.selected_resources)
    if name is None and len(names) == 1:
        name = names[0]
    if name is None:
        raise ConfigError(
            f"it has {counted(len(names), 'resource')}: {', '.join(names)}",
            hint="choose one by `resource:`, and write a source for each",
        )
    if name not in found.resources:
        raise ConfigError(
            f"it has no resource `{name}`",
            hint=did_you_mean(str(name), found.resources)
            or f"there is: {', '.join(found.resources)}",
        )
    return found.with_resources(name)


def _rows(found: Iterable[object], request: Request) -> Iterator[object]:
    """Give what a resource yields; its errors are those of the code, not of dlt around it."""
    from dlt.common.configuration.exceptions import ConfigurationException
    from dlt.extract.exceptions import ResourceExtractionError

    try:
        yield from found
    except ConfigurationException as e:
        raise _lacking(request, e) from e
    except ResourceExtractionError as e:
        cause = e.__cause__ or e
        if isinstance(cause, ConfigurationException):
            raise _lacking(request, cause) from cause
        raise cause from None
