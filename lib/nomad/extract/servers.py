"""The place that a path means: this machine, S3, an address of HTTP, or what fsspec reads."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from nomad.extract.base import Request
from nomad.extract.places import (
    HTTP,
    S3,
    Disk,
    Found,
    Place,
    address,
    find,
    is_on_disk,
    key,
    may_be_several,
    missing,
)


@contextmanager
def opened(request: Request) -> Iterator[Place]:
    """Have the place of a source's files.

    Raises:
        ConfigError: nothing reads files there, or what does isn't installed.
        Unreachable: it can't be reached.
    """
    path = address(request.source)
    if is_on_disk(path):
        yield Disk(request, path)
    elif path.lower().startswith(HTTP):
        yield _Http(request, path)
    elif path.startswith(S3):
        yield _Bucket(request, path)
    else:
        from nomad.extract import remote

        with remote.opened(request, path) as place:
            yield place


def seen(request: Request) -> str:
    """Say on one line what is there of a source, without bringing it.

    Raises:
        SourceMissing: there is nothing.
        Unreachable: it can't be looked at.
    """
    with opened(request) as place:
        files = find(place, request)
        first, last = key(files[0].address), key(files[-1].address)
        if len(files) > 1:
            size = sum(f.size or 0 for f in files)
            return f"{len(files)} files, {first} to {last}, {size:,} bytes"
        known = place.size(files[0])
    told = f"{known:,} bytes" if known is not None else "its size isn't told"
    return f"{first}, {told}"


class _Http(NamedTuple):
    """An address of HTTP: one file, as nothing can be listed."""

    request: Request
    path: str

    def find(self) -> list[Found]:
        return [Found(self.path)]

    def bring(self, found: Found, to: Path) -> bool:
        from nomad.extract import http

        return http.download(found.address, to, self.request)

    def size(self, found: Found) -> int | None:
        from nomad.extract import http

        return http.size(found.address, self.request)


class _Bucket(NamedTuple):
    """Objects of a bucket in S3."""

    request: Request
    path: str

    def find(self) -> list[Found]:
        from nomad.extract import s3

        if not may_be_several(self.path):
            return [Found(self.path)]
        self.request.spend()
        return [Found(*found) for found in s3.listing(self.path)]

    def bring(self, found: Found, to: Path) -> bool:
        from nomad.extract import s3

        self.request.spend()
        return s3.download(found.address, to)

    def size(self, found: Found) -> int | None:
        from nomad.extract import s3

        self.request.spend()
        size = found.size if found.size is not None else s3.size(found.address)
        if size is None:
            raise missing(found.address, self.request)
        return size
