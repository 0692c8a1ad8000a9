"""Libraries that come with an extra: where one is not installed, what to install is said.

A connector says in `extras` which it needs: `nomad connectors` tells of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import NamedTuple

from nomad.config.sources import SourceConfig
from nomad.engine.extensions import packaged
from nomad.errors import ConfigError


class Extra(NamedTuple):
    """An extra of nomad's package, by the modules and the extensions of DuckDB that it brings.

    `of` says what of a connector needs it; empty where nothing goes without.
    """

    name: str
    of: str = ""
    modules: tuple[str, ...] = ()
    extensions: tuple[str, ...] = ()

    @property
    def command(self) -> str:
        """What installs it."""
        return f"pip install 'nomad-warehouse[{self.name}]'"

    @property
    def is_installed(self) -> bool:
        """Tell whether all of it is there, without importing it."""
        return all(map(_is_there, self.modules)) and all(map(packaged, self.extensions))


def _is_there(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # the package around it
        return False


@contextmanager
def needing(what: str, extra: str, source: SourceConfig | None = None) -> Iterator[None]:
    """Import a library within; `what` says who needs which, `source` is whose options ask for it.

    Raises:
        ConfigError: it is not installed; the hint names the extra.
    """
    try:
        yield
    except ImportError as e:
        raise ConfigError(
            f"source `{source.name}`: {what}" if source else what,
            where=source.origin if source else None,
            hint=f"pip install 'nomad-warehouse[{extra}]'",
        ) from e
