"""A lake in a folder. Atomic by rename, durable by fsync, compared under a lock on the folder."""

from __future__ import annotations

import hashlib
import os
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from nomad.errors import LakeError
from nomad.files import nothing_left, translated, unless_gone
from nomad.hashing import digest
from nomad.locks import Waiter, locked
from nomad.store.base import ELSEWHERE, Blob, Entry, Survey

_SCRATCH = "_tmp"
_NANO = 1e9
_MANY = 100
"""More files than that are synced by one call for all disks: 5,000 in a hundredth of the time."""
_TRIES = 20
"""So often a folder is made again that is gone as soon as it is there."""
_RACY = 2.0
"""Seconds for which a file is too young for its times to tell one version from the next."""


class LocalStore:
    """Objects are files below `root`; what is being written waits in `_tmp`, on the same disk.

    `told` is the name of the one file that is listed of a folder behind a link out of the lake.
    """

    def __init__(self, root: Path, waiter: Waiter | None = None, *, told: str = "") -> None:
        self.root = root
        self._told = told
        self._waiter = waiter or Waiter()

    def read(self, key: str) -> Blob | None:
        """Give a file whole, or None where there is none; `ELSEWHERE` by a link out of the lake."""
        with translated(key):
            try:
                if self._leads_out(f"{self.root}/{key.rpartition('/')[0]}"):
                    return Blob(ELSEWHERE, _version(ELSEWHERE))
                with (self.root / key).open("rb") as f:
                    stamp, data = _stamp(os.fstat(f.fileno())), f.read()
            except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
                return None
        return Blob(data, _version(data), stamp)

    def read_all(self, keys: Iterable[str]) -> Iterator[tuple[str, Blob | None]]:
        """Read one after another: a disk answers at once."""
        return ((key, self.read(key)) for key in keys)

    def digests(self, keys: Iterable[str]) -> Iterator[tuple[str, str | None]]:
        """Read one after another, piece by piece."""
        return ((key, self._digest(key)) for key in keys)

    def _digest(self, key: str) -> str | None:
        with translated(key):
            try:
                with (self.root / key).open("rb") as f:
                    return hashlib.file_digest(f, "sha256").hexdigest()
            except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
                return None

    def write(self, key: str, data: bytes) -> None:
        """Write beside and rename in, a mark without bytes at once; it is not synced."""
        with translated(key):
            path = self._ready(key)
            if data:
                self._beside(data, durable=False).replace(path)
            else:
                path.write_bytes(data)

    def write_if(self, key: str, data: bytes, *, expected: str | None) -> str | None:
        """Lock the folder, compare, rename in, sync the folder."""
        with translated(key):
            path = self._ready(key)
            with locked(path.parent, self._waiter, named=False):
                found = self.read(key)
                if (found.version if found else None) != expected:
                    return None
                self._beside(data, durable=True).replace(path)
                _sync(path.parent)
        return _version(data)

    def put(self, key: str, source: Path) -> None:
        """Sync the file's bytes and rename it in; the commit that follows syncs the folder."""
        with translated(key):
            self._stay_inside((self.root / key).parent)
            _sync(source)
            self._rename(source, key)

    def put_all(self, folder: str, files: Mapping[str, Path]) -> None:
        """Rename files in; of many, one call syncs the bytes of all."""
        with translated(folder):
            self._stay_inside(self.root / folder)
            if len(files) > _MANY:
                os.sync()
            for name, source in files.items():
                if len(files) <= _MANY:
                    _sync(source)
                self._rename(source, f"{folder}/{name}")

    def _rename(self, source: Path, key: str) -> None:
        """Rename a file in; another run may have tidied its folder away by then."""
        for _ in range(_TRIES):
            with suppress(FileNotFoundError):
                source.replace(self._ready(key))
                return
        source.replace(self._ready(key))

    def _stay_inside(self, folder: Path) -> None:
        """Refuse to publish by way of a link what DuckDB, held to the lake, could not read."""
        if self._holds(folder):
            return
        raise LakeError(
            "a symbolic link leads out of the lake: what is published there could not be read",
            where=str(folder),
            hint="move the folder back into the lake, or mount it there (`mount --bind`)",
        )

    def _holds(self, folder: Path) -> bool:
        return folder.resolve().is_relative_to(self.root.resolve())

    def _leads_out(self, folder: str) -> bool:
        """Tell of a folder that is a link whether what lies in it lies out of the lake."""
        return os.path.islink(folder) and not self._holds(Path(folder))  # noqa: PTH114

    def get(self, key: str, to: Path) -> None:
        """Link the file: what is published never changes."""
        with translated(key):
            os.link(self.root / key, to)

    def move(self, key: str, to: str) -> None:
        """Rename a file."""
        with translated(to):
            path = self._ready(to)
            try:
                (self.root / key).replace(path)
            except FileNotFoundError:
                return

    def delete(self, key: str) -> None:
        """Remove a file; of what is not published (`_history`, …) an empty folder goes with it.

        A table's own folders stay: the lock of its commits hangs on them.
        """
        with translated(key):
            path = self.root / key
            path.unlink(missing_ok=True)
            if key.startswith("_"):
                with suppress(OSError):
                    path.parent.rmdir()

    def tidy(self, folders: Iterable[str]) -> None:
        """Remove folders in which nothing is left, and those above them; not those of the top."""
        for folder in sorted(set(folders), key=len, reverse=True):
            path = self.root / folder
            with suppress(OSError):
                while path.parent != self.root:
                    if path.exists():
                        path.rmdir()
                    path = path.parent

    def list(self, prefix: str) -> Iterator[Entry]:
        """Walk the folder; scratch is not part of the lake.

        Behind a link out of the lake only one file is listed: nothing there can be read.
        """
        with translated(prefix):
            for folder, below, names in os.walk(self.root / prefix, onerror=unless_gone):
                base = Path(folder).relative_to(self.root)
                if base.parts[:1] != (_SCRATCH,):
                    yield from (_entry(self.root, (base / n).as_posix()) for n in sorted(names))
                    out = (n for n in sorted(below) if self._leads_out(f"{folder}/{n}"))
                    keys = ((base / n / self._told).as_posix() for n in out)
                    yield from (Entry(key, "", 0.0) for key in keys if self.exists(key))

    def survey(self, prefix: str, name: str) -> Survey:
        """Ask the disk for each folder's file, and when the folder last changed.

        From an open folder on and by way of text: a `Path` each would take longer than the disk.
        """
        found: dict[str, str] = {}
        changes: list[int] = []
        now, top = time.time(), f"{self.root}/{prefix}"
        with translated(prefix), _opened(top) as base:
            for folder, link in _folders(base):
                try:
                    seen = os.stat(f"{folder}/{name}", dir_fd=base)
                    changes.append(os.stat(folder, dir_fd=base).st_ctime_ns)
                except (FileNotFoundError, NotADirectoryError):
                    continue
                out = link and self._leads_out(f"{top}/{folder}")
                found[folder] = "" if out else _stamp(seen, now)
        if "." in found:
            found[""] = found.pop(".")
        sure = all(found.values()) and now - max(changes, default=0) / _NANO > _RACY
        return Survey(found, digest(repr(changes)) if sure else "")

    def exists(self, key: str) -> bool:
        """Ask the disk."""
        return os.path.isfile(f"{self.root}/{key}")  # noqa: PTH113  by way of text: see `survey`

    def folders(self, prefix: str) -> Sequence[str]:
        """List the folders right below."""
        with translated(prefix):
            try:
                with os.scandir(self.root / prefix) as found:
                    return sorted(e.name for e in found if e.is_dir())
            except (FileNotFoundError, NotADirectoryError):
                return []

    def uri(self, key: str) -> str:
        """Give the absolute path."""
        return f"{self.root}/{key}"

    @property
    def scratch(self) -> Path:
        """The folder for what is not yet published: from there, `put` is a rename."""
        return self.root / _SCRATCH

    def _ready(self, key: str) -> Path:
        path = self.root / key
        if not path.parent.is_dir():
            _make(path.parent)
        return path

    def _beside(self, data: bytes, *, durable: bool) -> Path:
        beside = self.scratch / f"{uuid.uuid4().hex}.part"
        if not beside.parent.is_dir():
            beside.parent.mkdir(parents=True, exist_ok=True)
        with nothing_left(beside), beside.open("wb") as f:
            f.write(data)
            if durable:
                f.flush()
                os.fsync(f.fileno())
        return beside


