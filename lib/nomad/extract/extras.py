"""Libraries that come with an extra: where one is not installed, what to install is said."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from nomad.config.sources import SourceConfig
from nomad.errors import ConfigError


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
