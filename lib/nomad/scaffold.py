"""A new project: the template's files, copied into a folder. Never overwrites."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

from nomad.errors import Misuse


def scaffold(template: Path, folder: Path) -> Iterator[str]:
    """Copy a template; give the files made, relative to the folder.

    A file named `dot-x` becomes `.x`: packaging tools pass over hidden files.

    Raises:
        Misuse: the folder has files of the template already, or can't be written.
    """
    sources = sorted(p for p in template.rglob("*") if p.is_file() and p.suffix != ".pyc")
    targets = {p: folder / _plain(p.relative_to(template)) for p in sources}
    for target in targets.values():
        if target.exists():
            raise Misuse(
                f"{target} is there already; nothing was changed", hint="name an empty folder"
            )
    return _copied(targets, folder)


def _plain(path: Path) -> Path:
    name = path.name
    return path.with_name("." + name.removeprefix("dot-")) if name.startswith("dot-") else path


def _copied(targets: dict[Path, Path], folder: Path) -> Iterator[str]:
    for source, target in targets.items():
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
        except OSError as e:
            raise Misuse(f"{target} can't be written: {e.strerror or e}") from e
        yield target.relative_to(folder).as_posix()