def _entry(root: Path, key: str) -> Entry:
    try:
        found = (root / key).stat()
    except FileNotFoundError:
        return Entry(key, "", 0.0)
    return Entry(key, _stamp(found), time.time() - found.st_mtime)


@contextmanager
def _opened(folder: str) -> Iterator[int | None]:
    """Open a folder for calls that go on from there; None where there is none."""
    try:
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except (FileNotFoundError, NotADirectoryError):
        yield None
        return
    try:
        yield handle
    finally:
        os.close(handle)


def _folders(base: int | None) -> list[tuple[str, bool]]:
    """Name an open folder (`.`), then what lies in it, and whether it is a link."""
    if base is None:
        return []
    with os.scandir(base) as found:
        return [(".", False), *[(e.name, e.is_symlink()) for e in found]]


def _stamp(found: os.stat_result, now: float = 0.0) -> str:
    """Tell a file's version by its times and place, once it is old enough for that.

    How old it is, the time of its last change tells: no one can set that one.
    """
    if (now or time.time()) - found.st_ctime < _RACY:
        return ""
    return f"{found.st_ino}-{found.st_mtime_ns}-{found.st_ctime_ns}-{found.st_size}"


def _version(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _make(folder: Path) -> None:
    """Make a folder, and sync each new link on the way to it."""
    if not folder.parent.is_dir():
        _make(folder.parent)
    folder.mkdir(exist_ok=True)
    _sync(folder.parent)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
