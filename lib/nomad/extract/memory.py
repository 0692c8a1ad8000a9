"""A connector that delivers what it was given, for tests of what is above it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path

from nomad.config.options import TEXT, Option
from nomad.errors import NomadError, SourceMissing
from nomad.extract.base import Landed, Request


class MemoryConnector:
    """Delivers by the option `path`: a text, bytes, or an error to be raised.

    `requests` are those it had, in their order. A test changes what is `delivered` as it likes.
    """

    options = (Option("path", "What of the given is delivered.", TEXT, required=True),)

    def __init__(
        self, delivered: Mapping[str, str | bytes | NomadError], *, kind: str = "csv"
    ) -> None:
        self.delivered = dict(delivered)
        self.requests: list[Request] = []
        self._kind = kind

    def fetch(self, request: Request, into: Path) -> Iterator[Landed]:
        """Write one file, or raise what is to be raised."""
        self.requests.append(request)
        path = str(request.source.options["path"])
        given = self.delivered.get(path)
        if given is None:
            raise SourceMissing(f"source `{request.source.name}` has nothing", where=path)
        if isinstance(given, NomadError):
            raise given
        data = given.encode() if isinstance(given, str) else given
        if request.previous and request.previous.sha256 == hashlib.sha256(data).hexdigest():
            return
        target = into / f"landed.{self._kind}"
        target.write_bytes(data)
        yield Landed(target, request.window)
