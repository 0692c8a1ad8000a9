"""Everything that can go wrong, as one tree.

    NomadError                 exit  1
    ├── StepFailed                   1   a statement or a step of a run went wrong
    │   ├── QueryFailed
    │   │   ├── OutOfMemory
    │   │   └── DiskFull
    │   ├── MissingPartition
    │   └── LostRace
    ├── Misuse                       2   the words, the files or the configuration are wrong
    │   ├── NoProject
    │   ├── ConfigError
    │   ├── SqlFileError
    │   ├── UnknownName
    │   ├── CycleError
    │   ├── EmptySelection
    │   ├── BadDate
    │   └── MigrationError
    ├── Unreachable                  3   the lake, a source or a database can't be reached
    │   ├── SourceMissing
    │   ├── CursorRefused
    │   └── LakeError
    │       ├── CorruptManifest
    │       ├── NoRoom
    │       └── Unanswered
    ├── Refused                      4   data refused by a check
    ├── Late                         5   freshness missed, or not ready yet
    │   └── Stopped                      as many requests were made as may be
    └── Busy                         6   another run holds what this one needs

An error is a value: what happened, where, and what to type next. Only `cli` turns one into words.
No secret is in it, whoever wrote it: what this process knows of secrets is kept here, once for all.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Self
from urllib.parse import quote, unquote

_SHORTEST = 8
"""A shorter text is no secret: to mask it would spoil other words."""

_hidden: set[str] = set()

_placed: dict[str, str] = {}
"""What stands before a secret in an address, with the secret and with `***` in its place."""

_DATE = r"\d{4}-?\d\d-?\d\d"
"""Nor is a date, which stands wherever a partition is named."""

_REFERENCE = r"(?!\$[{<])"
_QUOTED = r"''(?:[^'\\]|\\.)+''|'(?:[^'\\]|\\.)*'"
_PORT = r"(?!\d{1,5}(?:[^\w.@:-]|$))"
_END = r"(?=[:.,;]?(?:\s|$))"
"""A mark at the end of a word is the sentence's."""
_IN_TEXT = (
    rf"(?P<before>\b(?:ssl)?pass(?:word|wd)?\s*=\s*){_REFERENCE}(?P<said>{_QUOTED}|\S+?{_END})"
    rf"|(?P<address>://[^:/@\s]*:){_REFERENCE}{_PORT}(?P<user>[^@\s]+(?:@[^@/\s]+)*)(?=@)"
    r"|(?P<header>\bauthorization[\"']?\s*[:=]\s*[\"']?(?:(?:bearer|basic|token)\s+)?)"
    rf"{_REFERENCE}(?P<sent>[^\s\"',;)]+?(?=[\"',;)]|{_END}))"
    r"|(?P<asked>[?&;](?:[\w.-]*(?:token|secret|signature|password|passwd|pwd|credential|api.?key"
    rf"|access.?key)|sig|key|auth)=){_REFERENCE}(?P<given>[^&\s\"'#)]+?(?=[&\"'#)]|{_END}))"
)
"""Where a secret stands: in a database's address, before a host, in a header that says who one is,
behind a name that says so. What follows a host's port is no secret, though an `@` may follow."""


def hide(secret: object) -> None:
    """Mask a secret from now on wherever it turns up, also as an address spells it."""
    _hidden.update(f for f in _forms(str(secret)) if len(f) >= _SHORTEST)


def hide_after(before: str, secret: str) -> None:
    """Mask a secret of an address; one too short to be masked everywhere, behind what is before it.

    That is no more than it takes to be told apart: `?code=`, as a rule.
    """
    hide(secret)
    starts = (m.start() for m in reversed(list(re.finditer(r"[/?&;#]", before))))
    long = (before[s:] for s in starts if len(before) - s + len(secret) >= _SHORTEST)
    if tail := next(long, before):
        _placed.update({f"{tail}{form}": f"{tail}***" for form in _forms(secret)})


def _forms(secret: str) -> set[str]:
    """Give a secret as it is and as an address spells it; a date, or nothing, has none."""
    spelled = {secret, quote(secret, safe=""), unquote(secret)}
    return {form for form in spelled if form and not re.fullmatch(_DATE, form)}


def hide_in(text: str) -> None:
    """Mask from now on what stands in a text where secrets do."""
    for match in re.finditer(_IN_TEXT, text, re.IGNORECASE):
        hide((match["said"] or match["user"] or match["sent"] or match["given"]).strip("'"))
        for part in re.split(r"[/?#@]", match["user"] or ""):
            hide(part)


def masked(text: str) -> str:
    """Put `***` for what is secret: what is known to be, and what stands where secrets do.

    Example:
        >>> masked("postgres:dbname=shop password=hunter2"), masked("postgres://me:hunter2@db/shop")
        ('postgres:dbname=shop password=***', 'postgres://me:***@db/shop')
        >>> masked("http://host/x.csv?day=1&token=abc&page=2")
        'http://host/x.csv?day=1&token=***&page=2'
        >>> masked("host=db password='hunter 2' port=1"), masked("http://host:8080/x@y")
        ('host=db password=*** port=1', 'http://host:8080/x@y')
    """
    for placed in sorted(_placed, key=len, reverse=True):
        text = text.replace(placed, _placed[placed])
    for secret in sorted(_hidden, key=len, reverse=True):
        text = text.replace(secret, "***")
    return re.sub(_IN_TEXT, _starred, text, flags=re.IGNORECASE)


