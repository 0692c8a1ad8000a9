"""Connector `tushare`: the rows of an interface of TuShare Pro, all pages, as lines of JSON.

Each row lands as the vendor spelled it, its columns by the names in the answer.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

from nomad.config.options import (
    MAP,
    NUMBER,
    SWITCH,
    TEXT,
    TEXTS,
    Held,
    Option,
    holds_variable,
    one_of,
    texts,
)
from nomad.config.sources import ALLOW, REFUSE
from nomad.errors import Refused, SourceMissing, hide
from nomad.extract import tushare_limits
from nomad.extract.base import Landed, Request
from nomad.extract.calls import Answer, Call, shown
from nomad.extract.jsontext import Document, Odd
from nomad.extract.paging import Page, Place, written
from nomad.extract.patience import OPTIONS, Patience, spacing
from nomad.extract.tushare_answers import Asker, Said, later
from nomad.hashing import digest

if TYPE_CHECKING:
    from nomad.extract.http import Session

_URL = "https://api.tushare.pro"
_MOST = 1000
"""Pages of one window; more have no end."""

_SPARED = 60.0
"""Seconds for which an account that was refused is not asked for again."""


# Options ---------------------------------------------------------------------------------------


def _url(value: Held, _given: Mapping[str, Held]) -> str | None:
    good = holds_variable(value) or str(value).lower().startswith(("http://", "https://"))
    return None if good else f"must begin with http:// or https:// (got {value!r})"


def _asked(value: Held, _given: Mapping[str, Held]) -> str | None:
    held = cast("Mapping[str, object]", value)
    if any(isinstance(v, Mapping) for v in held.values()):
        return "must hold texts, or lists of them"
    if taken := sorted({"limit", "offset"} & held.keys()):
        return f"can't hold `{taken[0]}`: pages are asked for by themselves, see `page`"
    if any("$<WATERMARK>" in text.upper() for text in texts(value)):
        return "can't hold $<WATERMARK>: ask by date, or in parts by `each:`"
    return None


def _rows(value: Held, _given: Mapping[str, Held]) -> str | None:
    good = holds_variable(value) or (str(value).isdigit() and int(str(value)) > 0)
    return None if good else f"must be a whole number above 0 (got {value!r})"


_OPTIONS = (
    Option("api", "The interface: daily, trade_cal, income, and so on.", TEXT, required=True),
    Option("token", "Of the account, like ${TUSHARE_TOKEN}.", TEXT, required=True, asks=False),
    Option("params", "What the interface is asked.", MAP, rule=_asked),
    Option("fields", "The columns to ask for; default the interface's own.", TEXTS),
    Option("points", "Of the account; default 2000.", NUMBER, rule=_rows, asks=False),
    Option("page", "Rows a request; default what is known.", NUMBER, rule=_rows, asks=False),
    Option("paging", "false: the interface heeds no offset.", SWITCH, asks=False),
    Option("empty", "allow: nothing is no error.", one_of(REFUSE, ALLOW), asks=False),
    Option("url", f"Default {_URL}.", TEXT, rule=_url, asks=False),
    *OPTIONS,
)


# Fetching --------------------------------------------------------------------------------------


class TushareConnector:
    """Asks TuShare for the rows of a window."""

    options = _OPTIONS
    paged = True
    pages_only = True

    def fetch(self, request: Request, into: Path) -> Iterator[Landed]:
        """Write each page into a file of its own, with the place from which the next follows.

        What comes as one page has no such place: it is whole.
        """
        begin, count = Place.of(request.cursor) if request.cursor else Place(), 0
        with _session(request) as session:
            for page, file in written(Api.of(request, session).pages(begin), request.limit, into):
                count += 1
                is_all = page.after.ended and page.place.number == 1
                yield Landed(file, request.window, cursor=None if is_all else page.after.text)
        if not count and not request.cursor:
            yield from _nothing(request, into)

    def probe(self, request: Request) -> str:
        """Ask for one row; say what it has."""
        with _session(request) as session:
            api = Api.of(replace(request, limit=1), session)
            page = api.page(Place())
        if not page.rows:
            return f"{api.call.host}: `{api.asker.api}` answers, without rows"
        return f"{api.call.host}: `{api.asker.api}` has {', '.join(json.loads(page.rows[0]))}"


CONNECTOR = TushareConnector()


def _session(request: Request) -> Session:
    """Have requests made by the rate that the source names, or the one of its account."""
    from nomad.extract.http import Session

    options, patience = request.source.options, Patience.of(request.source)
    if patience.spacing is None:
        points = float(str(options.get("points", tushare_limits.POINTS)))
        calls = tushare_limits.calls(str(options["api"]), points)
        patience = patience._replace(spacing=spacing(f"{calls}/minute"))
    return Session.of(request, patience)


def _nothing(request: Request, into: Path) -> Iterator[Landed]:
    """Say that nothing came, where that is an error; or give no row.

    Raises:
        SourceMissing: it is one.
    """
    if request.source.options.get("empty") == ALLOW:
        path = into / "none.json"
        path.touch()
        yield Landed(path, request.window)
        return
    of = f" for {request.window}" if request.window else ""
    raise SourceMissing(
        f"source `{request.source.name}` has nothing{of}: TuShare gave no row",
        where=request.source.origin,
        hint="a holiday, a day that isn't ready, and a wrong code look the same to it; check"
        " `params:`, or say `empty: allow`",
    )


@dataclass(frozen=True)
class Api:
    """What a source asks an interface, ready to be sent."""

    session: Session
    asker: Asker
    call: Call
    body: Mapping[str, object]
    fields: frozenset[str]
    size: int
    in_pages: bool

    @classmethod
    def of(cls, request: Request, session: Session) -> Api:
        """Make it from a request."""
        source, options = request.source, request.source.options
        api, token = str(options["api"]), str(options["token"])
        hide(token)
        url = str(options.get("url", _URL))
        call = Call(
            url,
            "POST",
            headers={"Content-Type": "application/json"},
            wants_json=True,
            quota=f"{api} of account {digest(token)[:8]}",
            later=later(request.clock),
            follows=False,
        )
        fields = _fields(options.get("fields"))
        params = cast("Mapping[str, object]", options.get("params", {}))
        named = {n: _word(v) for n, v in params.items() if v is not None}
        body = {"api_name": api, "token": token, "params": named, "fields": ",".join(fields)}
        size = int(str(options.get("page", tushare_limits.interface(api).rows)))
        return cls(
            session,
            Asker(source.name, api, url, source.origin),
            call,
            body,
            frozenset(fields),
            size if request.limit is None else min(size, request.limit),
            options.get("paging") is not False,
        )

    def pages(self, begin: Place) -> Iterator[Page]:
        """Ask for each page with rows, from a place on, until the last."""
        place = begin
        while not place.ended:
            page = self.page(place)
            place = page.after
            if page.rows:
                yield page

    def page(self, place: Place) -> Page:
        """Ask for one page.

        Raises:
            Unreachable: the account is refused, or nothing came.
            Refused: it is not what should have come, or not all of it.
            ConfigError: it was asked wrongly.
        """
        answer = self._answer(place)
        try:
            document = Document.of(answer.data)
            said = Said.of(document)
            rows = [] if said.code else self._rows(document)
            after = place if said.code else self._after(place, rows, document)
        except Odd as e:
            raise self._odd(place, f"{e}: {shown(answer.data)}") from e
        if said.code:
            self._spare(said)
            raise self.asker.fault(said)
        return Page(rows, place, after)

    def _answer(self, place: Place) -> Answer:
        params = dict(cast("Mapping[str, object]", self.body["params"]))
        if self.in_pages:
            params |= {"limit": self.size, "offset": place.rows}
        text = json.dumps({**self.body, "params": params}, ensure_ascii=False)
        answer = self.session.ask(replace(self.call, body=text.encode()))
        if answer.status != _OK:
            raise self.session.unreachable(self.call, f"{answer.told}: {shown(answer.data)}")
        return answer

    def _spare(self, said: Said) -> None:
        """Spare the vendor what it would refuse in the same words, for each date of a range."""
        if said.is_lasting:
            self.session.spare(self.call, _SPARED, f"it said `{said}`")

    def _rows(self, document: Document) -> list[str]:
        """Give the rows by the names of the answer.

        Raises:
            Odd: a field that was asked for isn't there or is twice, or a row has another length.
        """
        if document.at("data") is None:
            raise Odd("has no `data`, though its code is 0")
        rows = document.rows("data.items", "data.fields")
        names = cast("list[str]", document.at("data.fields") or [])
        if twice := sorted({n for n in names if names.count(n) > 1}):
            raise Odd(f"has the field `{twice[0]}` twice")
        if rows and (lacking := sorted(self.fields - set(names))):
            raise Odd(f"lacks the field `{lacking[0]}`, which was asked for")
        return rows

    def _after(self, place: Place, rows: list[str], document: Document) -> Place:
        """Tell what follows a page: one of just so many rows as a limit is cut off.

        Raises:
            Odd: what follows can't be had.
        """
        more = str(document.find("data.has_more")).lower() in ("true", "1")
        mark = digest(*rows)
        if rows and mark == place.digest:
            raise Odd("has the same rows as the one before: does the interface heed `offset`?")
        if more and not rows:
            raise Odd("has no rows, and `has_more` says that there are more")
        follows = more or len(rows) == self.size or len(rows) in tushare_limits.CAPS
        if follows and not self.in_pages:
            raise Odd(f"is cut off at {len(rows)} rows, and `paging` is false")
        if follows and place.number >= _MOST:
            raise Odd(f"is not the last, and more than {_MOST} have no end")
        return Place(place.number + 1, None, place.rows + len(rows), mark, ended=not follows)

    def _odd(self, place: Place, what: str) -> Refused:
        return Refused(
            f"source `{self.asker.source}`: page {place.number} of `{self.asker.api}` {what}",
            where=self.asker.url,
            hint="nothing of it was landed; run the same command again, ask for less at a time (by"
            " date, or in parts by `each:`), or correct `fields:`, `page:` or `paging:`",
        )


_OK = 200


def _fields(held: Held) -> list[str]:
    """Give the names of columns, from a list or a text with commas."""
    every = held if isinstance(held, list) else str(held or "").split(",")
    return [name for n in every if (name := str(n).strip())]


def _word(value: object) -> str:
    """Spell a parameter: several codes are one text."""
    if isinstance(value, list):
        return ",".join(map(_word, value))
    return str(int(value)) if isinstance(value, bool) else str(value)
