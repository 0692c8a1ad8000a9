"""One file over HTTP."""

from __future__ import annotations

import base64
import http.client
import shutil
import string
import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit, urlunsplit

from nomad.errors import Unreachable

SCHEMES = ("http://", "https://")

_TIMEOUT = 60.0
"""Seconds without an answer after which a source counts as unreachable."""

_NOT_THERE = (404, 410)


def download(url: str, to: Path, *, source: str) -> bool:
    """Write what is at an address to a file; False where there is nothing.

    Raises:
        Unreachable: no answer, another one than was asked for, or half of one.
    """
    try:
        asked = _request(url)
        with urllib.request.urlopen(asked, timeout=_TIMEOUT) as answer, to.open("wb") as f:
            shutil.copyfileobj(answer, f)
            told = answer.headers.get("Content-Length")
    except urllib.error.HTTPError as e:
        e.close()
        if e.code in _NOT_THERE:
            return False
        raise _unreachable(url, source, f"HTTP {e.code} {e.reason}") from e
    except (OSError, http.client.HTTPException, ValueError) as e:
        raise _unreachable(url, source, getattr(e, "reason", None) or e) from e
    if told is not None and told.isdigit() and to.stat().st_size != int(told):
        got = to.stat().st_size
        raise _unreachable(url, source, f"{got} of {told} bytes came")
    return True


def _request(url: str) -> urllib.request.Request:
    """Ask for an address; who asks (`user:password@`) goes in a header, and to that host alone.

    What is no ASCII goes as UTF-8, percent-encoded.
    """
    parts = urlsplit(url)
    who, _, host = parts.netloc.rpartition("@")
    host = host if host.isascii() else host.encode("idna").decode()
    address = quote(urlunsplit(parts._replace(netloc=host)), safe=string.punctuation)
    request = urllib.request.Request(address)
    if who:
        sent = base64.b64encode(unquote(who).encode()).decode()
        request.add_unredirected_header("Authorization", f"Basic {sent}")
    return request


def _unreachable(url: str, source: str, why: object) -> Unreachable:
    return Unreachable(
        f"source `{source}` can't be reached: {why}",
        where=url,
        hint="check the address and the network, then run the same command again",
    )
