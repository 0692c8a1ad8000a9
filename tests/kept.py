"""A project that is built once, and put back in its place for each test that wants it built."""

from __future__ import annotations

import itertools
import shutil
from pathlib import Path


class Kept:
    """Keeps a copy of the folder `place`. A catalog names its lake by its path: so it stays put.

    What a test leaves there is moved aside, not removed: a process may still be in it.
    """

    def __init__(self, root: Path) -> None:
        self._root, self._numbers = root, itertools.count(1)
        self.place = root / "now" / "project"

    def keep(self) -> None:
        """Keep what lies in the place by now."""
        shutil.copytree(self.place, self._root / "kept", symlinks=True)

    def anew(self) -> Path:
        """Put the place back to what was kept."""
        now = self.place.parent
        if now.exists():
            now.rename(self._root / f"before-{next(self._numbers)}")
        shutil.copytree(self._root / "kept", self.place, symlinks=True)
        return self.place
