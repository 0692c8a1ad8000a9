"""Tells pieces that are older than what their source landed in another way since."""

from __future__ import annotations

from nomad.errors import ConfigError, CorruptManifest
from nomad.ingest.wanted import Landing
from nomad.lake import pieces
from nomad.lake.manifest import Facts
from nomad.partitions import Partition, folder


def refuse_outdated(landing: Landing) -> None:
    """See that nothing was published since partitions were last made of pieces, but such.

    A source that was landed whole or by date for a while has pieces from before that: partitions
    made of them would bring back old rows.

    Raises:
        ConfigError: something was.
    """
    context, table = landing.context, landing.table
    before = pieces.read_cut(context.store, table)
    if landing.force or not before.through:
        return
    context.lake.survey(table)
    for partition in (None, *context.lake.partitions(table)):
        facts = _facts(landing, partition)
        is_cut = facts is None or facts.sql_hash.startswith(pieces.CUT)
        if facts and not is_cut and facts.run_id > before.run:
            raise ConfigError(
                f"source `{landing.source.name}` was landed in another way since its parts were,"
                f" by run {facts.run_id}",
                where=landing.source.origin,
                hint=f"ask for all of it anew: nomad extract {landing.source.name} --force",
            )


def _facts(landing: Landing, partition: Partition | None) -> Facts | None:
    try:
        return landing.context.lake.facts(landing.table, folder(partition))
    except CorruptManifest:
        return None
