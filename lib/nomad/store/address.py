"""`s3://bucket/prefix`: where a lake on a server is, how it is reached, and with which key."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple
from urllib.parse import urlsplit

SCHEME = "s3://"


class Address(NamedTuple):
    """A folder of a bucket, and the way to it.

    `endpoint` None means AWS itself; `path_style` puts the bucket into the path instead of the
    host's name; `ca` is a file of certificates to trust beside the usual ones.
    """

    bucket: str
    prefix: str = ""
    endpoint: str | None = None
    region: str | None = None
    path_style: bool = True
    ca: str | None = None

    @property
    def url(self) -> str:
        """The folder's URL, without a slash at its end.

        Example:
            >>> Address("warehouse", "lake").url
            's3://warehouse/lake'
        """
        return f"{SCHEME}{self.bucket}/{self.prefix}".rstrip("/")

    @property
    def host(self) -> str | None:
        """The endpoint without its scheme, as DuckDB wants it.

        Example:
            >>> Address("b", endpoint="http://127.0.0.1:9000/").host
            '127.0.0.1:9000'
        """
        return urlsplit(self.endpoint).netloc if self.endpoint else None

    @property
    def tls(self) -> bool:
        """Whether requests are encrypted."""
        return self.endpoint is None or self.endpoint.startswith("https")


def split(url: str) -> tuple[str, str]:
    """Part `s3://bucket/some/prefix/` into bucket and prefix.

    Example:
        >>> split("s3://warehouse/a/lake/")
        ('warehouse', 'a/lake')
    """
    bucket, _, prefix = url.removeprefix(SCHEME).partition("/")
    return bucket, prefix.strip("/")


@dataclass(frozen=True)
class Credentials:
    """A key to a server. None of it is ever shown: `repr` tells nothing."""

    key: str = field(repr=False)
    secret: str = field(repr=False)
    token: str | None = field(default=None, repr=False)
