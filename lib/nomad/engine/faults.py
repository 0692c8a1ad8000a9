"""What DuckDB raises, said in nomad's words: what happened, where in which file, what to do."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from nomad.engine.caret import MISSPELT, NONE_THERE, UNREADABLE, bare, barred, quoted
from nomad.errors import DiskFull, LakeError, NomadError, OutOfMemory, QueryFailed
from nomad.partitions import folder_named

if TYPE_CHECKING:
    import duckdb

_T = TypeVar("_T")


class Place(NamedTuple):
    """Where a statement comes from: a file, and the line on which the statement begins."""

    path: str
    line: int


_LINE = r"(?s)\n+LINE (\d+): (.*)\n( *)\^"


def guarded(act: Callable[[], _T], at: Place | None = None, *, marked: bool = True) -> _T:
    """Run something of DuckDB's, translate what it raises; `marked` shows the line of SQL."""
    import duckdb

    try:
        return act()
    except (duckdb.OutOfMemoryException, MemoryError) as e:
        raise _out_of_memory(e, at) from e
    except duckdb.Error as e:
        raise _translated(e, at, marked=marked) from e
    except RuntimeError as e:
        if "interrupted" in str(e):
            raise KeyboardInterrupt from e
        raise


_ROOM = "make room on the disk that holds scratch (the lake's `_tmp`)"


def _out_of_memory(e: Exception, at: Place | None) -> OutOfMemory:
    """Tell which ran out: memory, or the disk that DuckDB spills to."""
    first = str(e).partition("\n")[0].removeprefix("Out of Memory Error: ").rstrip(".")
    disk = "max_temp_directory_size" in str(e)
    what = "no room left to spill" if disk else "out of memory"
    hint = "raise `engine.memory_limit`, or have the query do less at once"
    return OutOfMemory(
        f"{what}: {first}" if first else what,
        where=at and at.path,
        hint=_ROOM if disk else hint,
    )


_OUT_OF_REACH = r"for HTTP (HEAD|GET) to|^HTTP Error"
_GONE = "HTTP 404"
FULL = "No space left"
"""As DuckDB words it, whatever the locale: its errors carry no number."""


def _translated(e: duckdb.Error, at: Place | None, *, marked: bool) -> NomadError:
    text = str(e).strip()
    if re.search(_OUT_OF_REACH, text) and _GONE not in text:
        why = text.splitlines()[0].partition(": ")[2]
        return LakeError(
            f"DuckDB can't read the lake: {why}",
            where=at and at.path,
            hint="is the server up? `nomad doctor` asks it",
        )
    kind, _, rest = text.partition(": ")
    rest = rest.splitlines()[0] if kind == "INTERNAL Error" else rest
    rest = barred(rest)
    line = None
    if match := re.search(_LINE, rest):
        line = int(match[1]) if marked else None
        told = rest[: match.start()]
        rest = quoted(told, match[2], match[3], line) if line else bare(told)
    where = at and at.path and (f"{at.path}:{at.line + line - 1}" if line else at.path)
    return (DiskFull if FULL in text else QueryFailed)(
        rest or text, where=where, hint=_hint(kind, text, rest)
    )


def _hint(kind: str, text: str, told: str) -> str | None:
    if kind == "INTERNAL Error":
        return "a fault of DuckDB's own: write the query in another way"
    if f"outside the partition {folder_named('')}" in text:
        return "filter on `dt` in the query, or leave the column out of it"
    if "No files found" in text or "Cannot open file" in text or _GONE in text:
        return "is a published file gone? `nomad doctor` tells"
    if FULL in text:
        return _ROOM
    if kind == "Permission Error":
        return MISSPELT if told.startswith(NONE_THERE) else UNREADABLE
    return None
