"""A lake's small objects (manifests, journals), each fetched once for as long as it stays the same.

A listing tells which have changed since this machine last saw them; only those are read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from threading import Lock
from typing import Any, TypeVar, cast

from nomad.lake.object_cache import CachedObject, ObjectCache, Versions
from nomad.store.base import Blob, Store

_T = TypeVar("_T")
Blobs = Mapping[str, Blob]
"""Objects by key."""


class Listing:
    """A store with a cache beside it; `shared` where other machines write to it as well."""

    def __init__(
        self, store: Store, objects: ObjectCache | None = None, *, shared: bool = False
    ) -> None:
        self.store, self.shared = store, shared
        self._known = objects or ObjectCache()
        self._learned: dict[str, Blob] = {}
        self._lock = Lock()

    @property
    def _objects(self) -> ObjectCache:
        """The cache, with what was learned in it: many small objects go there at once."""
        with self._lock:
            learned, self._learned = self._learned, {}
            if learned:
                self._keep(learned, learned)
        return self._known

    def over(self, store: Store) -> Listing:
        """Put another store before the same cache."""
        return Listing(store, self._objects, shared=self.shared)

    def stamps(self, prefix: str, *, suffix: str) -> dict[str, str]:
        """List the objects below a folder whose names end so, with their stamps."""
        return {e.key: e.stamp for e in self.store.list(prefix) if e.key.endswith(suffix)}

    def fetch(self, prefix: str, stamps: Mapping[str, str]) -> dict[str, Blob]:
        """Give the objects that a listing of a folder showed; only the changed ones are read.

        One that was seen and is not in the listing is asked for, too: it may be younger than that.
        """
        seen = self._seen(prefix)
        same = {
            k: b for k, b in seen.items() if stamps.get(k) and stamps[k] in (b.stamp, b.version)
        }
        hidden = [k for k in seen if k not in stamps]
        read = self.store.read_all([*(k for k in stamps if k not in same), *hidden])
        fetched = {k: b for k, b in read if b is not None}
        before = {k: b.version for k, b in seen.items()}
        other = [k for k, b in fetched.items() if before.get(k) != b.version]
        self._keep(fetched, other, before)
        gone = {self.store.uri(k): before[k] for k in hidden if k not in fetched}
        self._objects.forget(gone, self.store.uri(prefix))
        self._objects.news |= bool(gone or other)
        self._objects.mark_complete({self.store.uri(prefix): self.store.uri(prefix)})
        found = {**same, **fetched}
        return {k: found[k] for k in sorted(found)}

    def reduced(
        self,
        prefix: str,
        name: str,
        stamps: Mapping[str, str],
        reduce: Callable[[str, bytes], tuple[Any, ...]],
        form: str = "",
    ) -> dict[str, tuple[Any, ...]]:
        """Give what `reduce` takes of each object of one name, in a folder and right below.

        `stamps` are theirs, by folder, and so is the result. `reduce` makes plain values of an
        object's key and bytes; they are noted, and only what has changed since is read. `form`
        tells one shape of values from another.
        """
        where = f"{self.store.uri(prefix)} {form} {_NOTED}"
        noted = self._objects.notes(where)
        before: dict[str, str] = noted.get("stamps", {})
        values: dict[str, tuple[Any, ...]] = noted.get("values", {})
        if before == stamps:
            return values
        same = {f: values[f] for f, s in stamps.items() if s and s == before.get(f)}
        keys = {f"{prefix}/{f}/{name}".replace("//", "/"): f for f in stamps if f not in same}
        known = self._versions(keys) if keys and self.shared else None
        found = {k: b for k, b in self.store.read_all(keys) if b is not None}
        read = {keys[k]: tuple(reduce(k, blob.data)) for k, blob in found.items()}
        if known is not None:
            self._learn_of(found, known)
        values = {**same, **read}
        shown = {keys[k]: (b.stamp, b.version) for k, b in found.items()}
        lasting = {f: s for f, s in stamps.items() if f in same or (s and s in shown.get(f, ()))}
        noted = {"stamps": lasting, "values": {f: values[f] for f in lasting}}
        self._objects.note(where, noted)
        return values

    def recalled(self, prefix: str, what: str, by: str, find: Callable[[], _T]) -> _T:
        """Give what was found of a folder last, if it was by the same as now; or find and note it.

        It must be plain values, and `by` a digest of all that they depend on.
        """
        where = f"{self.store.uri(prefix)} {what}"
        noted = self._objects.notes(where)
        if noted.get("by") == by:
            return cast(_T, noted["found"])
        found = find()
        self._objects.note(where, {"by": by, "found": found})
        return found

    def known(self, prefix: str, *, suffix: str) -> dict[str, Blob] | None:
        """Give the same as this machine last saw it, without a request; None: it never looked."""
        seen = self._seen(prefix)
        if not self._objects.is_complete(self.store.uri(prefix)):
            return None
        return {k: b for k, b in sorted(seen.items()) if k.endswith(suffix)}

    def versions(self, prefix: str, *, suffix: str, fresh: bool) -> dict[str, str]:
        """Tell the versions of what `every` gives."""
        where = self.store.uri(prefix)
        if fresh or not self._objects.is_complete(where):
            return {k: b.version for k, b in self.every(prefix, suffix=suffix, fresh=True).items()}
        found = self._by_key(self._objects.versions(where))
        return {k: v for k, v in sorted(found.items()) if k.endswith(suffix)}

    def kept(self, keys: Iterable[str]) -> dict[str, Blob]:
        """Give objects as this machine last saw them."""
        return self._blobs(self._objects.of(self.store.uri(k) for k in keys))

    def mark(self, prefix: str) -> str:
        """Give a token that changes whenever what is known of a folder does; '' if nothing is."""
        return self._objects.mark(self.store.uri(prefix))

    def every(self, prefix: str, *, suffix: str, fresh: bool) -> dict[str, Blob]:
        """Give them as they are now (`fresh`), or as known, looking only the first time."""
        found = None if fresh else self.known(prefix, suffix=suffix)
        if found is None:
            return self.fetch(prefix, self.stamps(prefix, suffix=suffix))
        return found

    def one(self, key: str) -> Blob | None:
        """Give an object as known, looking only the first time."""
        known = self.kept([key])
        if not known and self.look([key]):
            known = self.kept([key])
        return known.get(key)

    def look(self, keys: Iterable[str]) -> list[str]:
        """Ask for those objects of which nothing is known here; give their keys."""
        complete = self._objects.is_complete
        new = [k for k in keys if not complete(self.store.uri(k))]
        unknown = [k for k in new if not self.kept([k])]
        found = {k: b for k, b in self.store.read_all(unknown) if b is not None}
        self._learn_of(found, {})
        self._objects.mark_complete(
            {self.store.uri(k): self.store.uri(_folder(k)) for k in unknown}
        )
        return unknown

    def learn(self, key: str, blob: Blob) -> None:
        """Note an object just written.

        It is put in the cache when that is next asked. A run that dies before leaves it out; the
        next one lists the lake, as it does after every run that died.
        """
        with self._lock:
            self._learned[key] = blob

    def catch_up(self, seen: Mapping[str, str], data: Callable[[str], bytes]) -> bool:
        """Note objects seen some time ago, in these versions; tell if there was any news so far.

        `data` gives the bytes of one that isn't known yet. One that is known in another version is
        read again: which is the newer, versions don't tell.
        """
        known = self._versions(seen)
        new = {k: Blob(data(k), version) for k, version in seen.items() if k not in known}
        other = [k for k, version in seen.items() if known.get(k, version) != version]
        now = {k: b for k, b in self.store.read_all(other) if b is not None}
        self._learn_of({**new, **now}, known)
        return self._objects.news

    def _learn_of(self, found: Blobs, known: Versions) -> None:
        """Note those objects that are not as they were `known` before they were read."""
        news = {k: b for k, b in found.items() if known.get(k) != b.version}
        self._keep(news, news, known)
        self._objects.news |= bool(news)

    def _versions(self, keys: Iterable[str]) -> dict[str, str]:
        """Tell the versions known of some objects."""
        folders = {self.store.uri(_folder(key)) for key in keys}
        return self._by_key({k: v for f in folders for k, v in self._objects.versions(f).items()})

    def _seen(self, prefix: str) -> dict[str, Blob]:
        return self._blobs(self._objects.below(self.store.uri(prefix)))

    def _blobs(self, rows: Mapping[str, CachedObject]) -> dict[str, Blob]:
        return {k: Blob(s.data, s.version, s.stamp) for k, s in self._by_key(rows).items()}

    def _by_key(self, rows: Mapping[str, _T]) -> dict[str, _T]:
        """Name by key what the cache has by address."""
        start = len(self.store.uri("x")) - 1
        return {address[start:]: row for address, row in rows.items()}

    def _keep(self, found: Blobs, news: Iterable[str], over: Versions | None = None) -> None:
        """Put objects in the cache; `news` are those that were not known so.

        `over` are the versions there before they were read: what has changed since is newer.
        """
        uri = self.store.uri
        seen = {uri(k): CachedObject(b.stamp, b.version, b.data) for k, b in found.items()}
        before = None if over is None else {uri(k): v for k, v in over.items()}
        self._known.put(seen, {uri(_folder(k)) for k in news}, before)


_NOTED = "stamps, values, sealed"
"""Tells one form of notes from another, as they are kept from one nomad to the next."""


def _folder(key: str) -> str:
    """Name the folder that marks go by: a table's, or that of all journals."""
    parts = key.split("/")
    return parts[0] if parts[0].startswith("_") else "/".join(parts[:2])
