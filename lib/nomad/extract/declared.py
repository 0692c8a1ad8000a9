"""What each connector says of itself, for people: one sentence, its options, what it needs."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from nomad.config.options import Option
from nomad.config.sources import COMMON
from nomad.errors import ConfigError, UnknownName
from nomad.extract.extras import Extra
from nomad.extract.registry import Registry
from nomad.names import did_you_mean


class Declared(NamedTuple):
    """A connector: the package that brings it, one sentence, and the extras that it may need.

    One that can't be loaded has its `fault` in place of the sentence.
    """

    name: str
    package: str
    sentence: str
    extras: Sequence[Extra] = ()
    options: Sequence[Option] = ()
    fault: ConfigError | None = None


class Listed(NamedTuple):
    """An option as it is listed: one within a group by its path, `paging.size` say."""

    name: str
    kind: str
    required: bool
    sentence: str


def every(registry: Registry) -> list[Declared]:
    """Tell of all connectors; one that can't be loaded hides no other."""
    return [_declared(registry, name) for name in registry]


def one(registry: Registry, name: str) -> Declared:
    """Tell of one connector.

    Raises:
        UnknownName: there is none of this name.
        ConfigError: it can't be loaded.
    """
    if name not in registry:
        hint = did_you_mean(name, registry) or f"there is: {', '.join(registry)}"
        raise UnknownName(f"no connector `{name}`", hint=hint)
    found = _declared(registry, name)
    if found.fault:
        raise found.fault
    return found


def _declared(registry: Registry, name: str) -> Declared:
    origin = registry.origin(name)
    try:
        connector = registry[name]
    except ConfigError as e:
        return Declared(name, origin.package, e.what, fault=e)
    text = sys.modules[origin.module].__doc__ or type(connector).__doc__ or ""
    extras: Sequence[Extra] = getattr(connector, "extras", ())
    return Declared(name, origin.package, _sentence(text), extras, connector.options)


def _sentence(text: str) -> str:
    """Take the first sentence of a docstring, without the name of the connector before it.

    Example:
        >>> _sentence("Connector `sql`: a table or a query.")
        'A table or a query.'
    """
    first = " ".join(text.strip().split("\n\n")[0].split())
    said = re.sub(r"^Connector `\w+`: *", "", first)
    return said[:1].upper() + said[1:]


def own(found: Declared) -> list[Listed]:
    """List the options of a connector, those within groups as well."""
    return list(_listed(found.options))


def common() -> list[Listed]:
    """List the options that every source has, whatever its connector."""
    return list(_listed(COMMON))


def _listed(options: Sequence[Option], above: str = "") -> Iterator[Listed]:
    for option in options:
        name = f"{above}{option.name}"
        yield Listed(name, option.kind.words, option.required, option.sentence)
        yield from _listed(option.kind.parts, f"{name}.")
