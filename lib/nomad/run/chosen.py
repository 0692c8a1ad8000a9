"""Which sources are meant, and for which dates they have something on this machine."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from nomad.config.sources import SourceConfig
from nomad.errors import ConfigError, UnknownName
from nomad.extract.base import OnDisk
from nomad.names import RAW, TableName, did_you_mean
from nomad.partitions import Partition
from nomad.run import fetching
from nomad.workspace import Workspace


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


def delivered(
    workspace: Workspace, names: Iterable[TableName], partitions: Sequence[Partition]
) -> list[Partition]:
    """Name the partitions for which one of some sources has its file on this machine.

    Whether a source in parts has rows of a date, its files don't tell; once it is landed, it does.
    """
    sources = [
        source
        for source in (workspace.config.sources[n.name] for n in sorted(names))
        if not (source.in_parts and any(workspace.lake.partitions(TableName(RAW, source.name))))
    ]
    return [p for p in partitions if any(_is_here(workspace, s, p) for s in sources)]


def _is_here(workspace: Workspace, source: SourceConfig, partition: Partition) -> bool:
    connector = workspace.connectors[source.connector]
    asked = fetching.request(workspace, source, partition)
    return isinstance(connector, OnDisk) and connector.is_here(asked)
