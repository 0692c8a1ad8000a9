"""Objects of an S3 store, listed and fetched for connector `file`.

Credentials, region and endpoint come from the environment or AWS's own files, as boto3 finds them
(`AWS_ENDPOINT_URL` names a MinIO, say); nomad.yaml holds none.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from nomad.extract.patterns import fixed, matcher
from nomad.store import client as access
from nomad.store.address import SCHEME, Address

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

__all__ = ["SCHEME", "download", "listing", "size"]


def download(address: str, to: Path) -> bool:
    """Write the object at `s3://bucket/key` to a file; False where there is no such key.

    Raises:
        LakeError: no such bucket, no permission, no credentials, or no answer.
    """
    with _opened(address) as (client, bucket, key):
        try:
            found = client.get_object(Bucket=bucket, Key=key)
        except client.exceptions.NoSuchKey:
            return False
        with to.open("wb") as f:
            shutil.copyfileobj(found["Body"], f)
    return True


def size(address: str) -> int | None:
    """Give the bytes of an object; None where there is no such key.

    Raises:
        LakeError: as above.
    """
    with _opened(address) as (client, bucket, key):
        answer = client.list_objects_v2(Bucket=bucket, Prefix=key, MaxKeys=1)
    found = [o["Size"] for o in answer.get("Contents", []) if o["Key"] == key]
    return found[0] if found else None


def listing(pattern: str) -> list[tuple[str, str, int]]:
    """Name the objects of a pattern, in order, each with a stamp of its content and its bytes.

    An object whose key is the pattern itself, mark for mark, is that one.

    Raises:
        LakeError: as above.
    """
    with _opened(pattern) as (client, bucket, key):
        pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=fixed(key))
        found = {
            o["Key"]: (o["ETag"].strip('"'), o["Size"])
            for page in pages
            for o in page.get("Contents", [])
        }
    expression = matcher(key)
    keys = [key] if key in found else sorted(k for k in found if expression.fullmatch(k))
    return [(f"{SCHEME}{bucket}/{k}", *found[k]) for k in keys]


@contextmanager
def _opened(address: str) -> Iterator[tuple[S3Client, str, str]]:
    """Have a client for an address, with its bucket and key."""
    bucket, _, key = address.removeprefix(SCHEME).partition("/")
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    place = Address(bucket, endpoint=endpoint, path_style=endpoint is not None)
    client = access.client(place)
    try:
        with access.translated(place, key):
            yield client, bucket, key
    finally:
        client.close()
