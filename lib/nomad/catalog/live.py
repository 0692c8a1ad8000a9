"""The schema `nomad` of the catalog as it is at this moment, in the session of one question."""

from __future__ import annotations

import tempfile
from collections.abc import Collection
from contextlib import closing
from pathlib import Path

from nomad.catalog import metadata
from nomad.catalog.maker import sifted
from nomad.catalog.metadata import Rows
from nomad.engine.instance import Session
from nomad.lake.lake import Lake
from nomad.lake.layout import JOURNAL, JOURNALS
from nomad.names import RAW, TableName
from nomad.project.project import Project

_OF_JOURNALS = {"runs", "tasks", "events", "backfill_progress"}
_OF_MANIFESTS = {"partitions", "columns", "checks", "freshness", "runs", "backfill_progress"}


def describe(
    session: Session, project: Project, lake: Lake, scratch: Path, *, words: Collection[str]
) -> None:
    """Make the schema in a session; of what it holds, what the `words` of a question may name.

    `scratch` is a folder that the session reads.
    """
    metadata.create(session)
    with (
        tempfile.TemporaryDirectory(prefix="nomad-schema-", dir=scratch) as folder,
        closing(Rows(Path(folder))) as rows,
    ):
        metadata.of_project(project, rows)
        if not _OF_MANIFESTS.isdisjoint(words):
            for name in (*(TableName(RAW, s) for s in project.config.sources), *project.order):
                metadata.of_table(lake.readable(name, partitioned=project.partitioned(name)), rows)
        if not _OF_JOURNALS.isdisjoint(words):
            found = lake.listing.every(JOURNALS, suffix=JOURNAL, fresh=True)
            for key, blob in found.items():
                rows.add_lines("events", sifted(key, blob.data))
        rows.load(session)
