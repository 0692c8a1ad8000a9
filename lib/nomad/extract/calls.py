"""What is asked of a server over HTTP, and what it answers, as plain values."""

from __future__ import annotations

import base64
import string
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple
from urllib.parse import quote, unquote, urlencode, urlsplit, urlunsplit

import nomad

FAULTY = 400
"""Statuses from here on say that what was asked for did not come."""

NOT_THERE = (404, 410)

_AGENT = f"nomad/{nomad.__version__}"


class Later(NamedTuple):
    """What a server said in place of an answer, and the seconds until it may be asked again."""

    what: str
    after: float


@dataclass(frozen=True)
class Call:
    """What is asked of a server. Of `user:password@` in its address, a header is made.

    Whether the host serves the source at all, an answer to a `login` does not say. A host that
    counts requests apart, by account or interface say, goes by the rate of each `quota`. Where it
    says in words of its own that it is asked too often, `later` reads that from an answer. One
    whose body says who asks `follows` no redirect.
    """

    url: str
    method: str = "GET"
    params: Sequence[tuple[str, str]] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    wants_json: bool = False
    login: bool = False
    quota: str = ""
    later: Callable[[Answer], Later | None] = lambda _: None
    follows: bool = True

    def with_params(self, params: Iterable[tuple[str, str]]) -> Call:
        """Ask with more parameters, in place of those of the same names."""
        more = list(params)
        names = {name for name, _ in more}
        return replace(self, params=[p for p in self.params if p[0] not in names] + more)

    @property
    def address(self) -> str:
        """The address as it is sent; what is no ASCII goes as UTF-8, percent-encoded."""
        parts = urlsplit(self.url)
        _, _, host = parts.netloc.rpartition("@")
        host = host if host.isascii() else host.encode("idna").decode()
        asked = "&".join(filter(None, (parts.query, urlencode(self.params))))
        clean = parts._replace(netloc=host, query=asked, fragment="")
        return quote(urlunsplit(clean), safe=string.punctuation)

    @property
    def host(self) -> str:
        """The host and port it goes to."""
        parts = urlsplit(self.address)
        return f"{parts.hostname}:{parts.port or (443 if parts.scheme == 'https' else 80)}"

    @property
    def sent(self) -> dict[str, str]:
        """All headers. A file is best had as it lies there, so only JSON may come packed."""
        packed = (
            {"Accept-Encoding": "gzip", "Accept": "application/json"} if self.wants_json else {}
        )
        who, _, _ = urlsplit(self.url).netloc.rpartition("@")
        known = {"Authorization": basic(unquote(who))} if who else {}
        return {"User-Agent": _AGENT, **packed, **known, **self.headers}


def basic(who: str) -> str:
    """Say who asks, from `user:password`."""
    return f"Basic {base64.b64encode(who.encode()).decode()}"


@dataclass(frozen=True)
class Answer:
    """What a server said; headers have names in lower case. No `data`, where it is in a file."""

    status: int
    headers: Mapping[str, str]
    data: bytes = b""
    reason: str = ""

    @property
    def is_good(self) -> bool:
        """Whether the server gave what it was asked for."""
        return self.status < FAULTY

    @property
    def told(self) -> str:
        """The status in words."""
        from http import HTTPStatus

        known = {s.value: s.phrase for s in HTTPStatus}
        return f"HTTP {self.status} {self.reason or known.get(self.status, '')}".strip()


def shown(data: bytes, most: int = 200) -> str:
    """Give the beginning of an answer, on one line."""
    text = " ".join(data[: 4 * most].decode(errors="replace").split())
    return f"`{text[:most]}{'…' if len(text) > most else ''}`"
