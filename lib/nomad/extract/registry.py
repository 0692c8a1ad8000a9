"""Connectors by name: those of `connectors`, and those that other packages bring along.

A package offers its own by an entry point of the group `nomad.connectors`. A connector is loaded
when it is first asked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from nomad.errors import ConfigError, page
from nomad.extract import connectors
from nomad.extract.base import Connector

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

GROUP = "nomad.connectors"


class Origin(NamedTuple):
    """The module that a connector is in, and the package that brings it."""

    module: str
    package: str


class Registry(Mapping[str, Connector]):
    """What is shipped first; of two that have one name, the one that is shipped."""

    def __getitem__(self, name: str) -> Connector:
        """Load a connector.

        Raises:
            KeyError: there is none of this name.
            ConfigError: it can't be loaded, or is none.
        """
        if name in _shipped():
            found = import_module(f"{connectors.__name__}.{name}").CONNECTOR
            assert isinstance(found, Connector)
            return found
        return _loaded(_installed()[name])

    def origin(self, name: str) -> Origin:
        """Tell where a connector comes from.

        Raises:
            KeyError: there is none of this name.
        """
        if name in _shipped():
            return Origin(f"{connectors.__name__}.{name}", "nomad-warehouse")
        entry = _installed()[name]
        return Origin(entry.module, entry.dist.name if entry.dist else "")

    def __iter__(self) -> Iterator[str]:
        """Name them all, without loading any."""
        yield from _shipped()
        yield from (n for n in sorted(_installed()) if n not in _shipped())

    def __len__(self) -> int:
        """Count them."""
        return len({*_shipped(), *_installed()})


CONNECTORS = Registry()


@cache
def _shipped() -> tuple[str, ...]:
    folders = map(Path, connectors.__path__)
    return tuple(sorted(p.stem for f in folders for p in f.glob("[a-z]*.py")))


@cache
def _installed() -> Mapping[str, EntryPoint]:
    from importlib.metadata import entry_points

    return {entry.name: entry for entry in entry_points(group=GROUP)}


def _loaded(entry: EntryPoint) -> Connector:
    try:
        found = entry.load()
    except Exception as e:  # whatever the other package raises when it is imported
        raise ConfigError(
            f"connector `{entry.name}` can't be loaded from {entry.value}: {type(e).__name__}: {e}",
            hint="install its package anew, or take it out",
        ) from e
    if not isinstance(found, Connector):
        raise ConfigError(
            f"connector `{entry.name}` ({entry.value}) is none: it lacks `options` or `fetch`",
            hint=f"{page('connectors.md')} has a whole one",
        )
    return found
