"""One object of an S3 store, fetched for connector `file`.

Credentials, region and endpoint come from the environment or AWS's own files, as boto3 finds them
(`AWS_ENDPOINT_URL` names a MinIO, say); nomad.yaml holds none.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from nomad.store import client as door
from nomad.store.address import SCHEME, Address

__all__ = ["SCHEME", "download"]


def download(address: str, to: Path) -> bool:
    """Write the object at `s3://bucket/key` to a file; False where there is no such key.

    Raises:
        LakeError: no such bucket, no permission, no credentials, or no answer.
    """
    bucket, _, key = address.removeprefix(SCHEME).partition("/")
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    place = Address(bucket, endpoint=endpoint, path_style=endpoint is not None)
    client = door.client(place)
    with door.translated(place, key):
        try:
            found = client.get_object(Bucket=bucket, Key=key)
        except client.exceptions.NoSuchKey:
            return False
        with to.open("wb") as f:
            shutil.copyfileobj(found["Body"], f)
    return True
