"""What is published right now: manifests by table and date. Reads only.

The manifest decides; no file is looked for that none names. What is read of a partition whose
manifest can't be read raises `CorruptManifest`; what lists a table goes around it and says so.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Mapping
from functools import partial
from threading import RLock
from typing import TypeVar

from nomad.dates import Span
from nomad.engine.scan import Files
from nomad.errors import CorruptManifest, MissingPartition
from nomad.hashing import digest
from nomad.lake import scans
from nomad.lake.decoding import lying_at
from nomad.lake.fingerprints import FORM, Fingerprints, facts_of
from nomad.lake.layout import MANIFEST, belongs, manifest_in, manifest_key, partition_of
from nomad.lake.listing import Listing
from nomad.lake.manifest import ABSENT, Broken, Facts, Input, Manifest, Over, Published, as_input
from nomad.names import TableName
from nomad.partitions import Partition, folder, folder_named, from_folder, of_days
from nomad.store.base import Blob, Store

_log = logging.getLogger(__name__)
_T = TypeVar("_T")

_FEW_DAYS = 62
"""Up to so many days are asked for one by one; a longer span lists the table's folder."""

_Found = Published | CorruptManifest | None


class Lake:
    """The published state behind a store.

    `remember` keeps each manifest once read, for as long as one command looks at one moment.
    """

    def __init__(
        self, store: Store, *, listing: Listing | None = None, remember: bool = False
    ) -> None:
        self.store = store
        self.listing = listing.over(store) if listing else Listing(store)
        self._kept: dict[str, _Found] | None = {} if remember else None
        self._listed: dict[TableName, dict[Partition, Published | CorruptManifest]] = {}
        self._beside: dict[TableName, Collection[str]] = {}
        self._told: set[str] = set()
        self._stamps: dict[TableName, dict[str, str]] = {}
        self._parsed: dict[str, Published] = {}
        self._looking = RLock()
        self._fingerprints: dict[TableName, Fingerprints] = {}
        self._by_text: dict[str, Fingerprints] = {}

    def remembering(self) -> Lake:
        """Give a view of this lake that reads each manifest once."""
        view = Lake(self.store, listing=self.listing, remember=True)
        view._parsed, view._told = self._parsed, self._told
        return view

    def published(self, table: TableName, partition: Partition | None) -> Published | None:
        """Give what is published of a partition, or None.

        Raises:
            LakeError: the lake can't be reached, or the manifest can't be read.
        """
        found = self._found(manifest_key(table, partition))
        if isinstance(found, CorruptManifest):
            raise CorruptManifest.of([found])
        return found

    def _found(self, key: str) -> _Found:
        if self._kept is None:
            return self._read(key, self.store.read(key))
        return self._kept[key] if key in self._kept else self._many([key])[key]

    def over(self, table: TableName, partition: Partition | None, *, healing: bool) -> Over | None:
        """Give what a commit is to replace; `healing`, also where no reader can use it.

        Raises:
            CorruptManifest: its manifest can't be read, and that is not to be healed.
        """
        try:
            found = self.published(table, partition)
        except CorruptManifest:
            if not healing:
                raise
            blob = self.store.read(manifest_key(table, partition))
            return blob and Broken(blob.version)
        gone = found and self.gone(table, folder(partition), found.manifest.facts.names)
        return Broken(found.version, rest=found.manifest) if found and gone else found

    def gone(self, table: TableName, name: str, files: Iterable[str]) -> bool:
        """Tell whether a file of a partition (by its folder's name, and theirs) is missing.

        As far as that is seen without a request: on a disk, and in S3 where a survey listed the
        table. What a listing lacks is asked for: it may be younger.
        """
        below = f"{name}/" if name else ""
        paths = [f"{below}{n}" for n in files]
        if self.listing.shared:
            beside = self._beside.get(table)
            paths = [] if beside is None else [p for p in paths if p not in beside]
        return not all(self.store.exists(f"{table.key}/{p}") for p in paths)

    def _many(self, keys: list[str]) -> dict[str, _Found]:
        """Give manifests; where they are kept, no two threads read the same one."""
        if self._kept is None:
            return {key: self._read(key, b) for key, b in self.store.read_all(keys)}
        if any(k not in self._kept for k in keys):
            with self._looking:
                missing = [k for k in keys if k not in self._kept]
                for key, blob in self.store.read_all(missing):
                    self._kept[key] = self._read(key, blob)
        return {key: self._kept[key] for key in keys}

    def _read(self, key: str, blob: Blob | None) -> _Found:
        """Parse a manifest and keep it: one version is one text."""
        if blob is None:
            return None
        found = self._parse(key, blob)
        if isinstance(found, Published):
            self._parsed[key] = found
        return found

    def _parse(self, key: str, blob: Blob) -> Published | CorruptManifest:
        """Parse a manifest where this process hasn't; it is not kept."""
        found = self._parsed.get(key)
        if found and found.version == blob.version:
            return found
        try:
            return Published(lying_at(key, blob.data), blob.version)
        except CorruptManifest as e:
            return e

    def learn(self, ours: Manifest, version: str) -> None:
        """Take note of what this process has just published.

        A look that began before waits for its end: it would not know of this, and yet be kept.
        """
        key = manifest_key(*ours.cell)
        found = Published(ours, version)
        self.listing.learn(key, Blob(ours.to_json(), version))
        with self._looking:
            self._note(key, found)

    def _note(self, key: str, found: Published) -> None:
        """Put what is published in the place of what was seen."""
        ours = found.manifest
        self._parsed[key] = found
        if self._kept is not None:
            self._kept[key] = found
        if ours.dest in self._fingerprints:
            self._fingerprints[ours.dest].learn(folder(ours.partition), ours.facts)
        if ours.dest in self._stamps:
            self._stamps[ours.dest][key] = found.version
        if ours.partition and ours.dest in self._listed:
            self._listed[ours.dest][ours.partition] = found

    def catch_up(self) -> bool:
        """Note what this view saw of others' doing; tell whether there was anything new."""
        seen = {k: p for k, p in (self._kept or {}).items() if isinstance(p, Published)}
        versions = {k: p.version for k, p in seen.items()}
        return self.listing.catch_up(versions, lambda key: seen[key].manifest.to_json())

    def manifest(self, table: TableName, partition: Partition | None) -> Manifest | None:
        """Give a partition's manifest, or None."""
        found = self.published(table, partition)
        return found.manifest if found else None

    def survey(self, table: TableName) -> None:
        """Look at all partitions of a table at once, where many of them will be asked for."""
        with self._looking:
            if self._kept is not None and table not in self._fingerprints:
                stamps, token, beside = self.store.survey(table.key, MANIFEST)
                look = partial(self.listing.reduced, table.key, MANIFEST, stamps, facts_of, FORM)
                if beside is not None:
                    self._beside[table] = beside
                known = Fingerprints(look, stamps, token)
                self._fingerprints[table] = self._by_text[str(table)] = known

    def facts(self, table: TableName, name: str) -> Facts | None:
        """Give what decides whether a partition is fresh, by its folder's name; None: not there."""
        if fingerprints := self._fingerprints.get(table):
            return fingerprints.facts(name)
        found = self.manifest(table, from_folder(name))
        return found.facts if found else None

    def fingerprints(self, table: TableName) -> Fingerprints:
        """Give what a survey found of a table; nothing, where there was none."""
        return self._fingerprints.get(table) or Fingerprints(dict, {})

    def recalled(
        self,
        table: TableName,
        terms: Iterable[str],
        inputs: Iterable[TableName],
        find: Callable[[], _T],
    ) -> _T:
        """Give what was found of a table last, if by the same terms and partitions; or find it.

        `find` gives plain values, and goes by nothing but the terms and what surveys saw.
        """
        tokens = [self.fingerprints(t).token for t in (table, *inputs)]
        if not all(tokens):
            return find()
        return self.listing.recalled(table.key, f"settled {FORM}", digest(*terms, *tokens), find)

    def content(self, read: Input) -> tuple[str, int | None]:
        """Give the content now of what a build read of an input; of several days their count."""
        fingerprints = self._by_text.get(read.table)
        if read.first is None or read.last is None or read.first == read.last:
            name = folder_named(read.first) if read.first else ""
            if fingerprints:
                return fingerprints.content_of(name) or ABSENT, None
            found = self.facts(TableName.parse(read.table), name)
            return (found.content_hash if found else ABSENT), None
        if fingerprints:
            return fingerprints.content(read.first, read.last)
        table, span = TableName.parse(read.table), read.span
        spans = [span] if span else []
        now = as_input(table, span, self.manifests(table, partitioned=True, spans=spans))
        return now.content_hash, now.partitions

    def required(self, table: TableName, partition: Partition | None) -> Manifest:
        """Give a partition's manifest.

        Raises:
            MissingPartition: nothing is published there.
        """
        found = self.manifest(table, partition)
        if found is None:
            what = f"has no {partition.folder}" if partition else "was never published"
            raise MissingPartition(f"{table} {what}", hint=f"see `nomad show {table.name}`")
        return found

    def manifests(
        self, table: TableName, *, partitioned: bool, spans: Iterable[Span] = (Span(),)
    ) -> list[Manifest]:
        """Give the manifests of a full table (at most one), or of the days within spans.

        A span of few days costs a read for each of them, any other a listing of the table.

        Raises:
            CorruptManifest: some can't be read; all of them are named.
        """
        found = [p for s in (spans if partitioned else [None]) for p in self._within(table, s)]
        if bad := [p for p in found if isinstance(p, CorruptManifest)]:
            raise CorruptManifest.of(bad)
        return [p.manifest for p in found if isinstance(p, Published)]

    def readable(
        self,
        table: TableName,
        *,
        partitioned: bool = True,
        partitions: Iterable[Partition | None] | None = None,
    ) -> list[Manifest]:
        """Give all manifests of a table, or some of them; pass over what can't be read."""
        if partitions is None:
            found = self._within(table, Span() if partitioned else None)
        else:
            found = list(self._many([manifest_key(table, p) for p in partitions]).values())
        self._pass_over(p for p in found if isinstance(p, CorruptManifest))
        return [p.manifest for p in found if isinstance(p, Published)]

    def _pass_over(self, errors: Iterable[CorruptManifest]) -> None:
        """Warn of manifests that are left out of an answer, once of each."""
        if new := [e for e in errors if e.where not in self._told]:
            self._told.update(str(e.where) for e in new)
            text = "%s; passed over, `nomad doctor` says what to do"
            _log.warning(text, CorruptManifest.of(new))

    def _within(self, table: TableName, span: Span | None) -> list[_Found]:
        if span is None:
            return list(self._many([manifest_key(table, None)]).values())
        if span.bounded and span.days <= _FEW_DAYS:
            return list(self._many([manifest_key(table, p) for p in of_days(span)]).values())
        known = self._all(table)
        return [known[p] for p in sorted(known) if p.start in span]

    def _all(self, table: TableName) -> dict[Partition, Published | CorruptManifest]:
        with self._looking:
            if self._kept is not None and table in self._listed:
                return self._listed[table]
            found = self._dated(self.listing.fetch(table.key, self._stamped(table)))
            if self._kept is not None:
                self._kept |= {manifest_key(table, p): read for p, read in found.items()}
                self._listed[table] = found
            return found

    def _stamped(self, table: TableName) -> dict[str, str]:
        with self._looking:
            if self._kept is None or table not in self._stamps:
                self._stamps[table] = self.listing.stamps(table.key, suffix=manifest_in(""))
            return self._stamps[table]

    def _dated(self, blobs: Mapping[str, Blob]) -> dict[Partition, Published | CorruptManifest]:
        found: dict[Partition, Published | CorruptManifest] = {}
        for key, blob in blobs.items():
            partition = partition_of(key)
            if partition and (read := self._read(key, blob)):
                found[partition] = read
        return found

    def look(self, tables: Iterable[TableName]) -> None:
        """See what is published of full tables that this machine has not seen, all at once."""
        self.listing.look(manifest_key(table, None) for table in tables)

    def every(self, table: TableName, *, partitioned: bool, fresh: bool) -> list[Manifest]:
        """Give all manifests of a table: as they are now, or (not `fresh`) as known here.

        What this process published is known; what another machine did since, is not. Those that
        can't be read are passed over.
        """
        if partitioned or fresh:
            found = self.listing.every(table.key, suffix=manifest_in(""), fresh=fresh)
        else:
            key = manifest_key(table, None)
            found = {key: b} if (b := self.listing.one(key)) else {}
        keys = [k for k in found if belongs(k, partitioned=partitioned)]
        known = [self._parse(k, found[k]) for k in keys]
        self._pass_over(p for p in known if isinstance(p, CorruptManifest))
        return [p.manifest for p in known if isinstance(p, Published)]

    def latest(self, table: TableName, *, partitioned: bool) -> Manifest | None:
        """Give the latest manifest that can be read, for its schema. It lists the table."""
        known = sorted(self.partitions(table), reverse=True) if partitioned else [None]
        found = (self._many([key])[key] for p in known for key in [manifest_key(table, p)])
        return next((p.manifest for p in found if isinstance(p, Published)), None)

    def partitions(self, table: TableName) -> Iterable[Partition]:
        """Give the partitions that are published, in no order. It lists the table."""
        if self._kept is not None and table in self._listed:
            return self._listed[table]
        return (p for key in list(self._stamped(table)) if (p := partition_of(key)))

    def files(self, manifests: Iterable[Manifest]) -> list[Files]:
        """Group the files of manifests that share a schema, in the order of the manifests."""
        return scans.data_files(manifests, self.store.uri)
