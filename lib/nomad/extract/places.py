"""Where files lie: what a path means there, and how a file comes from there.

Here is what all places share, and a disk of this machine; others are `servers`.
"""

from __future__ import annotations

import re
import shutil
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple, Protocol

from nomad.config.sources import SourceConfig
from nomad.errors import ConfigError, SourceMissing, Unreachable
from nomad.extract import patterns
from nomad.extract.base import Request

SCHEME = r"([A-Za-z][A-Za-z0-9+.-]*)://"
HTTP, S3 = ("http://", "https://"), "s3://"

_WHO = r"(?i)https?://(?:\[[^\]]*\])?[^/?#\[@]*:(?!\d*[/?#])[^/?#@]*[/?#].*@"


class Found(NamedTuple):
    """A file that a path means, by its own address; relative ones go from the project's folder.

    Only over HTTP does it say who asks. `stamp` is another one once the file has changed; empty
    where that isn't told.
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


def key(address: str) -> str:
    """Give the address by which a file is known next time, without anything secret.

    Example:
        >>> key("https://me:pw@host/a.csv?token=x"), key("in/a@b?.csv")
        ('https://host/a.csv', 'in/a@b?.csv')
    """
    bare = re.sub(r"[?#].*", "", address) if address.lower().startswith(HTTP) else address
    return re.sub(r"(?<=://)[^/]*@", "", bare)


class Place(Protocol):
    """Where the files of a source lie, for as long as it is open."""

    def find(self) -> list[Found]:
        """Name the files that the path means, in order of name; none where there are none.

        A path that is no pattern may be given as it is, unlooked at.

        Raises:
            Unreachable: the place can't be listed.
        """

    def bring(self, found: Found, to: Path) -> bool:
        """Copy a file to one of this machine; False where it is not there.

        Raises:
            Unreachable: it can't be read.
        """

    def size(self, found: Found) -> int | None:
        """Give the bytes of a file that is there; None where that isn't told.

        Raises:
            SourceMissing: it is not there.
            Unreachable: it can't be looked at.
        """


def find(place: Place, request: Request) -> list[Found]:
    """Name the files that the path of a source means, in order of name.

    Raises:
        SourceMissing: there is none.
        Unreachable: the place can't be listed.
    """
    files = place.find()
    if not files:
        path = address(request.source)
        raise missing(str(request.root / path) if is_on_disk(path) else path, request)
    return files


def bring(place: Place, request: Request, found: Found, to: Path) -> None:
    """Copy a file of a source to one of this machine.

    Raises:
        SourceMissing: it is not there.
        Unreachable: it can't be read.
    """
    if not place.bring(found, to):
        path = found.address
        raise missing(str(request.root / path) if is_on_disk(path) else path, request)


def missing(where: str, request: Request) -> SourceMissing:
    """Say that a source has nothing for a window."""
    day = f" for {request.window}" if request.window else ""
    nothing = "no file matches this pattern: " if may_be_several(where) else ""
    return SourceMissing(
        f"source `{request.source.name}` has no file{day}",
        where=where,
        hint=f"{nothing}check the date (a holiday?) and `path:` in nomad.yaml",
    )


# A disk ------------------------------------------------------------------------------------------


class Disk(NamedTuple):
    """A disk of this machine."""

    request: Request
    path: str

    def find(self) -> list[Found]:
        """Look for the files, also for one without a pattern; some may go meanwhile."""
        root = self.request.root
        found: list[Found] = []
        try:
            for path in patterns.on_disk(root, self.path):
                with suppress(FileNotFoundError):
                    found.append(_seen(root, path))
        except OSError as e:
            raise self._unreachable(e, Path(e.filename or root / self.path)) from e
        return found

    def bring(self, found: Found, to: Path) -> bool:
        """Copy it."""
        path = self.request.root / found.address
        try:
            shutil.copyfile(path, to)
        except FileNotFoundError:
            if not to.parent.is_dir():
                raise
            return False
        except OSError as e:
            raise self._unreachable(e, path) from e
        return True

    def size(self, found: Found) -> int | None:
        """Give what was found."""
        return found.size

    def _unreachable(self, e: OSError, path: Path) -> Unreachable:
        what = f"source `{self.request.source.name}`: {e.strerror or e}"
        return Unreachable(what, where=str(path), hint="is it there, and may it be read?")


def _seen(root: Path, path: Path) -> Found:
    stat = path.stat()
    name = path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)
    return Found(name, f"{stat.st_size}-{stat.st_mtime_ns}", stat.st_size)
