"""What an S3 server makes of conditional writes; one that ignores them says 200, so it is tried.

The forms of the ETag: Ceph 16 takes `If-Match` without the quotes only, others with, most take
both (RFC 9110 section 8.8.3 has the quotes).
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from nomad.cache import Cache
from nomad.store.client import status_of

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

QUOTED, BARE, UNSAFE, NONE = '"', "bare", "unsafe", "none"


@dataclass(frozen=True)
class Probed:
    """The form of the ETag in `If-Match` (`"` or bare; none: not understood), and what is amiss."""

    form: str
    faults: tuple[str, ...] = ()

    @property
    def safe(self) -> bool:
        """Whether a commit can rely on it."""
        return self.form in (QUOTED, BARE)

    def condition(self, expected: str | None) -> dict[str, str]:
        """Write the condition of a put over the version `expected`, or of a first put."""
        if expected is None:
            return {"IfNoneMatch": "*"}
        return {"IfMatch": f'"{expected}"' if self.form == QUOTED else expected}


def probe(client: S3Client, bucket: str, folder: str) -> Probed:
    """Put a few small objects on conditions that must hold or fail, and remove them.

    Raises:
        ClientError: the server can't be written at all.
    """
    key = f"{folder}/{uuid.uuid4().hex}"
    try:
        return _tried(_Putter(client, bucket, key))
    finally:
        client.delete_object(Bucket=bucket, Key=key)


def _tried(put: _Putter) -> Probed:
    if not put(b"first", IfNoneMatch="*"):
        put(b"first")
    faults = [*_ignored(put)]
    etag = put.etag()
    for form, told in ((BARE, etag), (QUOTED, f'"{etag}"')):
        if put(b"third", IfMatch=told):
            return Probed(NONE if faults else form, tuple(faults))
    return Probed(NONE, (*faults, "If-Match is refused though the ETag is right"))


def _ignored(put: _Putter) -> Iterator[str]:
    if put(b"second", IfNoneMatch="*"):
        yield "If-None-Match: * lets an object be replaced"
    if put(b"second", IfMatch="0123456789abcdef0123456789abcdef"):
        yield "If-Match lets another version be replaced"


@dataclass
class _Putter:
    """Puts one object; tells whether the server did it or found the condition broken."""

    client: S3Client
    bucket: str
    key: str

    def __call__(self, data: bytes, **condition: Any) -> bool:
        from botocore.exceptions import ClientError

        try:
            self.client.put_object(Bucket=self.bucket, Key=self.key, Body=data, **condition)
        except ClientError as e:
            if condition and status_of(e) in (412, 409, 404, 501, 400):
                return False
            raise
        return True

    def etag(self) -> str:
        found = self.client.head_object(Bucket=self.bucket, Key=self.key)
        return found["ETag"].strip('"')


class Kept(NamedTuple):
    """What a probe of one server found, kept in a cache for a day."""

    cache: Cache
    key: str
    day: str

    def known(self) -> Probed | None:
        """Give what was found today."""
        day, form, *faults = self.cache.get(self.key) or (None, "")
        return Probed(form, tuple(faults)) if day == self.day else None

    def learned(self, found: Probed) -> None:
        """Keep what was found."""
        self.cache.put(self.key, (self.day, found.form, *found.faults))
