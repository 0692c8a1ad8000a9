"""How the rows of one window come in pages: which is asked for next, and which was the last."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import NamedTuple, cast
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit, urlunsplit

from nomad.config.options import NUMBER, SINGLE, TEXT, Held, Option, group, holds_variable, one_of
from nomad.config.sources import SourceConfig
from nomad.errors import ConfigError
from nomad.extract.calls import Answer
from nomad.extract.jsontext import Document, Odd
from nomad.files import translated
from nomad.hashing import digest

_PARAM = {"page": "page", "offset": "offset", "cursor": "cursor"}
_START = {"page": "1", "offset": "0"}
_MOST = 10_000


@dataclass(frozen=True)
class Place:
    """Where the paging of a window stands: the `number` of the page that is next, counted from 1.

    `at` is what that page is asked for by (its number, offset, cursor or address; None: nothing).
    `rows` came so far, of a `total` that the last page told which told one; `digest` is that of the
    rows of the page before. As text it is a cursor.
    """

    number: int = 1
    at: str | None = None
    rows: int = 0
    digest: str = ""
    ended: bool = False
    total: int = 0

    @property
    def text(self) -> str:
        """Spell it, to go on from there another time."""
        return json.dumps(asdict(self))

    @classmethod
    def of(cls, text: str) -> Place:
        """Read it again."""
        return cls(**json.loads(text))


class Page(NamedTuple):
    """The rows of one page, as lines; where it is, and where the next one is."""

    rows: list[str]
    place: Place
    after: Place


def written(pages: Iterable[Page], limit: int | None, into: Path) -> Iterator[tuple[Page, Path]]:
    """Write each page into a file of its own; no further one once there are rows to the limit."""
    rows = 0
    for page in pages:
        file = into / f"page-{page.place.number:05}.json"
        with translated(str(file)):
            file.write_text("".join(f"{row}\n" for row in page.rows), encoding="utf-8")
        yield page, file
        rows += len(page.rows)
        if limit is not None and rows >= limit:
            return


@dataclass(frozen=True)
class Paging:
    """How a source pages: what its option says."""

    kind: str = ""
    param: str = ""
    start: str | None = None
    params: Mapping[str, object] | None = None
    next: str | None = None
    has_more: str | None = None
    total: str | None = None
    in_body: bool = False
    max_pages: int = _MOST

    @classmethod
    def of(cls, source: SourceConfig) -> Paging:
        """Take it from the option of a source.

        Raises:
            ConfigError: what a variable put there is no kind of paging.
        """
        held = source.options.get("paging")
        told = cast("Mapping[str, Held]", held) if isinstance(held, Mapping) else {}
        kind = str(told.get("type", ""))
        if kind and (fault := _TYPE.fault(kind, told)):
            what = f"source `{source.name}`: `paging` `type` {fault}"
            raise ConfigError(what, where=source.origin)
        size = {str(told["size_param"]): told["size"]} if "size" in told else {}
        paths = {n: str(told[n]) for n in ("next", "has_more", "total") if n in told}
        return cls(
            kind,
            str(told.get("param", _PARAM.get(kind, ""))),
            str(told["start"]) if "start" in told else _START.get(kind),
            size,
            next=paths.get("next"),
            has_more=paths.get("has_more"),
            total=paths.get("total"),
            in_body=told.get("in") == "body",
            max_pages=int(float(str(told.get("max_pages", _MOST)))),
        )

    @property
    def begin(self) -> Place:
        """The first page."""
        return Place(at=self.start)

    def asked(self, place: Place) -> dict[str, object]:
        """Give the parameters by which a page is asked for; a link has them in its address."""
        if self.kind == "link" and place.at is not None:
            return {}
        if not self.param or place.at is None:
            return {**(self.params or {})}
        counted = self.kind in _START and self.in_body
        return {**(self.params or {}), self.param: int(place.at) if counted else place.at}

    def after(self, place: Place, rows: list[str], document: Document, answer: Answer) -> Place:
        """Tell what follows a page.

        Raises:
            Odd: it is the page before once more, the pages have no end, or it lacks what tells it.
        """
        mark = digest(*rows)
        if rows and mark == place.digest:
            raise Odd(f"has the same rows as the one before: {self._why(place)}")
        came = place.rows + len(rows)
        total = self._total(document) or place.total
        number = place.number + 1
        reached = replace(place, number=number, rows=came, digest=mark, total=total)
        at = self._next(place, rows, document, answer)
        if at is None or self._is_last(came, total, document):
            self._refuse_short(came, total, rows, document)
            return replace(reached, ended=True)
        if place.number >= self.max_pages:
            raise Odd(f"is not the last, and `max_pages` of `paging:` is {self.max_pages}")
        return replace(reached, at=at)

    def _next(
        self, place: Place, rows: list[str], document: Document, answer: Answer
    ) -> str | None:
        """Give what the next page is asked for by; None where there is none."""
        match self.kind:
            case "page":
                return str(int(place.at or 1) + 1) if rows else None
            case "offset":
                return str(int(place.at or 0) + len(rows)) if rows else None
            case "link" if not self.next:
                return linked(answer.headers.get("link", ""))
            case "link" | "cursor":
                found = document.find(self.next)
                return None if found in (None, "", False) else str(found)
        return None

    def _is_last(self, came: int, total: int, document: Document) -> bool:
        more = str(document.find(self.has_more)).lower()
        return more in ("false", "0") or came >= (total or math.inf)

    def _total(self, document: Document) -> int | None:
        told = document.find(self.total)
        try:
            return None if told is None else int(str(told))
        except ValueError as e:
            raise Odd(f"has no whole number at `{self.total}`: it is `{told}`") from e

    def _refuse_short(self, came: int, total: int, rows: list[str], document: Document) -> None:
        """Refuse an end before the total; nor does a page without rows end what has more."""
        if came < total:
            raise Odd(f"is the last, and {came} of {total} rows came")
        if not rows and str(document.find(self.has_more)).lower() in ("true", "1"):
            raise Odd(f"has no rows, and `{self.has_more}` says that there are more")

    def _why(self, place: Place) -> str:
        asked = f"`{self.param}={place.at}`" if self.param else "its address"
        return f"does the server heed {asked}?"


def linked(header: str) -> str | None:
    """Give the address of `rel="next"` in a header `Link`.

    Example:
        >>> linked('<https://h/x?page=1>; rel="prev", <https://h/x?page=3,4>; rel="next"')
        'https://h/x?page=3,4'
        >>> linked('<https://h/x>; rel=last') is None
        True
    """
    for address, rest in re.findall(r"<([^>]*)>([^<]*)", header):
        kinds = re.search(r"\brel\s*=\s*(?:\"([^\"]*)\"|([^\s;,]+))", rest, re.IGNORECASE)
        if kinds and "next" in (kinds[1] or kinds[2]).lower().split():
            return str(address)
    return None


def followed(base: str, link: str, *, without: frozenset[str] = frozenset()) -> str:
    """Give the address of a link from a page; `without` are parameters that are not to be in it.

    Raises:
        Odd: it leads to another host.

    Example:
        >>> followed("https://h/x", "http://h/x?key=k&page=2", without=frozenset({"key"}))
        'https://h/x?page=2'
    """
    here, there = urlsplit(base), urlsplit(urljoin(base, link))
    if (there.hostname, there.port or None) != (here.hostname, here.port or None):
        raise Odd(f"links to another host, `{there.hostname}`: who asks is not told there")
    kept = [(n, v) for n, v in parse_qsl(there.query, keep_blank_values=True) if n not in without]
    query = urlencode(kept) if without else there.query
    return urlunsplit(there._replace(scheme=here.scheme, netloc=here.netloc, query=query))


# The option --------------------------------------------------------------------------------------

_HAS: Mapping[str, set[str]] = {
    "page": {"param", "start", "size", "size_param", "has_more", "total", "in"},
    "offset": {"param", "start", "size", "size_param", "has_more", "total", "in"},
    "cursor": {"param", "start", "size", "size_param", "has_more", "total", "in", "next"},
    "link": {"size", "size_param", "has_more", "total", "next"},
}


def _fits(value: Held, given: Mapping[str, Held]) -> str | None:
    """Say what a kind of paging lacks, or has and does not know."""
    kind = str(value)
    if holds_variable(kind):
        return None
    foreign = sorted(given.keys() - _HAS[kind] - {"type", "max_pages"})
    if foreign:
        return f"{kind} has no use for `{foreign[0]}`"
    if kind == "cursor" and "next" not in given:
        return "cursor needs `next` beside it: where in an answer the next one is"
    return None


def _sized(_value: Held, given: Mapping[str, Held]) -> str | None:
    lacking = {"size", "size_param"} - given.keys()
    return f"needs `{lacking.pop()}` beside it" if lacking else None


def _many(value: Held, _given: Mapping[str, Held]) -> str | None:
    good = holds_variable(value) or (isinstance(value, int) and value > 0)
    return None if good else f"must be a whole number above 0 (got {value!r})"


_TYPE = Option("type", "How pages are asked for.", one_of(*_HAS), required=True, rule=_fits)

PAGING = group(
    _TYPE,
    Option("param", "Of page, offset or cursor; default the type.", TEXT),
    Option("start", "Of the first page; default 1, of offset 0.", SINGLE),
    Option("size", "Rows to ask for.", NUMBER, rule=_sized),
    Option("size_param", "Of the size.", TEXT, rule=_sized),
    Option("next", "Where an answer has the next cursor or link.", TEXT),
    Option("has_more", "Where an answer says whether there is more.", TEXT),
    Option("total", "Where an answer says how many rows there are.", TEXT),
    Option("in", "Where parameters go; default query.", one_of("query", "body")),
    Option("max_pages", "More are refused; default 10000.", NUMBER, rule=_many),
)
"""The kind of the option `paging`."""
