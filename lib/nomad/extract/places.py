"""Where files lie: on a disk of this machine, in S3, at an address of HTTP, or where fsspec reads.

What a path means there, and how a file comes from there. What is in it, `delivered` knows.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import NamedTuple

from nomad.config.sources import SourceConfig
from nomad.errors import ConfigError, SourceMissing, Unreachable
from nomad.extract import patterns
from nomad.extract.base import Request

SCHEME = r"([A-Za-z][A-Za-z0-9+.-]*)://"
HTTP, S3 = ("http://", "https://"), "s3://"

_WHO = r"(?i)https?://(?:\[[^\]]*\])?[^/?#\[@]*:(?!\d*[/?#])[^/?#@]*[/?#].*@"


class Found(NamedTuple):
    """A file that a path means, by its own address; relative ones go from the project's folder.

    `stamp` is another one once the file has changed; empty where that isn't told.
    """

    address: str
    stamp: str = ""
    size: int | None = None


def is_cut_short(path: str) -> bool:
    """Tell whether a password in an address ends its host by a `/`, `?` or `#` of its own.

    Example:
        >>> is_cut_short("http://me:a/b@host/x.csv"), is_cut_short("http://host:80/x@y.csv")
        (True, False)
    """
    return bool(re.match(_WHO, path))


def address(source: SourceConfig) -> str:
    """Give the path of a source.

    Raises:
        ConfigError: a password in it can't be told from the rest.
    """
    path = str(source.options["path"])
    if is_cut_short(path):
        raise ConfigError(
            f"source `{source.name}`: the password in its address has a `/`, `?` or `#` in it",
            where=source.origin,
            hint="write `/` as %2F, `?` as %3F, `#` as %23, and `%` as %25",
        )
    return path


def is_on_disk(path: str) -> bool:
    """Tell whether a path is one of this machine."""
    return not re.match(SCHEME, path)


def may_be_several(path: str) -> bool:
    """Tell whether a path is a pattern; an address of HTTP is none, as nothing can be listed."""
    return patterns.is_pattern(path) and not path.lower().startswith(HTTP)


# Finding -----------------------------------------------------------------------------------------


def find(request: Request) -> list[Found]:
    """Name the files that the path of a source means, in order of name.

    A path that is no pattern is given as it is, unless it is of this machine.

    Raises:
        SourceMissing: there is none.
        Unreachable: the place can't be listed.
    """
    path = address(request.source)
    if is_on_disk(path):
        files = on_disk(request.root, path, request.source)
    elif not may_be_several(path):
        files = [Found(path)]
    else:
        from nomad.extract import s3

        files = [Found(*found) for found in s3.listing(path)]
    if not files:
        raise missing(str(request.root / path) if is_on_disk(path) else path, request)
    return files


def on_disk(root: Path, path: str, source: SourceConfig) -> list[Found]:
    """Name the files of this machine that a path means."""
    try:
        return [_seen(root, p) for p in patterns.on_disk(root, path)]
    except OSError as e:
        where = str(e.filename or root / path)
        raise Unreachable(f"source `{source.name}`: {e.strerror or e}", where=where) from e


def _seen(root: Path, path: Path) -> Found:
    stat = path.stat()
    key = path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)
    return Found(key, f"{stat.st_size}-{stat.st_mtime_ns}", stat.st_size)


def missing(where: str, request: Request) -> SourceMissing:
    """Say that a source has nothing for a window."""
    day = f" for {request.window}" if request.window else ""
    is_pattern = may_be_several(where)
    return SourceMissing(
        f"source `{request.source.name}` has no file{day}",
        where=where,
        hint="no file matches this pattern: check the date (a holiday?) and `path:` in nomad.yaml"
        if is_pattern
        else "check the date (a holiday?) and `path:` in nomad.yaml",
    )


# Bringing ----------------------------------------------------------------------------------------


def bring(request: Request, found: Found, to: Path) -> None:
    """Copy a file of a source to one of this machine.

    Raises:
        SourceMissing: it is not there.
        Unreachable: it can't be read.
    """
    from nomad.extract import http, s3

    path = found.address
    if path.lower().startswith(HTTP):
        there = http.download(path, to, request)
    elif path.startswith(S3):
        there = s3.download(path, to)
    else:
        path = str(request.root / path)
        there = _copy(Path(path), to, request.source)
    if not there:
        raise missing(path, request)


def _copy(path: Path, to: Path, source: SourceConfig) -> bool:
    try:
        shutil.copyfile(path, to)
    except FileNotFoundError:
        if not to.parent.is_dir():
            raise
        return False
    except OSError as e:
        raise Unreachable(f"source `{source.name}`: {e.strerror or e}", where=str(path)) from e
    return True


# Looking -----------------------------------------------------------------------------------------


def seen(request: Request) -> str:
    """Say on one line what is there of a source, without bringing it.

    Raises:
        SourceMissing: there is nothing.
        Unreachable: it can't be looked at.
    """
    files = find(request)
    if len(files) > 1:
        size = sum(f.size or 0 for f in files)
        return f"{len(files)} files, {files[0].address} to {files[-1].address}, {size:,} bytes"
    size_now = files[0].size if files[0].size is not None else _size(request, files[0].address)
    told = f"{size_now:,} bytes" if size_now is not None else "its size isn't told"
    return f"{files[0].address}, {told}"


def _size(request: Request, path: str) -> int | None:
    if path.lower().startswith(HTTP):
        from nomad.extract import http

        return http.size(path, request)
    from nomad.extract import s3

    size = s3.size(path)
    if size is None:
        raise missing(path, request)
    return size
