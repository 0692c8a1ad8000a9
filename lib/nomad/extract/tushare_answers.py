"""What TuShare says in place of rows, told apart by its words: one code means several things."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from nomad.errors import ConfigError, NomadError, Unreachable
from nomad.extract.calls import Answer, Later
from nomad.extract.jsontext import Document, Odd
from nomad.extract.tushare_limits import INTERFACES, interface
from nomad.names import did_you_mean

_BRIEF = 4096
"""An answer of more bytes has rows."""

_NO_RIGHTS = 2002
_PARAMETERS = 50101

_SHANGHAI = timedelta(hours=8)
_MINUTE, _HOUR, _DAY = 60.0, 3600.0, 86400.0

_LIMITS = ((r"每天|/天", _DAY), (r"每小时|/小时", _HOUR), (r"每分钟|/分钟|频率超限", _MINUTE))
"""Words of who asks too often, and the time by which requests are counted."""


class Said(NamedTuple):
    """A code and its message."""

    code: int
    msg: str

    @classmethod
    def of(cls, document: Document) -> Said:
        """Take it from an answer.

        Raises:
            Odd: it has no code.
        """
        code = str(document.at("code"))
        if not re.fullmatch(r"-?\d+", code):
            raise Odd(f"has no number at `code`: it is `{code}`")
        told = document.find("msg") or document.find("message") or ""
        return cls(int(code), str(told).strip())

    def __str__(self) -> str:
        return f"{self.code} {self.msg}".strip()

    @property
    def is_of_token(self) -> bool:
        """Whether the vendor doesn't know who asks."""
        return "token" in self.msg.lower()

    @property
    def is_of_rights(self) -> bool:
        """Whether the account may not ask for this."""
        return "权限" in self.msg or self.code == _NO_RIGHTS

    @property
    def is_of_addresses(self) -> bool:
        """Whether too many machines ask for the account."""
        return "IP" in self.msg

    @property
    def is_lasting(self) -> bool:
        """Whether the account is refused, whatever it asks the interface for next."""
        return self.is_of_token or self.is_of_rights or self.is_of_addresses


def later(now: Callable[[], datetime]) -> Callable[[Answer], Later | None]:
    """Make what reads from an answer that too much was asked, and until when to wait."""

    def read(answer: Answer) -> Later | None:
        if not answer.is_good or len(answer.data) > _BRIEF:
            return None
        try:
            said = Said.of(Document.of(answer.data))
        except Odd:
            return None
        found = (span for words, span in _LIMITS if re.search(words, said.msg))
        span = next(found, None) if said.code else None
        return None if span is None else Later(f"`{said}`", _rest(span, now()))

    return read


def _rest(span: float, now: datetime) -> float:
    """Give the seconds to wait: a day ends at midnight in Shanghai, what is shorter may slide."""
    if span < _DAY:
        return span
    there = now.astimezone(UTC) + _SHANGHAI
    return _DAY - (there.hour * 3600 + there.minute * 60 + there.second)


class Asker(NamedTuple):
    """Who asked what, and where that is written."""

    source: str
    api: str
    url: str
    origin: str

    def fault(self, said: Said) -> NomadError:
        """Say what a code means, and what to do."""
        if said.is_of_token:
            what = f"TuShare doesn't know the token: `{said}`"
            return self._unreachable(what, "set TUSHARE_TOKEN to the token that its site shows")
        if said.is_of_rights:
            return self._no_rights(said)
        if said.is_of_addresses:
            hint = "ask from fewer machines, or wait until the vendor has forgotten the others"
            return self._unreachable(f"the token is used at too many addresses: `{said}`", hint)
        if "接口名" in said.msg:
            near = did_you_mean(self.api, INTERFACES)
            return self._misuse(f"no interface `{self.api}`: `{said}`", near or "check `api:`")
        if said.code == _PARAMETERS:
            hint = "check `params:`; some interfaces say the same where they have nothing"
            return self._misuse(f"`{self.api}` can't be asked like that: `{said}`", hint)
        return self._unreachable(f"TuShare said `{said}`", "run the same command again later")

    def _no_rights(self, said: Said) -> Unreachable:
        takes = interface(self.api).points
        known = (
            f" (as far as is known, it takes {takes:,} points)" if self.api in INTERFACES else ""
        )
        return self._unreachable(
            f"the account has too few points for `{self.api}`{known}: `{said}`",
            "get more points, or leave this source out: `nomad extract OTHER…`",
        )

    def _unreachable(self, what: str, hint: str) -> Unreachable:
        return Unreachable(f"source `{self.source}`: {what}", where=self.url, hint=hint)

    def _misuse(self, what: str, hint: str) -> ConfigError:
        return ConfigError(f"source `{self.source}`: {what}", where=self.origin, hint=hint)
