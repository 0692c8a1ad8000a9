"""How many requests went to an S3 server, by what they were for and by kind."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from threading import Lock

KINDS = ("LIST", "HEAD", "GET", "PUT", "COPY", "DELETE", "POST")
"""The columns of a table of counts, in their order."""

_subject: ContextVar[str] = ContextVar("subject", default="lake")


@contextmanager
def about(subject: str) -> Iterator[None]:
    """Book the requests that this thread makes meanwhile under a table's name."""
    token = _subject.set(subject)
    try:
        yield
    finally:
        _subject.reset(token)


class Requests:
    """Counts, from several threads at once. Attempts are counted: a retry is a request."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, str]] = Counter()
        self._lock = Lock()

    def count(self, kind: str, number: int = 1) -> None:
        """Book requests of one kind under what the thread is about."""
        with self._lock:
            self._counts[_subject.get(), kind] += number

    def by_subject(self) -> dict[str, Counter[str]]:
        """Give the counts by kind of each table; `lake` is what was for none of them."""
        found: dict[str, Counter[str]] = {}
        with self._lock:
            for (subject, kind), number in sorted(self._counts.items()):
                found.setdefault(subject, Counter())[kind] += number
        return found

    def total(self) -> Counter[str]:
        """Give the counts by kind."""
        return sum(self.by_subject().values(), Counter())
