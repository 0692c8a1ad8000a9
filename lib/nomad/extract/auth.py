"""How a source says who asks: a header, a parameter, or a token that runs out."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlencode

from nomad.config.options import SINGLE, TEXT, Held, Option, group, holds_variable, one_of
from nomad.config.sources import SourceConfig
from nomad.errors import ConfigError, hide
from nomad.extract.calls import Answer, Call, basic, shown
from nomad.extract.jsontext import Document, Odd

if TYPE_CHECKING:
    from nomad.extract.http import Session

_EARLY = 30.0
"""Seconds before its end by which a token is no longer sent."""


class Auth(Protocol):
    """Who asks."""

    @property
    def params(self) -> Mapping[str, str]:
        """The parameters by which it is said: each request has them anew."""

    def on(self, call: Call) -> Call:
        """Say it on a request."""

    def renew(self) -> bool:
        """Get a new proof after one was refused; False where there is no other."""


@dataclass(frozen=True)
class Known:
    """Says always the same."""

    headers: Mapping[str, str]
    params: Mapping[str, str]

    def on(self, call: Call) -> Call:
        """Add the headers, and the parameters in place of what has their names."""
        known = call.with_params(self.params.items())
        return replace(known, headers={**call.headers, **self.headers})

    def renew(self) -> bool:
        """Give none."""
        return False


class ClientCredentials:
    """Asks for a token of OAuth2 when it needs one, and again when that runs out."""

    params: Mapping[str, str] = MappingProxyType({})

    def __init__(
        self, told: Mapping[str, str], session: Session, clock: Callable[[], float]
    ) -> None:
        self._told, self._session, self._clock = told, session, clock
        self._token, self._until = "", 0.0

    def on(self, call: Call) -> Call:
        """Send the token.

        Raises:
            Unreachable: there is none to be had.
        """
        if self._clock() >= self._until:
            self.renew()
        headers = {**call.headers, "Authorization": f"Bearer {self._token}"}
        return replace(call, headers=headers)

    def renew(self) -> bool:
        """Get a token.

        Raises:
            Unreachable: the server gives none.
        """
        call = self._call()
        answer = self._session.ask(call)
        given = _given(answer) if answer.is_good else None
        if given is None:
            raise self._session.unreachable(
                call,
                f"no `access_token` came: {answer.told}: {shown(answer.data)}",
                "check `token_url`, `client_id`, `client_secret` and `scope` of `auth:`",
            )
        self._token, seconds = given
        hide(self._token)
        self._until = self._clock() + seconds - min(_EARLY, seconds / 2)
        return True

    def _call(self) -> Call:
        told, headers = self._told, {"Content-Type": "application/x-www-form-urlencoded"}
        form = {"grant_type": "client_credentials"}
        if told.get("send") == "header":
            headers["Authorization"] = basic(f"{told['client_id']}:{told['client_secret']}")
        else:
            form |= {name: told[name] for name in ("client_id", "client_secret")}
        form |= {"scope": told["scope"]} if "scope" in told else {}
        body = urlencode(form).encode()
        url = told["token_url"]
        return Call(url, "POST", headers=headers, body=body, wants_json=True, login=True)


def _given(answer: Answer) -> tuple[str, float] | None:
    """Give a token and its seconds; where nobody says how many, it lasts until it is refused."""
    try:
        document = Document.of(answer.data)
    except Odd:
        return None
    token, seconds = document.find("access_token"), str(document.find("expires_in"))
    if not isinstance(token, str) or not token:
        return None
    return token, float(seconds) if re.fullmatch(r"\d{1,9}(\.\d+)?", seconds) else math.inf


def auth(
    source: SourceConfig, session: Session, clock: Callable[[], float]
) -> Known | ClientCredentials:
    """Make it from the option of a source; what is secret is masked from now on.

    Raises:
        ConfigError: what a variable put there makes no sense.
    """
    told = source.options.get("auth")
    if told is not None and (fault := AUTH.fault(told)):
        raise ConfigError(f"source `{source.name}`: `auth` {fault}", where=source.origin)
    words = {n: str(v) for n, v in told.items()} if isinstance(told, Mapping) else {}
    for name in _SECRET & words.keys():
        hide(words[name])
    match words.get("type"):
        case "bearer":
            return Known({"Authorization": f"Bearer {words['token']}"}, {})
        case "basic":
            return Known({"Authorization": basic(f"{words['user']}:{words['password']}")}, {})
        case "header":
            return Known({words["name"]: words["value"]}, {})
        case "query":
            return Known({}, {words["name"]: words["value"]})
        case "oauth2":
            return ClientCredentials(words, session, clock)
    return Known({}, {})


# The option --------------------------------------------------------------------------------------

_NEEDS = {
    "bearer": {"token"},
    "basic": {"user", "password"},
    "header": {"name", "value"},
    "query": {"name", "value"},
    "oauth2": {"token_url", "client_id", "client_secret"},
}
_MAY = {"oauth2": {"scope", "send"}}
_SECRET = {"token", "password", "value", "client_secret"}


def _whole(value: Held, given: Mapping[str, Held]) -> str | None:
    """Say what a kind lacks, or has and does not know."""
    kind = str(value)
    if holds_variable(kind):
        return None
    if lacking := sorted(_NEEDS[kind] - given.keys()):
        return f"{kind} needs {' and '.join(f'`{n}`' for n in lacking)} beside it"
    foreign = sorted(given.keys() - _NEEDS[kind] - _MAY.get(kind, set()) - {"type"})
    return f"{kind} has no use for `{foreign[0]}`" if foreign else None


AUTH = group(
    Option("type", "How who asks is told.", one_of(*_NEEDS), required=True, rule=_whole),
    Option("token", "Of bearer.", TEXT),
    Option("user", "Of basic.", SINGLE),
    Option("password", "Of basic.", SINGLE),
    Option("name", "Of header and query: what it is called.", TEXT),
    Option("value", "Of header and query.", SINGLE),
    Option("token_url", "Of oauth2: where a token is had.", TEXT),
    Option("client_id", "Of oauth2.", SINGLE),
    Option("client_secret", "Of oauth2.", SINGLE),
    Option("scope", "Of oauth2.", TEXT),
    Option("send", "Of oauth2: id and secret in the body or a header.", one_of("body", "header")),
)
"""The kind of the option `auth`."""
