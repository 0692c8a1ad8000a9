"""Requests over HTTP: each in its turn, again where that can heal, and not for ever."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, Self
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import urllib3
from urllib3.exceptions import HTTPError, IncompleteRead, MaxRetryError, ProtocolError

from nomad.errors import Refused, SourceMissing, Unreachable
from nomad.extract.base import Request
from nomad.extract.calls import FAULTY, NOT_THERE, Answer, Call, shown
from nomad.extract.hosts import Host
from nomad.extract.patience import HEALING, Patience, moment, retry_after
from nomad.files import translated

_log = logging.getLogger(__name__)

SCHEMES = ("http://", "https://")

_FORBIDDEN, _NO_HEAD = 403, 405

_RESETS, _FORBIDDEN_FILES = 5, 20
"""So many in a row are a ban; a store of files may say 403 of one that is not there."""

_CHUNK = 1 << 16
_HOPS = 10


class _Fault(NamedTuple):
    """Why an attempt came to nothing, and whether another may do better."""

    what: object
    heals: bool = True
    after: float | None = None
    is_reset: bool = False
    of_quota: bool = False


class Session:
    """The requests of one source, each made once it is its host's turn.

    `spend` is called before each, and raises where no more may be made.
    """

    def __init__(
        self,
        source: str,
        patience: Patience,
        *,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
        spend: Callable[[], None] = lambda: None,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._source, self._patience = source, patience
        self._clock, self._sleep, self._spend, self._jitter = clock, sleep, spend, jitter
        self._pools: dict[str, urllib3.PoolManager] = {}

    @classmethod
    def of(cls, request: Request, patience: Patience | None = None) -> Session:
        """Make that of a connector's request, as patient as its source says."""
        return cls(
            request.source.name,
            patience or Patience.of(request.source),
            clock=lambda: request.clock().timestamp(),
            sleep=request.sleep,
            spend=request.spend,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for pool in self._pools.values():
            pool.clear()

    def ask(self, call: Call, to: Path | None = None) -> Answer:
        """Make a request; what comes goes into a file, if one is named and the answer is good.

        An answer of a status that does not heal is given as it is, for the caller to judge.

        Raises:
            Unreachable: no whole answer came in all attempts, or the host is to be left alone.
            Refused: JSON was asked for, and HTML came.
        """
        began, attempt = self._clock(), 0
        try:
            host = Host(call.host, self._source, self._clock)
            quota = self._quota(host, call)
            while True:
                attempt += 1
                self._turn(host, quota)
                got = self._tried(call, to)
                if isinstance(got, Answer):
                    return self._judged(host, call, got)
                held = quota if got.of_quota else host
                self._again(held, call, got, attempt=attempt, began=began)
        except ValueError as e:  # no address
            raise self.unreachable(call, e) from e

    def _quota(self, host: Host, call: Call) -> Host:
        """Give what a request is counted by: a part of its host, or all of it."""
        named = f"{call.host} {call.quota}"
        return Host(named, self._source, self._clock) if call.quota else host

    def spare(self, call: Call, seconds: float, why: str) -> None:
        """Have nobody make such requests for some time: the answer would be the same."""
        host = Host(call.host, self._source, self._clock)
        self._quota(host, call).close(seconds, why)

    def _turn(self, host: Host, quota: Host) -> None:
        wait = quota.take(self._patience.spacing)
        if quota is not host:
            wait = max(wait, host.take(None))
        if wait > 0:
            _log.info("source `%s`: its turn at the host is in %.1f s", self._source, wait)
            self._sleep(wait)
            host.look()
            quota.look()
        self._spend()

    def _again(self, host: Host, call: Call, fault: _Fault, *, attempt: int, began: float) -> None:
        """Wait for the next attempt, or give up."""
        if fault.is_reset:
            host.suspect("it resets connections, as it does to who is banned", enough=_RESETS)
        wait = self._patience.wait(attempt, fault.after, self._jitter())
        left = self._patience.total - (self._clock() - began)
        if not fault.heals or attempt > self._patience.retries or wait > left:
            raise self._given_up(host, call, fault, attempt=attempt, left=left)
        _log.warning("source `%s`: %s; asking again in %.1f s", self._source, fault.what, wait)
        if fault.after is not None:
            host.pause(wait)
        self._sleep(wait)

    def _given_up(
        self, host: Host, call: Call, fault: _Fault, *, attempt: int, left: float
    ) -> Unreachable:
        if fault.after is not None and fault.after > left:
            until = host.close(fault.after, f"it said {fault.what}, and when to ask again")
            return self.unreachable(call, f"{fault.what}, and it is not to be asked before {until}")
        times = f" ({attempt} attempts)" if attempt > 1 else ""
        return self.unreachable(call, f"{fault.what}{times}")

    def unreachable(self, call: Call, why: object, hint: str | None = None) -> Unreachable:
        """Say why there is no answer to a request."""
        return Unreachable(
            f"source `{self._source}` can't be reached: {why}",
            where=call.url,
            hint=hint or "check the address and the network, then run the same command again",
        )

    def _judged(self, host: Host, call: Call, answer: Answer) -> Answer:
        """Note what an answer says of the host."""
        if call.login:
            return answer
        if answer.status == _FORBIDDEN:
            why = f"it said {answer.told} after it had answered, as it does to who is banned"
            host.suspect(why, enough=1 if call.wants_json else _FORBIDDEN_FILES)
        elif answer.is_good and call.wants_json and _is_markup(answer):
            why = f"HTML came where JSON was due: {shown(answer.data)}"
            host.suspect(f"{why}, as it does to who is banned", enough=1)
            raise Refused(
                f"source `{self._source}`: {why}",
                where=call.url,
                hint="open the address in a browser: is it the API's, and is a login asked for?",
            )
        elif answer.is_good or answer.status in NOT_THERE:
            host.answered()
        return answer

    def _tried(self, call: Call, to: Path | None) -> Answer | _Fault:
        """Make one attempt."""
        response = None
        try:
            response = self._pool(call).urlopen(
                call.method,
                call.address,
                body=call.body,
                headers=call.sent,
                retries=_following(call) if call.follows else False,
                timeout=urllib3.Timeout(self._patience.timeout),
                preload_content=False,
            )
            answer = _read(response, call, to)
            response.release_conn()
        except HTTPError as e:
            return _fault(e)
        finally:
            if response is not None:
                response.close()
        if answer.status in HEALING:
            now = moment(answer.headers.get("date")) or self._clock()
            after = retry_after(answer.headers.get("retry-after"), now)
            return _Fault(answer.told, after=after)
        if later := call.later(answer):
            return _Fault(later.what, after=later.after, of_quota=True)
        return answer

    def _pool(self, call: Call) -> urllib3.PoolManager:
        """Give the connections to a host: straight, or by the proxy that the environment names."""
        if call.host not in self._pools:
            parts = urlsplit(call.address)
            proxy = None if proxy_bypass(parts.netloc) else getproxies().get(parts.scheme)
            pool = urllib3.ProxyManager(proxy) if proxy else urllib3.PoolManager()
            self._pools[call.host] = pool
        return self._pools[call.host]


def _following(call: Call) -> urllib3.Retry:
    """Follow redirects, and do no more; what says who asks goes to no other host."""
    return urllib3.Retry(
        total=None, connect=0, read=0, status=0, other=0, redirect=_HOPS,
        respect_retry_after_header=False, remove_headers_on_redirect=call.sent.keys(),
    )  # fmt: skip


def _read(response: urllib3.BaseHTTPResponse, call: Call, to: Path | None) -> Answer:
    headers = {name.lower(): value for name, value in response.headers.items()}
    answer = Answer(response.status, headers, reason=response.reason or "")
    if to is None or response.status >= FAULTY:
        data = b"".join(response.stream(_CHUNK, decode_content=call.wants_json))
        return Answer(answer.status, headers, data, answer.reason)
    with translated(str(to)), to.open("wb") as f:
        for part in response.stream(_CHUNK, decode_content=False):
            f.write(part)
    return answer


def _fault(e: HTTPError) -> _Fault:
    """Say what a library's error means."""
    cause: object = e.reason if isinstance(e, MaxRetryError) else e
    half = next((a for a in getattr(cause, "args", ()) if isinstance(a, IncompleteRead)), cause)
    if isinstance(half, IncompleteRead) and half.expected is not None:
        got = half.partial or 0
        return _Fault(f"{got} of {got + half.expected} bytes came")
    heals = not isinstance(
        cause,
        urllib3.exceptions.SSLError
        | urllib3.exceptions.LocationValueError
        | urllib3.exceptions.ResponseError,
    )
    root = _root(cause)
    is_reset = isinstance(cause, ProtocolError) and isinstance(root, ConnectionError)
    return _Fault(root, heals, is_reset=is_reset)


def _root(error: object) -> object:
    """Give what the system said, without the library's words around it."""
    inner = [a for a in getattr(error, "args", ()) if isinstance(a, Exception)]
    below = getattr(error, "__cause__", None) or (inner[-1] if inner else None)
    return _root(below) if below is not None else error


def _is_markup(answer: Answer) -> bool:
    return answer.data.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<")


def download(url: str, to: Path, request: Request) -> bool:
    """Write what is at an address to a file; False where there is nothing.

    Raises:
        Unreachable: no answer, another one than was asked for, or half of one.
    """
    call = Call(url)
    with Session.of(request) as session:
        answer = session.ask(call, to)
        if not answer.is_good and answer.status not in NOT_THERE:
            raise session.unreachable(call, answer.told)
    return answer.is_good


def size(url: str, request: Request) -> int | None:
    """Ask for the bytes of what is at an address; None where the server doesn't tell.

    Raises:
        SourceMissing: there is nothing.
        Unreachable: no answer, or another one than was asked for.
    """
    call = Call(url, method="HEAD")
    with Session.of(request) as session:
        answer = session.ask(call)
        if answer.status in NOT_THERE:
            raise SourceMissing(f"source `{request.source.name}` has no file", where=url)
        if not answer.is_good and answer.status != _NO_HEAD:
            raise session.unreachable(call, answer.told)
    told = answer.headers.get("content-length", "")
    return int(told) if answer.is_good and told.isdigit() else None
