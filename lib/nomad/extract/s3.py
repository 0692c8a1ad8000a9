"""One object of an S3 store, fetched for connector `file`.

Credentials, region and endpoint come from the environment or AWS's own files, as boto3 finds them
(`AWS_ENDPOINT_URL` names a MinIO, say); nomad.yaml holds none.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from nomad.errors import Unreachable

SCHEME = "s3://"


def download(address: str, to: Path) -> bool:
    """Write the object at `s3://bucket/key` to a file; False where there is no such key.

    Raises:
        Unreachable: no such bucket, no permission, no credentials, or no answer.
    """
    import boto3
    from botocore.exceptions import BotoCoreError, ClientError

    bucket, _, key = address.removeprefix(SCHEME).partition("/")
    try:
        found = boto3.client("s3").get_object(Bucket=bucket, Key=key)
        with to.open("wb") as f:
            shutil.copyfileobj(found["Body"], f)
    except ClientError as e:
        fault = e.response.get("Error", {})
        if fault.get("Code") == "NoSuchKey":
            return False
        raise _unreachable(address, fault.get("Message") or str(e)) from e
    except (BotoCoreError, ValueError) as e:
        raise _unreachable(address, str(e)) from e
    return True


def _unreachable(address: str, why: str) -> Unreachable:
    return Unreachable(
        f"S3 does not give the object: {why}",
        where=address,
        hint="check bucket, credentials, region and AWS_ENDPOINT_URL in the environment",
    )
