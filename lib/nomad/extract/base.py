"""The connector port: how data comes from a source, as plain values.

Whoever writes a connector needs this module, `nomad.config.options` and `nomad.errors`, and is
found by `registry`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import NamedTuple, Protocol, runtime_checkable

from nomad.config.options import Option
from nomad.config.sources import SourceConfig
from nomad.dates import Span
from nomad.schema import Column

Window = date | Span | str | None
"""What is asked for at once: a date, a range of dates, a piece by its name, or (None) all."""


def _now() -> datetime:
    return datetime.now(UTC)


def _free() -> None:
    """Let any number of requests be made."""


@dataclass(frozen=True)
class Previous:
    """The last landing of the same window by the same options.

    `sha256` is that of its file; `cursor` is where it stopped: None, as no landing of a date or of
    all keeps one.
    """

    sha256: str
    cursor: str | None = None


class Known(NamedTuple):
    """What was landed last of one part of a source.

    `stamp` changes whenever the part does; `size` (bytes) and `sha256` are of all that was
    delivered of it so far. Each is empty where that wasn't told.
    """

    stamp: str
    size: int
    sha256: str


NEW = Known("", 0, "")
"""What is known of a part that was never landed."""


@dataclass(frozen=True)
class Request:
    """What a connector is asked for.

    The options of `source` are of the kinds that the connector declares, the required ones are
    there, and in texts the date, variables and the environment are filled in. `root` is the
    project's folder, from which relative paths go. `previous` is None where nothing was landed yet,
    or all is to be brought again. A connector asks no other clock than `clock`.

    `cursor` is where the source was left by the last file that was landed of this window: it goes
    on there. `known` is what was landed of each part, where the source lands in parts: what has the
    same stamp need not be brought again. `watermark` is the highest value landed so far of the
    column that the source names so, as text, less its overlap; with `until`, only rows below that
    value are asked for. For a sample, `limit` rows will do. `variables` are the project's.

    A connector waits by `sleep` alone, and calls `spend` before each request to a server: that one
    raises where no more may be made.
    """

    source: SourceConfig
    window: Window
    root: Path
    previous: Previous | None = None
    clock: Callable[[], datetime] = _now
    cursor: str | None = None
    watermark: str | None = None
    until: str | None = None
    known: Mapping[str, Known] = field(default_factory=dict)
    limit: int | None = None
    variables: Mapping[str, str] = field(default_factory=dict)
    sleep: Callable[[float], None] = time.sleep
    spend: Callable[[], None] = _free


@dataclass(frozen=True)
class Landed:
    """A file of this machine as the source delivered it, and what of the source it is.

    Its ending says what it is: `.csv` (in UTF-8), `.json` (one object a line, or an array) or
    `.parquet`. `dialect` is how a CSV differs from the usual: `delim`, `quote`, `escape`. What of
    `encoding` and `delimiter` the source left to be told is in `detected`. `cursor` is where the
    source was left, for the next request of a window that goes on from there.

    Of a source that lands in parts, `part` is the key of one, and `state` what is to be known of it
    next time; `appended` is that the file holds only what was added since.
    """

    path: Path
    window: Window = None
    dialect: Mapping[str, str] = field(default_factory=dict)
    cursor: str | None = None
    part: str = ""
    state: Known = NEW
    appended: bool = False
    detected: Mapping[str, str] = field(default_factory=dict)

    @property
    def format(self) -> str:
        """What it is, by its ending."""
        return self.path.suffix.removeprefix(".")


@runtime_checkable
class Connector(Protocol):
    """Brings what a source has into a folder of this machine."""

    @property
    def options(self) -> Sequence[Option]:
        """What may be said of such a source in nomad.yaml, beside what each source has."""

    def fetch(self, request: Request, into: Path) -> Iterator[Landed]:
        """Write what the window holds into a folder, and name each file once it is whole.

        The folder is there, empty, this call's alone, and gone when its files are landed; they are
        moved from there into the lake. Several of one window have one format and one header.
        Nothing is given where the source surely has what was landed as `previous`; not to tell
        costs no more than bringing it again.

        It may be asked for the same window again, at any time, by any machine; what it needs to go
        on is in the request. What it raises ends this window, not the others:

        Raises:
            SourceMissing: the source has nothing for the window.
            CursorRefused: it doesn't go on at the cursor, and nothing was given: where pages of an
                earlier run are kept, they are let go of, and it is asked from the beginning.
            Unreachable: the source can't be reached.
            Refused: what came is not what should have come.
            ConfigError: an option is wrong in a way that shows only now.
        """


@runtime_checkable
class Paged(Protocol):
    """A connector that goes on in the middle of a date, or of all, by the cursor of its last file.

    For others nobody looks whether pages were kept, which in S3 is a request.
    """

    @property
    def paged(self) -> bool:
        """Say that it does."""


class Bounds(NamedTuple):
    """The lowest and the highest value of a watermark, as text."""

    lowest: str
    highest: str


@runtime_checkable
class Chunked(Protocol):
    """A connector that brings, when asked, only rows whose watermark is below `until`.

    Of rows that lie at `watermark` and above, those below `until` are brought, the others not; of
    the first chunk of a load, those without a value as well. A connector that can
    not tell for sure what lies at a bound says so by refusing a source that has no `key`.
    """

    def bounds(self, request: Request) -> Bounds | None:
        """Say between which values rows lie, from the request's watermark on; None: there are none.

        Raises:
            ConfigError: the source can't be asked in chunks.
        """


@runtime_checkable
class PagesOnly(Protocol):
    """A connector whose cursors lead through the pages of one fetch: the next begins anew.

    Of others, a cursor says where a stream was left.
    """

    @property
    def pages_only(self) -> bool:
        """Say that it is so."""


@runtime_checkable
class OnDisk(Protocol):
    """A connector whose sources may lie on this machine, where looking costs nothing."""

    def is_here(self, request: Request) -> bool:
        """Tell whether the window's file is on this machine."""

    def header(self, source: SourceConfig, root: Path) -> tuple[Column, ...] | None:
        """Name the columns of a source that was never landed; None where that can't be told."""


@runtime_checkable
class Probing(Protocol):
    """A connector that can tell what a source has without bringing it."""

    def probe(self, request: Request) -> str:
        """Reach the source, and say on one line what it has for the window.

        It raises what `fetch` raises.
        """


@runtime_checkable
class Stamped(Protocol):
    """A connector whose files on this machine are known by size and time, without a read."""

    def stamps(self, request: Request) -> Mapping[str, str]:
        """Give each file of the window that lies on this machine, with what changes when it does.

        Empty where the source is elsewhere, or has nothing: then nothing can be told. Nor can it of
        a file with an empty text: of one so young that its next change might not show.
        """
