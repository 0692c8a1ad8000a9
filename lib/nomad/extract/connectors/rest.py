"""Connector `rest`: the rows of an API in JSON, page by page, as lines of JSON.

Each row lands as the server spelled it: no number is rounded, no text is changed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

from nomad.config.options import (
    MAP,
    TEXT,
    TEXTS,
    Held,
    Option,
    filled,
    holds_variable,
    one_of,
    texts,
)
from nomad.errors import ConfigError, CursorRefused, NomadError, Refused, SourceMissing
from nomad.extract import clock
from nomad.extract.auth import AUTH, Auth, auth
from nomad.extract.base import Bounds, Landed, Request
from nomad.extract.calls import NOT_THERE, Answer, Call, shown
from nomad.extract.jsontext import Document, Odd
from nomad.extract.paging import PAGING, Page, Paging, Place, followed, written
from nomad.extract.patience import OPTIONS

if TYPE_CHECKING:
    from nomad.extract.http import Session

_EXPIRED = 401
_REFUSED = (401, 403)
_NO_CURSOR = frozenset(range(400, 500)) - {401, 402, 403, 407}
"""Statuses that say no to what is asked for, not to who asks."""
_EMPTY = 204

_WATERMARK = re.compile(r"\$<WATERMARK>", re.IGNORECASE)
_UNTIL = re.compile(r"\$<UNTIL>", re.IGNORECASE)


# Options ---------------------------------------------------------------------------------------


def _url(value: Held, _given: Mapping[str, Held]) -> str | None:
    good = holds_variable(value) or str(value).lower().startswith(("http://", "https://"))
    return None if good else f"must begin with http:// or https:// (got {value!r})"


def _flat(value: Held, _given: Mapping[str, Held]) -> str | None:
    """Refuse what has no place in an address or a header."""
    values = list(cast("Mapping[str, object]", value).values())
    each = [v for held in values for v in (held if isinstance(held, list) else [held])]
    return (
        "must hold texts, or lists of them" if any(isinstance(v, Mapping) for v in each) else None
    )


def _posted(_value: Held, given: Mapping[str, Held]) -> str | None:
    return None if given.get("method") == "POST" else "needs `method: POST` beside it"


_OPTIONS = (
    Option("url", "The address that is asked.", TEXT, required=True, rule=_url),
    Option("method", "Default GET.", one_of("GET", "POST")),
    Option("params", "Parameters of the address.", MAP, rule=_flat),
    Option("headers", "Headers of each request.", MAP, rule=_flat),
    Option("body", "What is sent, as JSON.", MAP, rule=_posted),
    Option("auth", "Who asks, and how that is told.", AUTH),
    Option("records", "Where an answer has its rows, like data.items; default $, the top.", TEXT),
    Option("fields", "Of rows that are lists: the path of their names, or the names.", TEXTS),
    Option("paging", "How more than one page is asked for.", PAGING),
    Option("watermark_default", "What $<WATERMARK> is before anything was landed.", TEXT),
    *OPTIONS,
)


# Fetching --------------------------------------------------------------------------------------


class RestConnector:
    """Asks an API for the rows of a window."""

    options = _OPTIONS
    paged = True
    pages_only = True

    def fetch(self, request: Request, into: Path) -> Iterator[Landed]:
        """Write each page into a file of its own, with the place from which the next follows."""
        from nomad.extract.http import Session

        begin, count = Place.of(request.cursor) if request.cursor else None, 0
        with Session.of(request) as session:
            for page, file in written(Api.of(request, session).pages(begin), request.limit, into):
                count += 1
                yield Landed(file, request.window, cursor=page.after.text)
        if not count and begin is None and request.watermark is None:
            raise _nothing(request, "an answer without rows")

    def bounds(self, request: Request) -> Bounds:
        """Give those that the clock gives.

        Raises:
            ConfigError: nothing of what is sent says where a chunk ends.
        """
        if not any(_UNTIL.search(text) for text in texts(request.source.options)):
            raise ConfigError(
                f"source `{request.source.name}`: `chunk:` needs $<UNTIL> where it ends",
                where=request.source.origin,
                hint="e.g. params: {from: $<WATERMARK>, to: $<UNTIL>}",
            )
        return clock.bounds(request)

    def probe(self, request: Request) -> str:
        """Ask for the first page; say what it holds."""
        from nomad.extract.http import Session

        with Session.of(request) as session:
            api = Api.of(request, session)
            first = api.page(api.paging.begin)
        if not first.rows:
            return f"{api.call.host}: an answer without rows"
        names = ", ".join(json.loads(first.rows[0]))
        more = "the last" if first.after.ended else "more follow"
        return f"{api.call.host}: a page of {len(first.rows)} rows ({more}), with {names}"


CONNECTOR = RestConnector()


@dataclass(frozen=True)
class Api:
    """What a source asks for, ready to be sent."""

    request: Request
    session: Session
    auth: Auth
    paging: Paging
    call: Call
    body: Mapping[str, object] | None

    @classmethod
    def of(cls, request: Request, session: Session) -> Api:
        """Make it from a request, with the watermark filled in."""
        told = _marked(request)
        body = _map(told, "body") if "body" in told else None
        content = {"Content-Type": "application/json"} if body is not None else {}
        call = Call(
            str(told["url"]),
            str(told.get("method", "GET")),
            tuple(_pairs(_map(told, "params"))),
            {**content, **{n: _word(v) for n, v in _map(told, "headers").items()}},
            wants_json=True,
        )
        who = auth(request.source, session, lambda: request.clock().timestamp())
        return cls(request, session, who, Paging.of(request.source), call, body)

    def pages(self, begin: Place | None) -> Iterator[Page]:
        """Ask for each page with rows, from a place on, until the last."""
        place = begin or self.paging.begin
        asked = {place.at}
        while not place.ended:
            page = self.page(place)
            place = page.after
            if not place.ended and place.at in asked:
                raise self._odd(page.place, f"leads back to one before, `{place.at}`")
            asked.add(place.at)
            if page.rows:
                yield page

    def page(self, place: Place) -> Page:
        """Ask for one page."""
        answer = self._answer(place)
        try:
            document, rows = self._read(answer)
            after = self.paging.after(place, rows, document, answer)
            if self.paging.kind == "link" and after.at is not None and not after.ended:
                base = self._call(place).url
                link = followed(base, after.at, without=frozenset(self.auth.params))
                after = replace(after, at=link)
        except Odd as e:
            raise self._odd(place, f"{e}", answer.data) from e
        return Page(rows, place, after)

    def _read(self, answer: Answer) -> tuple[Document, list[str]]:
        options = self.request.source.options
        if answer.status == _EMPTY:
            return Document("", None), []
        document = Document.of(answer.data, _encoding(answer))
        fields = cast("str | Sequence[str] | None", options.get("fields"))
        return document, document.rows(str(options.get("records", "$")), fields)

    def _call(self, place: Place) -> Call:
        more = self.paging.asked(place)
        if self.paging.kind == "link" and place.at is not None:
            return self._sent(replace(self.call, url=place.at, params=()), {})
        if not self.paging.in_body:
            return self._sent(self.call.with_params(_pairs(more)), {})
        return self._sent(self.call, more)

    def _sent(self, call: Call, more: Mapping[str, object]) -> Call:
        """Put the body in, with what goes there to ask for a page."""
        if self.body is None and not more:
            return call
        body = dict(self.body or {})
        for path, value in more.items():
            _put(body, path.split("."), value)
        return replace(call, body=json.dumps(body, ensure_ascii=False).encode())

    def _answer(self, place: Place) -> Answer:
        call = self._call(place)
        answer = self.session.ask(self.auth.on(call))
        if answer.status == _EXPIRED and self.auth.renew():
            answer = self.session.ask(self.auth.on(call))
        if answer.is_good:
            return answer
        raise self._failed(call, answer, place)

    def _failed(self, call: Call, answer: Answer, place: Place) -> NomadError:
        """Say what a status means."""
        if answer.status in _REFUSED:
            what = f"it refuses who asks: {answer.told}: {shown(answer.data)}"
            hint = "check `auth:` of the source, and that it may have what it asks for"
            return self.session.unreachable(call, what, hint)
        if answer.status in NOT_THERE and place == self.paging.begin:
            return _nothing(self.request, answer.told)
        what = f"{answer.told} for page {place.number}: {shown(answer.data)}"
        failed = self.session.unreachable(
            call, what, "check `url`, `params` and `paging` of the source"
        )
        if answer.status in _NO_CURSOR and place.text == self.request.cursor:
            again = "`nomad extract --force` fetches it from its beginning"
            return CursorRefused(failed.what, where=failed.where, hint=again)
        return failed

    def _odd(self, place: Place, what: str, data: bytes = b"") -> Refused:
        text = f": {shown(data)}" if data else ""
        return Refused(
            f"source `{self.request.source.name}`: page {place.number} {what}{text}",
            where=self.call.url,
            hint="nothing of this page was landed; compare `records`, `fields` and `paging` of the"
            " source with what the API answers",
        )


def _nothing(request: Request, why: str) -> SourceMissing:
    day = f" for {request.window}" if request.window else ""
    return SourceMissing(
        f"source `{request.source.name}` has nothing{day}: {why}",
        where=str(request.source.options["url"]),
        hint="check the date (a holiday?), `url:` and `params:` in nomad.yaml",
    )


def _encoding(answer: Answer) -> str:
    told = re.search(r"charset=\"?([\w-]+)", answer.headers.get("content-type", ""))
    return told[1] if told else "utf-8"


# Parameters ------------------------------------------------------------------------------------


def _map(options: Mapping[str, Held], name: str) -> Mapping[str, object]:
    held = options.get(name)
    return held if isinstance(held, Mapping) else {}


def _pairs(params: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    """Give parameters as they are sent; one that is a list comes as often as it has values."""
    for name, held in params.items():
        for value in held if isinstance(held, list) else [held]:
            if value is not None:
                yield name, _word(value)


def _word(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(map(_word, value))
    return str(value).lower() if isinstance(value, bool) else str(value)


def _put(body: dict[str, object], path: Sequence[str], value: object) -> None:
    """Set a value in a map of maps, each map anew."""
    name, *below = path
    if not below:
        body[name] = value
        return
    held = body.get(name)
    inner = dict(held) if isinstance(held, Mapping) else {}
    _put(inner, below, value)
    body[name] = inner


def _marked(request: Request) -> dict[str, Held]:
    """Fill in the watermark; before there is one, leave out what would hold it. And up to when.

    Raises:
        ConfigError: the address can't do without.
    """
    until = request.until or clock.present(request)
    every = request.source.options.items()
    options = {n: filled(v, lambda text: _UNTIL.sub(until, text)) for n, v in every}
    default = options.get("watermark_default")
    mark = request.watermark if request.watermark is not None else default
    if mark is None and _WATERMARK.search(str(options["url"])):
        raise ConfigError(
            f"source `{request.source.name}`: its `url` holds $<WATERMARK>, and nothing was landed",
            where=request.source.origin,
            hint="say `watermark_default:`, or ask for it in `params:`, which may lack it",
        )
    return {
        n: cast("Held", _filled(v, mark)) for n, v in options.items() if n != "watermark_default"
    }


def _filled(value: object, mark: object) -> object:
    if isinstance(value, str):
        return value if mark is None else _WATERMARK.sub(lambda _: str(mark), value)
    if isinstance(value, Mapping):
        return {n: _filled(v, mark) for n, v in value.items() if not _lacks(v, mark)}
    return (
        [_filled(v, mark) for v in value if not _lacks(v, mark)]
        if isinstance(value, list)
        else value
    )


def _lacks(value: object, mark: object) -> bool:
    return mark is None and isinstance(value, str) and bool(_WATERMARK.search(value))
