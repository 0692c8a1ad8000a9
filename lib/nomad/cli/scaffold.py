"""A new project: the template's files, copied into a folder. Never overwrites."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

from nomad.errors import Misuse

_PROJECT = "nomad.yaml"


def scaffold(template: Path, folder: Path) -> Iterator[tuple[str, bool]]:
    """Copy a template; give its files, relative to the folder, and whether each was made.

    What is there already is kept. A file named `dot-x` becomes `.x`: packaging tools pass over
    hidden files.

    Raises:
        Misuse: the folder is a project already, or a file, or can't be written.
    """
    sources = sorted(p for p in template.rglob("*") if p.is_file() and p.suffix != ".pyc")
    targets = {p: folder / _plain(p.relative_to(template)) for p in sources}
    if folder.exists() and not folder.is_dir():
        raise Misuse(f"{folder} is a file", hint="name a folder")
    if (project := folder / _PROJECT).exists():
        raise Misuse(f"{project} is there already; nothing was changed", hint="name another folder")
    return _copied(targets, folder)


def _plain(path: Path) -> Path:
    name = path.name
    return path.with_name("." + name.removeprefix("dot-")) if name.startswith("dot-") else path


def _copied(targets: dict[Path, Path], folder: Path) -> Iterator[tuple[str, bool]]:
    for source, target in targets.items():
        new = not target.exists()
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            if new:
                shutil.copyfile(source, target)
        except OSError as e:
            raise Misuse(f"{target} can't be written: {e.strerror or e}") from e
        yield target.relative_to(folder).as_posix(), new
