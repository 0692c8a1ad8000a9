"""A lake in a bucket of MinIO, Ceph, AWS or any S3 that knows conditional writes.

One `PutObject` is atomic and durable; a conditional one is the commit. What the server understands
by a condition is told by a probe (`probe`), not believed.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from nomad.errors import LakeError
from nomad.store import client as access
from nomad.store.address import Address, Credentials
from nomad.store.base import Blob, Entry, Survey, surveyed
from nomad.store.capabilities import Verdict
from nomad.store.parts import md5, put_in_parts
from nomad.store.probe import QUOTED, UNSAFE, Probed, probe
from nomad.store.requests import Requests

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_T = TypeVar("_T")

_PART = 64 * 1024 * 1024
"""Bytes above which a file goes up in parts, and the size of a part."""

_PIECE = 1024 * 1024
_TRIES, _PAUSE = 10, 0.1
_BUSY = "ConditionalRequestConflict"
"""AWS: another conditional write of the key is under way; ask again."""

_LOST = ("PreconditionFailed", "412", "NoSuchKey", "404")
_GONE = ("NoSuchKey", "404")


class S3Store:
    """Objects below a prefix of a bucket. `known` gives what an earlier probe of the server found.

    `learned` is told what a probe finds, to be kept. `unsafe` lets a server that ignores conditions
    be written all the same: then two publishers of one partition may both win.
    """

    def __init__(
        self,
        address: Address,
        *,
        requests: Requests | None = None,
        unsafe: bool = False,
        known: Callable[[], Probed | None] = lambda: None,
        learned: Callable[[Probed], None] = lambda _: None,
    ) -> None:
        self.address = address
        self.requests = requests or Requests()
        self._unsafe, self._known, self._learned = unsafe, known, learned
        self._lock = threading.Lock()

    @cached_property
    def _using(self) -> Any:
        return access.session()

    @cached_property
    def client(self) -> S3Client:
        """The client, made on first use: it takes a third of a second."""
        return access.client(self.address, requests=self.requests, using=self._using)

    @property
    def region(self) -> str:
        """The region that requests are signed for."""
        return access.region(self.address, self._using)

    def credentials(self) -> Credentials | None:
        """Give the key that requests are signed with, as it is now."""
        return access.credentials(self._using)

    def read(self, key: str) -> Blob | None:
        """Get an object whole, or None where there is none."""
        with self._translated(key):
            try:
                found = self._client().get_object(Bucket=self.address.bucket, Key=self._full(key))
                data, version = found["Body"].read(), _bare(found["ETag"])
            except self._client().exceptions.ClientError as e:
                if access.code_of(e) in _GONE:
                    return None
                raise
        return Blob(data, version, version)

    def read_all(self, keys: Iterable[str]) -> Iterator[tuple[str, Blob | None]]:
        """Get many objects, several at once."""
        return self._each(self.read, keys)

    def digests(self, keys: Iterable[str]) -> Iterator[tuple[str, str | None]]:
        """Read many objects, several at once, each piece by piece."""
        return self._each(self._digest, keys)

    def _digest(self, key: str) -> str | None:
        state = hashlib.sha256()
        with self._translated(key):
            try:
                found = self._client().get_object(Bucket=self.address.bucket, Key=self._full(key))
            except self._client().exceptions.ClientError as e:
                if access.code_of(e) in _GONE:
                    return None
                raise
            for piece in found["Body"].iter_chunks(_PIECE):
                state.update(piece)
        return state.hexdigest()

    def _each(self, act: Callable[[str], _T], keys: Iterable[str]) -> Iterator[tuple[str, _T]]:
        """Do something to each of many objects, several at once, in the order of the keys."""
        wanted = list(keys)
        if len(wanted) <= 1:
            yield from ((key, act(key)) for key in wanted)
            return
        self._client()
        context = copy_context()
        with ThreadPoolExecutor(min(access.CONNECTIONS, len(wanted))) as pool:
            found = pool.map(lambda key: context.copy().run(act, key), wanted)
            yield from zip(wanted, found, strict=True)

    def write(self, key: str, data: bytes) -> None:
        """Put a small object."""
        with self._translated(key):
            self._put(key, data)

    def write_if(self, key: str, data: bytes, *, expected: str | None) -> str | None:
        """Put a small object on a condition; the server compares and writes in one step.

        A request that is tried again sends the same condition: once any try has been answered, no
        earlier one that is still on its way can be carried out.
        """
        if self.understands.form == UNSAFE:
            return self._write_unsafely(key, data, expected)
        condition = self.understands.condition(expected)
        with self._translated(key, writing=True):
            for tries_left in reversed(range(_TRIES)):
                try:
                    return _bare(self._put(key, data, **condition)["ETag"])
                except self._client().exceptions.ClientError as e:
                    if access.code_of(e) in _LOST:
                        return None
                    if access.code_of(e) != _BUSY or not tries_left:
                        raise
                time.sleep(_PAUSE)
        raise AssertionError("unreachable")

    def put(self, key: str, source: Path) -> None:
        """Send a file, and leave it; the server checks each part against its MD5."""
        with self._translated(key):
            size = source.stat().st_size
            if size > _PART:
                put_in_parts(
                    self._client(), self.address.bucket, self._full(key), source, size=_PART
                )
            else:
                self._put(key, source.read_bytes())

    def get(self, key: str, to: Path) -> None:
        """Get an object piece by piece into a file."""
        with self._translated(key), to.open("wb") as f:
            found = self._client().get_object(Bucket=self.address.bucket, Key=self._full(key))
            for piece in found["Body"].iter_chunks(_PIECE):
                f.write(piece)

    def move(self, key: str, to: str) -> None:
        """Copy an object on the server, then delete it."""
        with self._translated(to):
            try:
                self._copy(key, to)
            except self._client().exceptions.ClientError as e:
                if access.code_of(e) not in _GONE:
                    raise
                return
        self.delete(key)

    def delete(self, key: str) -> None:
        """Delete an object."""
        with self._translated(key):
            self._client().delete_object(Bucket=self.address.bucket, Key=self._full(key))

    def list(self, prefix: str) -> Iterator[Entry]:
        """List a folder, a thousand objects a request; ages are by the server's clock."""
        start = len(self._full(""))
        for page in self._pages(prefix, delimiter=""):
            now = _date(page)
            for found in page.get("Contents", []):
                age = (now - found["LastModified"]).total_seconds()
                yield Entry(found["Key"][start:], _bare(found["ETag"]), age)

    def survey(self, prefix: str, name: str) -> Survey:
        """Pick them from a listing."""
        return surveyed(self.list(prefix), prefix, name)

    def exists(self, key: str) -> bool:
        """Ask for an object's head."""
        with self._translated(key):
            try:
                self._client().head_object(Bucket=self.address.bucket, Key=self._full(key))
            except self._client().exceptions.ClientError as e:
                if access.code_of(e) in _GONE:
                    return False
                raise
        return True

    def folders(self, prefix: str) -> Sequence[str]:
        """List the folders right below a folder."""
        pages = self._pages(prefix, delimiter="/")
        found = (p["Prefix"] for page in pages for p in page.get("CommonPrefixes", []))
        return sorted(name.rstrip("/").rsplit("/", 1)[-1] for name in found)

    def uri(self, key: str) -> str:
        """Give the object's URL."""
        return f"{self.address.url}/{key}"

    @property
    def accepted(self) -> bool:
        """Whether a server that ignores conditions is written all the same."""
        return self._unsafe

    def head(self) -> str | None:
        """Ask whether the bucket is there; give the server's date as it tells it."""
        with self._translated(""):
            told = self._client().list_objects_v2(
                Bucket=self.address.bucket, Prefix=self._full("_probe/"), MaxKeys=1
            )
        return told["ResponseMetadata"]["HTTPHeaders"].get("date")

    def diagnose(self) -> Iterator[Verdict]:
        """Ask the server how it behaves."""
        from nomad.store.diagnosis import diagnose

        return diagnose(self)

    def unfinished(self, prefix: str) -> Iterator[Entry]:
        """List uploads in parts that were begun and not ended; `stamp` is the upload's id."""
        start = len(self._full(""))
        with self._translated(prefix):
            found = self._client().list_multipart_uploads(
                Bucket=self.address.bucket, Prefix=self._full(prefix)
            )
        for upload in found.get("Uploads", []):
            age = (_date(found) - upload["Initiated"]).total_seconds()
            yield Entry(upload["Key"][start:], upload["UploadId"], age)

    def abandon(self, upload: Entry) -> None:
        """Drop an upload and the parts it has."""
        with self._translated(upload.key):
            self._client().abort_multipart_upload(
                Bucket=self.address.bucket, Key=self._full(upload.key), UploadId=upload.stamp
            )

    @cached_property
    def understands(self) -> Probed:
        """How the server takes conditions.

        Raises:
            LakeError: it ignores them, and `unsafe` is off.
        """
        found = self._known()
        if found is None:
            found = self.probe()
            self._learned(found)
        if found.safe:
            return found
        if self._unsafe:
            return Probed(UNSAFE, found.faults)
        raise LakeError(
            f"the server does not keep to conditional writes: {'; '.join(found.faults)}",
            where=self.address.url,
            hint="two publishers could both win there: use MinIO, Ceph, AWS or another S3 that has"
            " If-Match and If-None-Match, or accept the risk with `lake.allow_unsafe_commit: true`",
        )

    def probe(self) -> Probed:
        """Ask the server itself what it makes of conditions."""
        with self._translated("_probe"):
            return probe(self._client(), self.address.bucket, self._full("_probe"))

    # Requests ------------------------------------------------------------------------------------

    def _client(self) -> S3Client:
        with self._lock:
            return self.client

    def _full(self, key: str) -> str:
        return f"{self.address.prefix}/{key}" if self.address.prefix else key

    def _translated(self, key: str, *, writing: bool = False) -> Any:
        return access.translated(self.address, self._full(key), writing=writing)

    def _put(self, key: str, data: bytes, **condition: Any) -> Any:
        return self._client().put_object(
            Bucket=self.address.bucket,
            Key=self._full(key),
            Body=data,
            ContentMD5=md5(data),
            **condition,
        )

    def _copy(self, key: str, to: str) -> None:
        """Copy within the bucket; what one request can't copy goes in parts."""
        bucket, client = self.address.bucket, self._client()
        whence: Any = {"Bucket": bucket, "Key": self._full(key)}
        try:
            client.copy_object(Bucket=bucket, Key=self._full(to), CopySource=whence)
        except client.exceptions.ClientError as e:
            if access.code_of(e) not in ("InvalidRequest", "EntityTooLarge"):
                raise
            client.copy(whence, bucket, self._full(to))

    def _pages(self, prefix: str, *, delimiter: str) -> Iterator[Any]:
        below = self._full(f"{prefix}/" if prefix else "")
        pages = self._client().get_paginator("list_objects_v2")
        with self._translated(prefix):
            yield from pages.paginate(Bucket=self.address.bucket, Prefix=below, Delimiter=delimiter)

    def _write_unsafely(self, key: str, data: bytes, expected: str | None) -> str | None:
        found = self.read(key)
        if (found.version if found else None) != expected:
            return None
        with self._translated(key, writing=True):
            return _bare(self._put(key, data)["ETag"])


def _bare(etag: str) -> str:
    """Take the quotes off an ETag."""
    return etag.strip(QUOTED)


def _date(answer: Any) -> datetime:
    told = answer["ResponseMetadata"]["HTTPHeaders"].get("date")
    return access.date_of(told) or datetime.now(UTC)
