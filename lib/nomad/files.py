"""Files of this machine: what the system says of them in our words, and none left half-written."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from nomad.errors import ConfigError, LakeError, NoRoom

_FULL = (errno.ENOSPC, errno.EDQUOT)

TAKEN = (errno.EISDIR, errno.ENOTDIR, errno.EEXIST, errno.ELOOP)
"""A folder where a file belongs, or the reverse, or a link that leads nowhere."""

IN_THE_WAY = "something else lies in its place: move it aside"


@contextmanager
def nothing_left(*paths: Path) -> Iterator[None]:
    """Take files away where the block fails: on a full disk, others need the room."""
    try:
        yield
    except BaseException:
        for path in paths:
            with suppress(OSError):
                path.unlink(missing_ok=True)
        raise


@contextmanager
def translated(key: str) -> Iterator[None]:
    """Turn the system's errors into the lake's own."""
    try:
        yield
    except OSError as e:
        kind = NoRoom if e.errno in _FULL else LakeError
        raise kind(
            f"the lake can't be used: {e.strerror or e}",
            where=(e.filename and str(e.filename)) or key,
            hint=IN_THE_WAY
            if e.errno in TAKEN
            else "check that the folder exists, is writable and has room",
        ) from e


def below(folder: Path) -> Iterator[Path]:
    """Find all that lies below a folder of a project, also behind links; each folder once.

    Raises:
        ConfigError: a folder can't be looked into. To pass over it would hide what is in it.
    """
    seen: set[tuple[int, int]] = set()
    try:
        for top, folders, names in os.walk(folder, onerror=unless_gone, followlinks=True):
            there = Path(top).stat()
            if (there.st_dev, there.st_ino) in seen:
                folders.clear()
                continue
            seen.add((there.st_dev, there.st_ino))
            folders.sort()
            yield from (Path(top, name) for name in sorted((*names, *folders)))
    except OSError as e:
        raise ConfigError(
            f"can't be looked into: {e.strerror or e}",
            where=str(e.filename or folder),
            hint="let it be read, or move it out of the project",
        ) from e


def unless_gone(error: OSError) -> None:
    """Pass over a folder that is gone meanwhile; of no other is it known what lies in it."""
    if not isinstance(error, (FileNotFoundError, NotADirectoryError)):
        raise error
