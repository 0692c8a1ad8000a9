"""Digests of texts: what tells two versions of anything apart."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable


def digest(*parts: str) -> str:
    """Digest texts in their order: 32 hex digits of sha256, each text set off from the next."""
    return digest_framed(framed(part) for part in parts)


def framed(text: str) -> bytes:
    """Encode a text so that it is set off from the next: its length in 8 bytes comes first."""
    data = text.encode()
    return len(data).to_bytes(8, "big") + data


def digest_framed(parts: Iterable[bytes]) -> str:
    """Digest texts that are framed already."""
    return hashlib.sha256(b"".join(parts)).hexdigest()[:32]
