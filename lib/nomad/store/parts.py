"""A large file to S3 in parts, each checked by the server against its MD5."""

from __future__ import annotations

import base64
import hashlib
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


def put_in_parts(client: S3Client, bucket: str, key: str, source: Path, *, size: int) -> None:
    """Send a file in parts of `size` bytes; where it fails, the parts are dropped.

    Raises:
        ClientError: the server refuses.
    """
    where: Any = {"Bucket": bucket, "Key": key}
    where["UploadId"] = client.create_multipart_upload(**where)["UploadId"]
    try:
        parts = _sent(client, where, source, size)
        client.complete_multipart_upload(**where, MultipartUpload={"Parts": parts})
    except BaseException:
        with suppress(Exception):  # what it was aborted for is told
            client.abort_multipart_upload(**where)
        raise


def _sent(client: S3Client, where: Any, source: Path, size: int) -> Any:
    parts = []
    with source.open("rb") as f:
        for number, data in enumerate(iter(lambda: f.read(size), b""), 1):
            told = client.upload_part(**where, PartNumber=number, Body=data, ContentMD5=md5(data))
            parts.append({"PartNumber": number, "ETag": told["ETag"]})
    return parts


def md5(data: bytes) -> str:
    """Digest bytes as the header Content-MD5 has it (RFC 1864)."""
    return base64.b64encode(hashlib.md5(data, usedforsecurity=False).digest()).decode()