def _starred(match: re.Match[str]) -> str:
    return (match["before"] or match["address"] or match["header"] or match["asked"]) + "***"


class NomadError(Exception):
    """Something a user can meet: `what` went wrong, `where`, and a `hint` of what to do next."""

    exit_code = 1
    told = False
    """Whether the user has read it already."""

    def __init__(self, what: str, *, where: str | None = None, hint: str | None = None) -> None:
        super().__init__(masked(what))
        self.what = masked(what)
        self.where = where and masked(where)
        self.hint = hint and masked(hint)

    def __str__(self) -> str:
        """The first line of the message: `where: what`."""
        return f"{self.where}: {self.what}" if self.where else self.what

    def replace(
        self, *, what: str | None = None, where: str | None = None, hint: str | None = None
    ) -> Self:
        """Give the same error told otherwise; what is not given stays as it is."""
        told = type(self)(what or self.what, where=where or self.where, hint=hint or self.hint)
        told.__cause__ = self.__cause__
        return told.with_traceback(self.__traceback__)

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle whole, so that a step may run in another process."""
        return (_rebuild, (type(self), self.what, self.where, self.hint))


def _rebuild(kind: type[NomadError], what: str, where: str | None, hint: str | None) -> NomadError:
    return kind(what, where=where, hint=hint)


class StepFailed(NomadError):
    """A step of a run went wrong."""


class QueryFailed(StepFailed):
    """DuckDB refused or broke off a statement."""


class OutOfMemory(QueryFailed):
    """A statement needs more memory than there is, or more room to spill."""


class DiskFull(QueryFailed):
    """A statement finds no room on the disk for what it writes."""


class MissingPartition(StepFailed):
    """A query asks for a partition that nobody has published.

    `key` is that of the manifest which isn't there, where it is known.
    """

    key: str | None = None

    def replace(
        self, *, what: str | None = None, where: str | None = None, hint: str | None = None
    ) -> Self:
        """Give the same error told otherwise."""
        told = super().replace(what=what, where=where, hint=hint)
        told.key = self.key
        return told


class LostRace(StepFailed):
    """Another run published the partition between this run's look and its commit."""


class Misuse(NomadError):
    """The words typed, the files or the configuration are wrong."""

    exit_code = 2


class NoProject(Misuse):
    """There is no `nomad.yaml` here or above."""


class ConfigError(Misuse):
    """`nomad.yaml` has one or more faults."""


class SqlFileError(Misuse):
    """A SQL file can't be understood."""


class UnknownName(Misuse):
    """A table or source that the project does not have."""


class CycleError(Misuse):
    """Tables that need each other."""


class EmptySelection(Misuse):
    """A selection that matches nothing."""


class BadDate(Misuse):
    """A date or a range that is none."""


class MigrationError(Misuse):
    """A migration was edited or removed after it had been applied."""


class Unreachable(NomadError):
    """The lake, a source or a database can't be reached."""

    exit_code = 3


class SourceMissing(Unreachable):
    """A source has nothing for the date."""


class CursorRefused(Unreachable):
    """A source does not go on where an earlier run left it."""


class LakeError(Unreachable):
    """The lake can't be read or written."""


class CorruptManifest(LakeError):
    """A manifest that is none, one of a later format, or that of another place."""

    @classmethod
    def of(cls, errors: Sequence[CorruptManifest]) -> CorruptManifest:
        """Make one of several, in which all are named."""
        first, *more = errors
        names = ", ".join(str(e.where) for e in more[:_MOST])
        left = f" and {len(more) - _MOST} more" if len(more) > _MOST else ""
        what = f"{first.what}; {names}{left} can't be read either" if more else first.what
        return cls(what, where=first.where, hint=first.hint)


_MOST = 20
"""So many manifests are named in one message."""


class NoRoom(LakeError):
    """The disk or the server has no room for what is to be written."""


class Unanswered(LakeError):
    """A write was sent to the lake; whether it was done isn't known."""


class Refused(NomadError):
    """Data refused by a check."""

    exit_code = 4


class Late(NomadError):
    """Freshness missed."""

    exit_code = 5


class Stopped(Late):
    """As many requests were made as a run may make; the next one goes on."""


class Busy(NomadError):
    """Another run holds what this one needs."""

    exit_code = 6


_WORST_FIRST = (129, 130, 143, 3, 2, 1, 4, 6, 5)
"""Exit codes: what was interrupted or out of reach weighs more than what failed by itself."""


def worst(codes: Iterable[int]) -> int:
    """Choose the exit code of several things that ended each with its own; 0 where all went well.

    Example:
        >>> worst([0, 4, 1, 5]), worst([1, 3]), worst([])
        (1, 3, 0)
    """
    found = set(codes)
    return next((code for code in _WORST_FIRST if code in found), 0)


def page(name: str) -> str:
    """Say where a page of the documentation lies: in the checkout, or in the installed package."""
    here = Path(__file__).parent
    places = (here.parents[1] / "docs" / name, here / "docs" / name)
    return str(next((p for p in places if p.is_file()), f"docs/{name}"))
